"""Exponents of their own for the weights into each neuron of a readout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spear_deploy.data import SpikeSamples, Split
from spear_deploy.network import Conv2d, Linear, Network, Scale
from spear_deploy.network.ops import LinearOp
from spear_deploy.simulate.record import simulate
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.target import LoihiCompiler
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import finetune
from tests.strategies import Builder, spikes

GAINS = (1.0, 0.3, 0.05, 0.02)


def of_unlike_gains(conv: bool = False, before: tuple[LinearOp, ...] = ()) -> Network:
    """A readout, the gains of whose four neurons or channels are up to fifty times apart."""
    rng = np.random.default_rng(0)
    build = Builder(rng, (2, 4, 4) if conv else (12,))
    shape = (4, 2, 3, 3) if conv else (4, 12)
    weight = rng.normal(0, 0.3, shape).astype(np.float32)
    build.add((*before, Conv2d(weight, padding=(1, 1)) if conv else Linear(weight)), readout=True)
    last = build.last
    gain = np.broadcast_to(np.reshape(GAINS, (4, 1, 1) if conv else (4,)), last.shape).astype(np.float32)
    build.populations[-1] = replace(last, neuron=replace(last.neuron, gain=gain))
    return build.network()


def samples(network: Network) -> np.ndarray:
    return spikes(np.random.default_rng(1), 20, 8, *network.inputs[0].shape)


def compiler(network: Network, keep_to: str | None = None) -> LoihiCompiler:
    ranges = {port.name: InputRange(samples=samples(network)) for port in network.inputs}
    found = compiler_for(load_chip("loihi2"), ranges, LoweringOptions(keep_to=keep_to))
    assert isinstance(found, LoihiCompiler)
    return found


def program_of(network: Network, keep_to: str | None = None) -> LoihiProgram:
    program = compiler(network, keep_to).lower(network).program
    assert isinstance(program, LoihiProgram)
    return program


def errors(network: Network, keep_to: str | None = None) -> np.ndarray:
    """The root mean square error of each unit's membrane as a share of that unit's own."""
    lowered, (name,), x = compiler(network, keep_to).lower(network), network.outputs, samples(network)
    wanted = simulate(network, x).membrane[name]
    chip = lowered.grids.membranes[name].to_float(lowered.emulate(x).membrane[name])
    axes = tuple(axis for axis in range(wanted.ndim) if axis != 2)
    share: np.ndarray = np.sqrt(((chip - wanted) ** 2).mean(axis=axes) / (wanted**2).mean(axis=axes))
    return share


@pytest.mark.parametrize("conv", [False, True])
def test_weak_neurons_keep_their_levels(conv):
    """Membranes of the weakest unit are not lost in the steps of the strongest one's weights."""
    network = of_unlike_gains(conv)
    (projection,) = program_of(network).projections
    assert projection.raised is not None
    found = errors(network)
    assert found.max() < 0.03
    assert found.max() < 0.3 * errors(network, "net").max()  # one exponent there


@pytest.mark.parametrize(("before", "keep_to"), [((), "net"), ((Scale(np.full(12, 0.5, np.float32)),), None)])
def test_one_exponent_where_several_cannot_be(before, keep_to):
    """In a .net file, and of weights that training composes anew in every pass."""
    (projection,) = program_of(of_unlike_gains(before=before), keep_to).projections
    assert projection.raised is None


def test_one_exponent_is_the_same_program():
    """Mantissas that are multiplied by what their rows are raised give the same sums."""
    program = program_of(of_unlike_gains())
    (projection,) = program.projections
    one = projection.as_one
    assert one.raised is None
    wanted = projection.synapses.weight * 2.0 ** projection.exponents[:, None]
    np.testing.assert_array_equal(one.synapses.weight * 2.0**one.exponent, wanted)
    assert one.synapses.weight.dtype == np.int16


@pytest.mark.parametrize("conv", [False, True])
def test_training_keeps_the_exponents(conv):
    """What is trained is what is lowered: the same integers, and membranes that are the emulator's."""
    network = of_unlike_gains(conv)
    rng = np.random.default_rng(2)
    x = (rng.random((32, 6, *network.inputs[0].shape)) < 0.4).astype(np.uint8)
    split = Split(SpikeSamples(x), rng.integers(0, 4, 32), np.arange(32))
    simulators = []

    def simulator(network):
        simulators.append(compiler(network).trainable(network))
        return simulators[-1]

    tuned = finetune(network, split, FinetuneConfig(epochs=3, batch=8), seed=0, simulator=simulator).network
    trained, lowered = simulators[-1].structure.outputs[0], compiler(tuned).lower(tuned)
    assert lowered.program.projections[0].raised is not None
    import torch

    values, _ = split.batch(np.arange(32))
    values = values.astype(np.float32)
    with torch.no_grad():
        found = simulators[-1]({"in": torch.from_numpy(values)})[trained].numpy()
    chip = lowered.grids.membranes[trained].to_float(lowered.emulate(values).membrane[trained])
    np.testing.assert_allclose(found, chip, rtol=0, atol=1e-9)
    assert not np.array_equal(tuned.synapses[0].weight, network.synapses[0].weight)
