"""Networks for chips that are checked: chains of one kind of neuron, and one that has all that a rule looks at."""

from __future__ import annotations

from typing import Any

import numpy as np

from spear_deploy.network import Conv2d, Flatten, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.ops import LinearOp, Shape, chain_shapes


def neuron(shape: Shape, *, alpha: float = 0.0, beta: float = 1.0, **others: Any) -> Neuron:
    """Return integrate-and-fire neurons, or others."""
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    given = {"threshold": one, **others}
    return Neuron(alpha=alpha * one, beta=beta * one, gain=one, bias=zero, reset_value=zero, **given)


def chain(shape: Shape, *layers: tuple[LinearOp, ...], **others: Any) -> Network:
    """Return a network of layers in a row, all of one kind of neuron."""
    populations: list[Input | Population] = [Input("input", shape)]
    projections = []
    for number, ops in enumerate(layers):
        shape = chain_shapes(ops, shape)[-1]
        projections.append(Projection(f"to{number}", populations[-1].name, f"layer{number}", ops))
        populations.append(Population(f"layer{number}", shape, neuron(shape, **others)))
    return Network(tuple(populations), tuple(projections), (populations[-1].name,))


def matrix(rows: int, columns: int, seed: int | None = None) -> tuple[LinearOp, ...]:
    """Return a matrix of ones, or of random weights."""
    ones = np.ones((rows, columns), np.float32)
    return (Linear(ones if seed is None else np.random.default_rng(seed).normal(0, 1, ones.shape).astype(np.float32)),)


def kernel(features: int, channels: int, side: int, **options: Any) -> tuple[LinearOp, ...]:
    """Return a convolution of ones; ``channels`` are those of its whole input."""
    per_group = channels // options.get("groups", 1)
    return (Conv2d(np.ones((features, per_group, side, side), np.float32), None, **options),)


def with_everything() -> Network:
    """A convolution, a matrix with a loop and a delay, a readout; lower limits, random weights, several cores."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 1, (2, 1, 3, 3)).astype(np.float32)
    shapes = {"maps": (2, 6, 6), "hidden": (20,), "out": (3,)}
    populations = (
        Input("input", (1, 6, 6)),
        Population("maps", shapes["maps"], neuron(shapes["maps"], floor=-1.0)),
        Population("hidden", shapes["hidden"], neuron(shapes["hidden"], reset="subtract", spikes="integer")),
        Population("out", shapes["out"], neuron(shapes["out"], threshold=None)),
    )
    projections = (
        Projection("convolve", "input", "maps", (Conv2d(weights, padding=(1, 1)),)),
        Projection("flat", "maps", "hidden", (Flatten(), *matrix(20, 72, 1)), delay=3),
        Projection("back", "hidden", "hidden", matrix(20, 20, 2), delay=1),
        Projection("read", "hidden", "out", matrix(3, 20, 3)),
    )
    return Network(populations, projections, ("out",))
