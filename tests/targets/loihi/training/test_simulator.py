"""Training runs the program: every spike, membrane and synaptic operation is the emulator's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from spear_deploy.errors import UnsupportedError
from spear_deploy.execution import Execution
from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Linear, Network, Scale, SumPool2d
from spear_deploy.recording import Recording
from spear_deploy.simulate import simulator as simulate
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.quantise import quantise, quantise_to_train
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.training import synapses
from spear_deploy.targets.loihi.training.cell import IntegerCell
from spear_deploy.targets.loihi.training.simulator import LoihiSimulator
from spear_deploy.targets.ports import InputRange
from tests.strategies import REGISTERS, Builder, biases, linear, networks, weights

RANGES = [InputRange(), InputRange(3.0), InputRange(1.0, integral=False)]
VARIANTS = [REGISTERS, REGISTERS.within_net()]
STEPS, BATCH = 9, 3


def lower(network: Network, registers: Registers, values: InputRange) -> LoihiProgram:
    return quantise(network, "loihi2", registers, {"in": values}).program


def simulator_of(network: Network, registers: Registers, values: InputRange) -> LoihiSimulator:
    try:
        quantised = quantise_to_train(network, "loihi2", registers, {"in": values})
    except UnsupportedError:
        assume(False)
        raise
    return LoihiSimulator(quantised.network, quantised.program, registers, {"in": values})


def values_of(rng: np.random.Generator, network: Network, values: InputRange, *, held: bool = False) -> np.ndarray:
    """Samples (T, B, *shape) of float32, half of them not 0."""
    (port,) = network.inputs
    shape = (STEPS, BATCH, *port.shape)
    drawn = rng.random(shape) * values.maximum * (rng.random(shape) < 0.5)
    x = (np.rint(drawn) if values.integral else drawn).astype(np.float32)
    return np.broadcast_to(x[:1], shape) if held else x


def emulated(program: LoihiProgram, x: np.ndarray) -> Recording:
    (port,) = program.inputs
    return LoihiEmulator(program).run({port.name: port.encode(x)}, membranes=True)


def tensor(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(x[:1] if x.strides[0] == 0 else x)).expand(x.shape)


def in_chip_units(program: LoihiProgram, network: Network, name: str, membrane: torch.Tensor) -> np.ndarray:
    """What a membrane in float units is in the chip's, to be compared with integers."""
    neuron, lowered = network[name].neuron, program.population(name)
    gain = neuron.gain.max() if neuron.is_readout else neuron.gain.astype(np.float64)
    return (membrane.detach().numpy() - neuron.reset_value) * lowered.scale * (1 << program.arithmetic.shift) / gain


def assert_runs_as(program: LoihiProgram, network: Network, out: Mapping[str, Any], x: np.ndarray) -> Recording:
    """Each spike and each readout's membrane of ``out`` is the program's."""
    recording = emulated(program, x)
    for population in program.populations:
        name = population.name
        if population.is_readout:
            ours = in_chip_units(program, network, name, out[name])
            np.testing.assert_allclose(ours, recording.membrane[name], rtol=0, atol=1e-3, err_msg=name)
        else:
            np.testing.assert_array_equal(out[name].detach().numpy(), recording.spikes[name], err_msg=name)
    return recording


def train_a_little(simulator: LoihiSimulator, inputs: Mapping[str, torch.Tensor], rate: float) -> None:
    """Some steps of gradient descent on an arbitrary loss: weights end far from where they began."""
    optimiser = torch.optim.Adam(simulator.parameters(), lr=rate)
    for _ in range(3):
        out = simulator(inputs)
        optimiser.zero_grad()
        sum((value**2).mean() - value.mean() for value in out.values()).backward()
        optimiser.step()


