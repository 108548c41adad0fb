"""The emulator against the equations, one addition at a time, and in the network's time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spear_deploy.execution import Execution
from spear_deploy.network.synapses import DenseSynapses
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.xylo.core import Core, run_core
from spear_deploy.targets.xylo.emulator import XyloEmulator, chip_input
from spear_deploy.targets.xylo.program import Shifts, XyloPopulation, XyloProgram

from .equations import run
from .programs import random_events, random_program


def single(weight: int, threshold: int, dash_syn: int = 2, dash_mem: int = 3, bias: int = 0) -> XyloProgram:
    """One hidden neuron that one output copies."""

    def population(name: str, is_output: bool, *registers: int) -> XyloPopulation:
        return XyloPopulation(name, (1,), is_output, int(is_output), np.ones(1), *(np.int32([r]) for r in registers))

    hidden = population("hidden", False, dash_syn, dash_mem, threshold, bias)
    out = population("out", True, 1, 1, 10, 0)
    synapses = (
        DenseSynapses("in", "input", "hidden", np.int32([[weight]])),
        DenseSynapses("on", "hidden", "out", np.int32([[127]])),
    )
    return XyloProgram("", (InputPort("input", (1,), 15),), (hidden, out), synapses, Shifts(), ("out",))


def impulse(program: XyloProgram, steps: int = 8) -> tuple[list[int], list[int], list[int], list[int]]:
    x = np.zeros((steps, 1, 1), np.uint8)
    x[0] = 1
    found = run_core(Core.of(program), x, states=True)
    return tuple(
        a[:, 0, n].tolist()
        for a, n in ((found.currents, 0), (found.membranes, 0), (found.spikes, 0), (found.spikes, 1))
    )  # type: ignore[return-value]


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_give_what_the_equations_say(seed: int) -> None:
    """Spikes, currents and membranes of all neurons, saturation and its order included."""
    program = random_program(seed)
    x = random_events(program, 25, 2, seed)
    core = Core.of(program)
    found = run_core(core, x, states=True)
    for sample in range(2):
        for name, expected in run(program, {"input": x[:, sample]}).items():
            part = core.neurons[name]
            for ours, theirs in zip((found.spikes, found.currents, found.membranes), expected, strict=True):
                np.testing.assert_array_equal(ours[:, sample, part], theirs, err_msg=name)


def test_extremes_are_reached() -> None:
    """The random programs reach both limits, and 31 spikes in a step: they test what is seldom."""
    spikes, lowest, highest = 0, 0, 0
    for seed in range(40):
        program = random_program(seed)
        found = run_core(Core.of(program), random_events(program, 25, 2, seed), states=True)
        spikes = max(spikes, int(found.spikes.max()))
        lowest, highest = min(lowest, int(found.membranes.min())), max(highest, int(found.currents.max()))
    assert (spikes, lowest) == (31, -32768)
    assert highest > 16000


def test_an_impulse_gives_the_published_traces() -> None:
    """Measured on xylosim 0.1.3: weight 64 and -64, dashes 2 and 3, threshold 100."""
    currents, membranes, spikes, outputs = impulse(single(64, 100))
    assert currents == [48, 36, 27, 21, 16, 12, 9, 7]
    assert membranes == [48, 78, 96, 5, 20, 30, 36, 39]
    assert spikes == [0, 0, 0, 1, 0, 0, 0, 0]
    assert outputs == [0, 0, 0, 0, 1, 1, 1, 1]
    assert impulse(single(-64, 100))[0] == [-48, -36, -27, -20, -15, -11, -8, -6]


def test_corners() -> None:
    """A decay shift of 0 delivers nothing; v at its threshold fires; the least membrane has no negative."""
    assert impulse(single(100, 50, dash_syn=0))[0] == [0] * 8
    assert impulse(single(100, 75, dash_syn=2))[2][0] == 1
    pushed = single(0, 100, dash_mem=0, bias=-32768)
    assert impulse(pushed)[1][:2] == [-32768, -32768]


def test_a_batch_is_its_samples_and_threads_change_nothing() -> None:
    """Samples do not see each other, however they are run."""
    program = random_program(3)
    x = random_events(program, 30, 7, 1)
    together = XyloEmulator(program).run({"input": x}, membranes=True, clips=True)
    threads = XyloEmulator(program, Execution(threads=3)).run({"input": x}, membranes=True, clips=True)
    for name in ("first", "out"):
        alone = [XyloEmulator(program).run({"input": x[:, k : k + 1]}).spikes[name] for k in range(7)]
        np.testing.assert_array_equal(together.spikes[name], np.concatenate(alone, axis=1))
        np.testing.assert_array_equal(together.spikes[name], threads.spikes[name])
        np.testing.assert_array_equal(together.membrane[name], threads.membrane[name])
    assert together.clips == threads.clips


def test_time_is_the_networks() -> None:
    """A population is recorded from the step in which the input reaches it, to as many steps as the input has."""
    program = single(127, 50)
    x = np.zeros((3, 1, 1), np.uint8)
    x[2] = 1
    found = XyloEmulator(program).run({"input": x})
    assert chip_input(program, {"input": x}).shape == (4, 1, 1)
    assert found.spikes["hidden"][:, 0, 0].tolist() == [0, 0, 1]
    assert found.spikes["out"][:, 0, 0].tolist() == [0, 0, 1]


def test_clips_are_counted() -> None:
    """Steps in which a current or membrane is at its limit, of all steps of the chip."""
    program = replace(single(127, 32767, dash_syn=15, dash_mem=15), shifts=Shifts(input=8))
    found = XyloEmulator(program).run({"input": np.full((4, 2, 1), 15, np.uint8)}, clips=True)
    assert found.clips["hidden"].bins == 10
    assert found.clips["hidden"].currents >= 8
    assert found.clips["hidden"].membranes == 4  # what fires at its limit is at 0 in the step behind
    assert (found.clips["out"].currents, found.clips["out"].membranes) == (0, 0)
