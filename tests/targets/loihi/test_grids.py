"""What Loihi's integers stand for, against the float network that they were made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from spear_deploy.network import Linear, Network
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses
from spear_deploy.simulate.record import simulate
from spear_deploy.targets import InputRange, Lowered, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.loihi.grids import grids_of
from tests.strategies import REGISTERS, Builder, generators, linear, networks, weights


def lowered(network: Network, values: InputRange | None = None) -> Lowered:
    ranges = {port.name: values or InputRange() for port in network.inputs}
    return compiler_for(load_chip("loihi2"), ranges, LoweringOptions()).lower(network)


def assert_weights_are_rounded(network: Network, found: Lowered) -> None:
    """Each weight lies half a step from its integer at most, or beyond the largest one."""
    rounded = {synapses.name: synapses.weight for synapses in found.program.synapses}
    for synapses in network.synapses:
        grid, integers = found.grids.weights[synapses.name], rounded[synapses.name]
        errors = np.abs(grid.to_float(integers) - synapses.weight) / grid.step
        beyond = np.abs(synapses.weight) / grid.step > grid.largest
        assert np.all((errors <= 0.5 + 1e-5) | (beyond & (np.abs(integers) == grid.largest)))
        assert np.abs(integers).max(initial=0) <= grid.largest


@settings(max_examples=40, deadline=None)
@given(networks())
def test_weights_are_rounded_to_the_grid(network):
    """Of any geometry, with gains and reset values of their own, into neurons and readouts."""
    assert_weights_are_rounded(network, lowered(network))


@settings(max_examples=40, deadline=None)
@given(generators())
def test_graded_input_is_part_of_the_step(rng):
    """Payloads are integers: the weights behind them stand for what a unit of the value adds."""
    build = Builder(rng, (6,))
    build.add((linear(rng, 4, 6),))
    network = build.network()
    assert_weights_are_rounded(network, lowered(network, InputRange(0.7, integral=False)))


@settings(max_examples=30, deadline=None)
@given(generators())
def test_membranes_of_a_readout_are_the_float_ones(rng):
    """Readouts with a gain for each neuron and a reset value: before rounding adds up and registers are full."""
    build = Builder(rng, (8,))
    build.add((Linear(weights(rng, 5, 8)),), readout=True)
    last = build.last
    gain = rng.uniform(0.3, 3.0, last.shape).astype(np.float32)
    build.populations[-1] = replace(last, neuron=replace(last.neuron, gain=gain))
    network, x = build.network(), (rng.random((3, 3, 8)) < 0.4).astype(np.float32)
    found = lowered(network)
    assert_weights_are_rounded(network, found)
    wanted = simulate(network, x).membrane[last.name]
    chip = found.grids.membranes[last.name].to_float(found.emulate(x).membrane[last.name])
    assert np.abs(chip - wanted).max() <= 0.02 * np.abs(wanted).max()


@pytest.mark.parametrize("conv", [False, True])
def test_a_scale_for_each_neuron_or_channel(conv):
    """Where a population has several scales, each row of its weights has a step of its own."""
    rng = np.random.default_rng(0)
    build = Builder(rng, (2, 4, 4) if conv else (6,))
    no_current = np.zeros((3, 4, 4) if conv else (3,), np.float32)  # so that no bias gets a source
    build.add((build.same(3),) if conv else (linear(rng, 3, 6),), alpha=no_current)
    network = build.network()
    program = lowered(network).program
    scale = np.array([1.0, 2.0, 4.0]).reshape((3, 1, 1) if conv else (3,))
    scaled = tuple(replace(population, scale=scale) for population in program.populations)
    grids = grids_of(network, replace(program, populations=scaled), REGISTERS)
    (synapses,) = program.synapses
    assert isinstance(synapses, ConvSynapses if conv else DenseSynapses)
    step = np.broadcast_to(grids.weights[synapses.name].step, synapses.weight.shape)
    by_row = step.reshape(3, -1)
    assert np.ptp(by_row, axis=1).tolist() == [0, 0, 0]
    np.testing.assert_allclose(by_row[:, 0] * scale.ravel(), by_row[0, 0])
    membranes = np.broadcast_to(grids.membranes["p1"].step, network["p1"].shape)
    gain = network["p1"].neuron.gain
    np.testing.assert_allclose(membranes * np.broadcast_to(scale, gain.shape) / gain, 2.0**-6, rtol=1e-6)
