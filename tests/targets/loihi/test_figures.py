"""Every figure of a profile is used: changed alone it changes a program, a placement, a finding, an energy, a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spear_deploy.chips import estimate
from spear_deploy.chips.latency import CoreWork, step_time
from spear_deploy.errors import SpearError
from spear_deploy.network import Conv2d, Flatten, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.targets import InputRange, LoweringOptions, load_chip
from spear_deploy.targets.loihi.profile import LoihiProfile
from spear_deploy.targets.loihi.program import REGISTERS
from spear_deploy.targets.loihi.target import LOIHI
from tests.targets.figures import paths

OTHER = {
    "chips": 2,
    "neurons_per_core": 40,
    "word_bits": 48,
    "words_per_core": 120,
    "vector_words_per_core": 20,
    "axons_in_per_core": 12,
    "axons_out_per_core": 12,
    "bits_min": 5,
    "bits_max": 5,
    "exponent_max": 0,
    "threshold_bits": 8,
    "threshold_shift": 4,
    "decay_bits": 8,
    "bias_mantissa_max": 20,
    "bias_exponent_max": 1,
    "state_bits": 14,
    "resets": ("zero", "subtract"),
    "subtract_compartments": 3,
    "payload_bits": 3,
    "delay_max": 1,
    "header_bits": 60,
    "dense_index_bits": 30,
    "conv_index_bits": 40,
    "block_synapses": 3,
    "entries": 9,
    "cores_per_chip": 2,
}
"""Another value of each figure; truths are turned round and energies doubled."""


def changed(value: Any, path: tuple[str, ...], name: str = "") -> Any:
    """Return ``value`` with another figure at ``path``."""
    if path:
        return replace(value, **{path[0]: changed(getattr(value, path[0]), path[1:], path[0])})
    if isinstance(value.value, bool):
        return replace(value, value=not value.value)
    if name == "per":
        return replace(value, value="position" if value.value != "position" else "projection")
    return replace(value, value=OTHER[name] if name in OTHER else 2 * value.value)


def neurons(shape: tuple[int, ...], **values: Any) -> Neuron:
    full = np.ones(shape, np.float32)
    parts = {"alpha": 0.3, "beta": 0.9, "gain": 1.0, "bias": 0.07, "reset_value": 0.0, "threshold": 1.5} | values
    kinds = {name: parts.pop(name) for name in ("reset", "reset_delay") if name in parts}
    return Neuron(**{name: value * full for name, value in parts.items()}, **kinds)


def small() -> Network:
    """Return convolutions, matrices, a skip that waits, and a neuron that subtracts."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    populations = (
        Input("in", (2, 6, 6)),
        Population("map", (8, 4, 4), neurons((8, 4, 4))),
        Population("narrow", (4, 3, 3), neurons((4, 3, 3))),
        Population("hidden", (30,), neurons((30,), reset="subtract")),
        Population("middle", (20,), neurons((20,), bias=0.3)),
        Population("last", (10,), neurons((10,))),
        Population("out", (5,), neurons((5,))),
    )
    projections = (
        Projection("a", "in", "map", (Conv2d(weights(8, 2, 3, 3)),)),
        Projection("n", "map", "narrow", (Conv2d(weights(4, 8, 2, 2)),)),
        Projection("b", "narrow", "hidden", (Flatten(), Linear(weights(30, 36)))),
        Projection("c", "hidden", "middle", (Linear(weights(20, 30)),)),
        Projection("d", "middle", "last", (Linear(weights(10, 20)),)),
        Projection("e", "last", "out", (Linear(weights(5, 10)),)),
        Projection("skip", "hidden", "out", (Linear(weights(5, 30)),)),
    )
    return Network(populations, projections, ("out",))


def late() -> Network:
    """Return neurons that reset in the step after the spike."""
    op = Linear(np.ones((3, 4), np.float32))
    cells = Population("p", (3,), neurons((3,), reset_delay=True))
    return Network((Input("in", (4,)), cells), (Projection("w", "in", "p", (op,)),), ("p",))