@settings(max_examples=50, deadline=None)
@given(
    networks(timed=True),
    st.integers(2, 8),
    st.sampled_from(RANGES),
    st.sampled_from(VARIANTS),
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.sampled_from([0.0, 0.02, 0.5]),
)
def test_training_runs_the_program(network, bits, values, variant, seed, held, rate):
    """Random networks of all kinds, 2 to 8 bits, before and after training: what is trained is what is deployed."""
    registers = replace(variant, weight_bits=bits)
    rng = np.random.default_rng(seed)
    simulator = simulator_of(network, registers, values)
    x = values_of(rng, network, values, held=held)
    inputs = {"in": tensor(x)}
    if rate:
        train_a_little(simulator, inputs, rate)
    out = simulator(inputs)
    trained = simulator.to_network()
    program = lower(trained, registers, values)
    recording = assert_runs_as(program, simulator.structure, out, x)
    fans = {fan.name: (fan.every.tolist(), fan.nonzero.tolist()) for fan in simulator.fan_outs()}
    assert fans == {fan.name: (fan.every.tolist(), fan.nonzero.tolist()) for fan in program.fan_outs}
    np.testing.assert_array_equal(simulator.payloads(inputs)["in"], recording.spikes["in"])
    event(f"loops: {len(program.loops)}, fires: {bool(sum(s.sum() for n, s in recording.spikes.items() if n != 'in'))}")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@settings(max_examples=30, deadline=None)
@given(networks(timed=True), st.sampled_from(RANGES), st.integers(0, 2**32 - 1), st.booleans())
def test_training_on_cuda_runs_the_program(network, values, seed, held):
    """On a GPU training computes the same integers, before and after its weights have moved."""
    simulator = simulator_of(network, REGISTERS, values).to("cuda")
    x = values_of(np.random.default_rng(seed), network, values, held=held)
    inputs = {"in": tensor(x).to("cuda")}
    with Execution(device="cuda").applied():
        train_a_little(simulator, inputs, 0.02)
        out = {name: value.cpu() for name, value in simulator(inputs).items()}
    program = lower(simulator.to_network(), REGISTERS, values)
    assert_runs_as(program, simulator.structure, out, x)


@settings(max_examples=15, deadline=None)
@given(networks(timed=True), st.sampled_from(RANGES), st.integers(0, 2**32 - 1))
def test_step_by_step_is_the_fused_scan(network, values, seed):
    """Where membranes are asked for all goes step by step: the same to the last bit, and so are all membranes."""
    simulator = simulator_of(network, REGISTERS, values)
    x = values_of(np.random.default_rng(seed), network, values)
    membranes: dict[str, torch.Tensor] = {}
    stepped, fused = simulator({"in": tensor(x)}, membranes), simulator({"in": tensor(x)})
    program = lower(simulator.to_network(), REGISTERS, values)
    recording = assert_runs_as(program, simulator.structure, stepped, x)
    for name, value in fused.items():
        np.testing.assert_array_equal(value.detach(), stepped[name].detach())
        ours = in_chip_units(program, simulator.structure, name, membranes[name])
        np.testing.assert_allclose(ours, recording.membrane[name], rtol=0, atol=1e-3, err_msg=name)


CHAINS = {
    "average, convolution": lambda build: (AvgPool2d((2, 2), (2, 2)), conv(build, 2, 3)),
    "padded average, convolution": lambda build: (AvgPool2d((2, 2), (2, 2), (1, 1)), conv(build, 2, 3)),
    "sum with gaps, convolution": lambda build: (SumPool2d((2, 1), (3, 2)), conv(build, 2, 3)),
    "two averages, matrix": lambda build: (
        AvgPool2d((2, 2), (2, 2)),
        AvgPool2d((2, 2), (2, 2)),
        Flatten(),
        linear(build.rng, 4, 2 * 2 * 2),
    ),
    "overlapping average, matrix": lambda build: (
        AvgPool2d((3, 3), (2, 2), (1, 1)),
        Flatten(),
        linear(build.rng, 4, 2 * 4 * 4),
    ),
    "factors, matrix": lambda build: (
        Flatten(),
        Scale(build.rng.uniform(0.5, 2, 128).astype(np.float32)),
        linear(build.rng, 4, 128),
    ),
}


