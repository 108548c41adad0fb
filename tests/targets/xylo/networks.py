"""Float networks for Xylo: small, recurrent, in the chip's own neuron unless told otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.xylo.target import XyloCompiler


def neuron(size: int, **values: Any) -> Neuron:
    """Return Xylo's neuron with decays of 3/4 and 7/8, or another one."""
    full = np.ones(size, np.float32)
    parts = {"alpha": 0.75, "beta": 0.875, "gain": 1.0, "bias": 0.0, "reset_value": 0.0, "threshold": 1.0}
    kinds = {"reset": "subtract", "compare": "ge", "spikes": "integer", "reset_delay": False, "floor": None}
    parts |= {key: value for key, value in values.items() if key in parts}
    kinds |= {key: value for key, value in values.items() if key in kinds}
    arrays = {key: None if value is None else np.float32(value) * full for key, value in parts.items()}
    return Neuron(**arrays, **kinds)


def network(seed: int = 0, hidden: int = 12, *, recurrent: bool = True, bias: bool = True, **values: Any) -> Network:
    """Return 6 inputs, hidden neurons and 3 outputs; ``values`` are the hidden neuron's."""
    rng = np.random.default_rng(seed)

    def linear(rows: int, columns: int, size: float, has_bias: bool = False) -> tuple[Linear]:
        weight = rng.normal(0, size, (rows, columns)).astype(np.float32)
        return (Linear(weight, rng.normal(0, 0.01, rows).astype(np.float32) if has_bias else None),)

    populations = (
        Input("input", (6,)),
        Population("hidden", (hidden,), neuron(hidden, **values)),
        Population("out", (3,), neuron(3, spikes="binary")),
    )
    projections = [
        Projection("into", "input", "hidden", linear(hidden, 6, 0.3, bias)),
        Projection("on", "hidden", "out", linear(3, hidden, 0.15)),
    ]
    if recurrent:
        projections.append(Projection("back", "hidden", "hidden", linear(hidden, hidden, 0.04), delay=1))
    return Network(populations, tuple(projections), ("out",))


def spikes(steps: int = 40, samples: int = 16, channels: int = 6, seed: int = 1) -> np.ndarray:
    """Return input (T, B, channels)."""
    return (np.random.default_rng(seed).random((steps, samples, channels)) < 0.3).astype(np.uint8)


def compiler(x: np.ndarray | None = None, chip: str = "xylo_audio2", **options: Any) -> XyloCompiler:
    """Return a compiler for input such as this."""
    ranges = {"input": InputRange() if x is None else InputRange.of(x)}
    bound = compiler_for(load_chip(chip), ranges, LoweringOptions(**options))
    assert isinstance(bound, XyloCompiler)
    return bound