def weak() -> Network:
    """Return weights so small beside the threshold that they want an exponent."""
    op = Linear(np.full((3, 4), 0.001, np.float32) * np.arange(1, 5, dtype=np.float32))
    cells = Population("p", (3,), neurons((3,), threshold=0.5, bias=0.0))
    return Network((Input("in", (4,)), cells), (Projection("w", "in", "p", (op,)),), ("p",))


def driven() -> Network:
    """Return neurons whose bias is many thresholds: the scale is what its register leaves."""
    op = Linear(np.full((3, 4), 0.5, np.float32))
    cells = Population("p", (3,), neurons((3,), alpha=0.0, bias=400.0))
    return Network((Input("in", (4,)), cells), (Projection("w", "in", "p", (op,)),), ("p",))


def results(chip: LoihiProfile) -> list[Any]:
    """Everything that a chip makes of some networks, inputs and options."""
    few = replace(chip, capacity=replace(chip.capacity, cores_per_chip=replace(chip.capacity.cores_per_chip, value=2)))
    cases: list[tuple[LoihiProfile, Network, InputRange, LoweringOptions]] = [
        (chip, small(), InputRange(), LoweringOptions()),
        (chip, small(), InputRange(1.0, integral=False), LoweringOptions()),
        (chip, small(), InputRange(3.0), LoweringOptions(weight_bits=4)),
        (chip, weak(), InputRange(), LoweringOptions()),
        (chip, late(), InputRange(), LoweringOptions()),
        (chip, driven(), InputRange(), LoweringOptions()),
        (few, small(), InputRange(), LoweringOptions()),
    ]
    work = CoreWork(*np.array([[1.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, 100.0, 0.0], [0.0, 0.0, 1000.0]]))
    times = step_time(chip, work), [work.parts(chip.time, end).tolist() for end in ("low", "high") if chip.time]
    energy = estimate(chip, synops=1.0, neuron_updates=10.0, spikes=100.0)
    return [*(outcome(*case) for case in cases), energy, times]


def outcome(chip: LoihiProfile, network: Network, values: InputRange, options: LoweringOptions) -> list[Any]:
    try:
        lowered = LOIHI.compiler(chip, {"in": values}, options).lower(network)
    except SpearError as error:
        return [str(error)]
    program = lowered.program
    registers = [[getattr(p, name).tolist() for name in REGISTERS] for p in program.populations]
    weights = [(p.synapses.weight.tolist(), p.exponent, p.delay) for p in program.projections]
    ports = [(port.max_value, port.scale) for port in program.inputs]
    return [registers, weights, ports, program.arithmetic, lowered.placement, lowered.findings]


@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
def test_every_figure_is_used(name: str) -> None:
    """No figure can be changed without a trace."""
    chip = load_chip(name)
    assert isinstance(chip, LoihiProfile)
    before = results(chip)
    unused = []
    for path in paths(chip):
        other = changed(chip, path)
        assert other != chip, path
        if repr(results(other)) == repr(before):
            unused.append(".".join(path))
    assert not unused


def test_decays_of_other_widths_are_rescaled() -> None:
    """With 8 bits a decay of 0.1 is 26 of 256: it is rounded in the chip's own unit, never clipped to another's."""
    chip = load_chip("loihi2")
    lowered = LOIHI.compiler(changed(chip, ("neuron", "decay_bits")), {}, LoweringOptions()).lower(small())
    assert {int(p.dv) for p in lowered.program.populations} == {26}
    assert lowered.program.arithmetic.decay_unit == 256


def test_a_membrane_of_few_bits_clips_where_the_chip_does() -> None:
    """The emulator computes with the profile's widths: v stays within 14 bits."""
    chip = load_chip("loihi2")
    lowered = LOIHI.compiler(changed(chip, ("neuron", "state_bits")), {}, LoweringOptions()).lower(small())
    x = np.ones((30, 2, 2, 6, 6), np.uint8)
    recording = lowered.emulate(x)
    assert max(np.abs(v).max() for v in recording.membrane.values()) <= (1 << 13) - 1
