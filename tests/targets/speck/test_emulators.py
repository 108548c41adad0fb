"""Both emulators against plain ones: time steps by torch's convolutions, events by a Python queue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spear_deploy import Imported, Semantics, lower
from spear_deploy.execution import Execution
from spear_deploy.network import Conv2d, Flatten, Linear, Network, Population
from spear_deploy.targets.speck.emulator.events import EventEmulator
from spear_deploy.targets.speck.emulator.steps import StepEmulator
from spear_deploy.targets.speck.program import SpeckProgram
from tests.targets.speck.networks import branched, chain, conv, counts, random_network
from tests.targets.speck.oracles import by_events, in_steps


def program_of(network: Network, x: np.ndarray) -> SpeckProgram:
    program = lower(Imported(network, Semantics(dt=1.0)), chip="speck2f", calibration=x).program
    assert isinstance(program, SpeckProgram)
    return program


def zeroing(network: Network) -> Network:
    """The network with neurons that a spike resets to zero."""
    changed = [
        replace(p, neuron=replace(p.neuron, reset="value")) if isinstance(p, Population) else p
        for p in network.populations
    ]
    return replace(network, populations=tuple(changed))


def without_biases(network: Network) -> Network:
    def bare(op: object) -> object:
        return replace(op, bias=None) if isinstance(op, Conv2d) else op

    projections = tuple(replace(p, ops=tuple(bare(op) for op in p.ops)) for p in network.projections)
    return replace(network, projections=projections)


NETWORKS = [*(random_network(seed) for seed in range(12)), branched(0), branched(1, pool=2), zeroing(random_network(3))]


@pytest.mark.parametrize("network", NETWORKS, ids=range(len(NETWORKS)))
def test_steps(network: Network) -> None:
    """Every spike and every last membrane is that of plain time steps."""
    x = counts(network, 1)
    program = program_of(network, x)
    found = StepEmulator(program, Execution(threads=2)).run({"input": x}, membranes=True, clips=True)
    spikes, membranes = in_steps(program, x)
    assert any(each.any() for each in spikes.values())
    for layer in program.populations:
        np.testing.assert_array_equal(found.spikes[layer.name], spikes[layer.name])
        np.testing.assert_array_equal(found.membrane[layer.name][-1].ravel(), membranes[layer.name].ravel())
        assert found.clips[layer.name].bins == spikes[layer.name].size


@pytest.mark.parametrize("network", NETWORKS, ids=range(len(NETWORKS)))
def test_events(network: Network) -> None:
    """Every spike is that of a plain queue of events, and fan-outs count the weights that it added, zeros too."""
    network = without_biases(network)
    x = counts(network, 1, samples=1)
    program = program_of(network, x)
    events = np.random.default_rng(2).permutation(np.argwhere(x.sum(axis=(0, 1))))[:60]
    wanted, synops = by_events(program, [tuple(event) for event in events.tolist()])
    found = EventEmulator(program).run_stream(events)
    for name, fired in wanted.items():
        np.testing.assert_array_equal(found[name].ravel(), fired.ravel())
    assert sum(int(found[fan.source].ravel() @ fan.nonzero) for fan in program.fan_outs) == synops > 0


def test_a_batch_is_its_streams() -> None:
    """Steps of one event each are the stream; samples do not touch one another, whatever the threads."""
    network = without_biases(random_network(5))
    events = np.random.default_rng(0).integers(0, np.array(network.inputs[0].shape), (40, 3))
    x = np.zeros((40, 2, *network.inputs[0].shape), np.uint8)
    x[(np.arange(40), 0, *events.T)] = 1
    x[(np.arange(40), 1, *events[::-1].T)] = 1
    program = program_of(network, x)
    found = EventEmulator(program, Execution(threads=2)).run({"input": x}, membranes=True)
    for sample, stream in enumerate((events, events[::-1])):
        alone = EventEmulator(program).run_stream(stream)
        for layer in program.populations:
            np.testing.assert_array_equal(found.spikes[layer.name][:, sample].sum(axis=0), alone[layer.name])


def test_biases_tick_in_front_of_a_steps_events() -> None:
    """A bias of a quarter of the threshold fires every fourth step, without any event."""
    weight = np.ones((1, 1, 1, 1), np.float32)
    network = chain((1, 2, 2), (Conv2d(weight, np.full(1, 0.25, np.float32)),))
    x = np.zeros((12, 1, 1, 2, 2), np.uint8)
    program = program_of(network, x)
    found = EventEmulator(program).run({"input": x}).spikes["layer0"]
    np.testing.assert_array_equal(np.flatnonzero(found[:, 0, 0, 0, 0]), [3, 7, 11])


def test_a_membrane_is_held_at_16_bits_and_counted() -> None:
    """A neuron that gains two thresholds an event and fires once fills its register."""
    network = chain((1, 1, 1), (Flatten(), Linear(np.full((1, 1), 3.0, np.float32))))
    x = np.full((4, 1, 1, 1, 1), 200, np.uint8)
    program = program_of(network, x)
    found = EventEmulator(program).run({"input": x}, membranes=True, clips=True)
    assert found.membrane["layer0"].max() == 32767 - 128
    assert found.clips["layer0"].membranes > 0
    assert found.spikes["layer0"].sum() == 800


def test_registers_wider_than_16_bits_are_computed_with_where_a_threshold_fills_them() -> None:
    """A threshold far above the weights takes all 16 bits; both emulators still add every weight exactly."""
    rng = np.random.default_rng(0)
    network = chain((2, 5, 5), (conv(rng, 2, 3, 3),), threshold=400.0, floor=-400.0)
    x = np.full((200, 1, 2, 5, 5), 3, np.uint8)
    program = program_of(network, x)
    assert program.populations[0].threshold == 32767
    spikes, _ = in_steps(program, x)
    found = StepEmulator(program).run({"input": x}).spikes["layer0"]
    np.testing.assert_array_equal(found, spikes["layer0"])
    assert EventEmulator(program).run({"input": x}).spikes["layer0"].sum() > 0