def conv(build: Builder, inputs: int, outputs: int) -> Conv2d:
    return Conv2d(weights(build.rng, outputs, inputs, 3, 3), biases(build.rng, outputs), padding=(1, 1))


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("chain", CHAINS)
def test_chains_of_operations_run_the_program(chain, bits):
    """Poolings and factors in front of weights, trained far away: the same, to the last bit."""
    registers = replace(REGISTERS, weight_bits=bits)
    build = Builder(np.random.default_rng(0), (2, 8, 8))
    build.add(CHAINS[chain](build))
    simulator = simulator_of(build.network(), registers, RANGES[0])
    x = values_of(np.random.default_rng(1), simulator.structure, RANGES[0])
    train_a_little(simulator, {"in": tensor(x)}, 0.05)
    out = simulator({"in": tensor(x)})
    program = lower(simulator.to_network(), registers, RANGES[0])
    recording = assert_runs_as(program, simulator.structure, out, x)
    assert recording.spikes["p1"].any()
    ours, theirs = simulator.fan_outs(), program.fan_outs
    assert [(fan.every.tolist(), fan.nonzero.tolist()) for fan in ours] == [
        (fan.every.tolist(), fan.nonzero.tolist()) for fan in theirs
    ]


@pytest.mark.parametrize("values", RANGES, ids=["spikes", "counts", "values"])
@pytest.mark.parametrize("chain", [name for name in CHAINS if name.endswith("convolution")])
def test_a_convolution_and_its_neurons_go_in_one_pass(monkeypatch, chain, values):
    """It runs the program to the last bit, and gives the gradients of the convolution and the scan apart."""
    build = Builder(np.random.default_rng(0), (2, 8, 8))
    build.add(CHAINS[chain](build))
    network = build.network()
    x = values_of(np.random.default_rng(1), network, values)

    def trained(in_one_pass: bool) -> LoihiSimulator:
        monkeypatch.setattr(simulate, "suits_convolution", lambda *_: in_one_pass)
        monkeypatch.setattr(synapses, "_ONE_PASS", 1)  # whatever its size
        simulator = simulator_of(network, REGISTERS, values)
        out = simulator({"in": tensor(x)})
        assert_runs_as(lower(simulator.to_network(), REGISTERS, values), simulator.structure, out, x)
        (torch.arange(1.0, 1 + out["p1"][0].numel()) * out["p1"].flatten(1)).sum().backward()
        return simulator

    apart = dict(trained(in_one_pass=False).named_parameters())
    monkeypatch.setattr(IntegerCell, "forward", None)
    for name, parameter in trained(in_one_pass=True).named_parameters():
        torch.testing.assert_close(parameter.grad, apart[name].grad, rtol=1e-3, atol=0)
        assert parameter.grad.any()


def test_gains_of_a_readout_are_of_its_biases_too():
    """Where a readout's neurons have different gains, those scale what a bias of the synapses adds."""
    build = Builder(np.random.default_rng(0), (6,))
    op = Linear(weights(build.rng, 3, 6), np.array([0.5, -0.25, 1.0], np.float32))
    build.add((op,), readout=True, gain=np.array([0.5, 1.0, 0.75], np.float32), reset_value=np.zeros(3, np.float32))
    network = build.network()
    x = np.zeros((STEPS, BATCH, 6), np.float32)
    in_float = FloatSimulator(network)({"in": tensor(x)})["p1"].detach()
    as_chip = simulator_of(network, REGISTERS, RANGES[0])({"in": tensor(x)})["p1"].detach()
    np.testing.assert_allclose(as_chip, in_float, atol=0.02)


def test_biases_of_slow_currents_are_trained_on_the_membrane():
    """A source would cost an operation for each neuron in every step, which a budget of few of them has no room for."""
    build = Builder(np.random.default_rng(0), (6,))
    op = Linear(weights(build.rng, 5, 6), np.full(5, 0.5, np.float32))
    build.add((op,), alpha=np.full(5, 0.95, np.float32), beta=np.full(5, 0.5, np.float32))
    network = build.network()
    values = RANGES[0]
    assert "p1.bias" in lower(network, REGISTERS, values).shapes
    simulator = simulator_of(network, REGISTERS, values)
    program = lower(simulator.to_network(), REGISTERS, values)
    assert set(program.shapes) == {"in", "p1"}
    x = values_of(build.rng, network, values)
    assert_runs_as(program, simulator.structure, simulator({"in": tensor(x)}), x)
