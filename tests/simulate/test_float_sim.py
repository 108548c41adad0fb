"""The float simulator against live snnTorch, against PyTorch, and against the neuron's equations step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import snntorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network import Linear, Network, Neuron, Population, Projection
from spear_deploy.simulate.float_sim import FloatSimulator
from tests.strategies import generators, networks, neuron, spikes

NEURONS, STEPS = 400, 300


def network_of(cell: Neuron, size: int) -> Network:
    """Neurons that are fed one by one."""
    identity = Projection("identity", "in", "cells", ())
    return Network((Population("in", (size,)), Population("cells", (size,), cell)), (identity,), ("cells",))


def run(cell: Neuron, x: np.ndarray) -> np.ndarray:
    """Output (T, B, n) of neurons on summed input (T, B, n)."""
    with torch.no_grad():
        return FloatSimulator(network_of(cell, x.shape[-1]))({"in": torch.from_numpy(x)})["cells"].numpy()


def full(value: float | np.ndarray, size: int = NEURONS) -> np.ndarray:
    return np.full(size, value, np.float32)


ALPHA, BETA, THRESHOLD = 0.7, np.linspace(0.1, 0.99, NEURONS, dtype=np.float32), 1.0
LEAKY = Neuron(full(0), BETA, full(1), full(0), full(0), full(THRESHOLD))
SYNAPTIC = replace(LEAKY, alpha=full(ALPHA))
SUBTRACT, LATE = {"reset": "subtract"}, {"late": True}

# snnTorch's kind of neuron, reset mechanism and delay, and the neuron that the import makes of it
SNNTORCH = [
    ("leaky", "zero", True, LEAKY),
    ("leaky", "zero", False, LEAKY),
    ("leaky", "subtract", True, replace(LEAKY, **SUBTRACT, **LATE)),
    ("synaptic", "zero", True, replace(SYNAPTIC, **LATE)),
    ("synaptic", "zero", False, SYNAPTIC),
    ("synaptic", "subtract", True, replace(SYNAPTIC, **SUBTRACT, **LATE)),
]


@pytest.mark.parametrize(("kind", "mechanism", "delay", "cell"), SNNTORCH)
def test_spikes_equal_snntorch(kind, mechanism, delay, cell):
    """No spike of 400 neurons of different leak over 300 steps differs from the live framework's."""
    x = np.random.default_rng(0).normal(0.2, 0.6, (STEPS, 1, NEURONS)).astype(np.float32)
    options = {"threshold": THRESHOLD, "reset_mechanism": mechanism, "reset_delay": delay, "init_hidden": True}
    beta = torch.from_numpy(BETA)
    live = snntorch.Leaky(beta, **options) if kind == "leaky" else snntorch.Synaptic(ALPHA, beta, **options)
    with torch.no_grad():
        expected = torch.stack([live(step) for step in torch.from_numpy(x)]).numpy()
    assert 0.05 < expected.mean() < 0.95
    np.testing.assert_array_equal(run(cell, x), expected)


def by_the_equations(cell: Neuron, x: np.ndarray) -> np.ndarray:
    """The documented equations, one neuron and step after the other, in float32."""
    steps, batch, size = x.shape
    out = np.zeros_like(x)
    for b, i in np.ndindex(batch, size):
        parameters = {name: array[i] for name, array in cell.arrays().items()}
        alpha, beta, gain, bias, reset_value = (
            parameters[name] for name in ("alpha", "beta", "gain", "bias", "reset_value")
        )
        current, v, before = np.float32(0), reset_value, np.float32(0)
        for t in range(steps):
            current = alpha * current + x[t, b, i]
            v = beta * v + gain * current + bias
            if cell.is_readout:
                out[t, b, i] = v
                continue
            if cell.late:
                v = reset_of(cell, v, before, parameters)
            before = fired(cell, v, parameters["threshold"])
            out[t, b, i] = before
            if not cell.late:
                v = reset_of(cell, v, before, parameters)
            v = v if cell.floor is None else max(v, np.float32(cell.floor))
    return out


def fired(cell: Neuron, v: np.float32, threshold: np.float32) -> np.float32:
    above = v >= threshold if cell.comparison == "ge" else v > threshold
    count = np.floor(v / threshold) if cell.spikes == "integer" else 1
    return np.float32(max(count, 1) if above else 0)


def reset_of(cell: Neuron, v: np.float32, count: np.float32, parameters: dict[str, np.ndarray]) -> np.float32:
    if cell.reset == "subtract":
        return v - count * parameters["threshold"]
    return parameters["reset_value"] if count else v


@settings(max_examples=80, deadline=None)
@given(
    generators(),
    st.booleans(),
    st.fixed_dictionaries(
        {
            "reset": st.sampled_from(["value", "subtract"]),
            "late": st.booleans(),
            "comparison": st.sampled_from(["gt", "ge"]),
            "spikes": st.sampled_from(["binary", "integer"]),
            "floor": st.sampled_from([None, None, -0.2]),
        }
    ),
)
def test_every_kind_of_neuron_follows_its_equations(rng, current, kind):
    """All resets, comparisons, spike kinds and clips; on a grid of quarters equality at the threshold occurs."""
    quarters = {name: (np.rint(array * 4) / 4) for name, array in neuron(rng, (4,), current=current).arrays().items()}
    quarters["threshold"] = np.maximum(quarters["threshold"], quarters["reset_value"] + np.float32(0.5))
    quarters["threshold"] = np.maximum(quarters["threshold"], np.float32(0.5))
    cell = Neuron(**quarters, **kind)
    x = (rng.integers(-4, 9, (8, 2, 4)) / 4).astype(np.float32)
    np.testing.assert_array_equal(run(cell, x), by_the_equations(cell, x))


@settings(max_examples=30, deadline=None)
@given(generators(), st.booleans())
def test_readout_gives_its_membrane(rng, current):
    """A population without a threshold only integrates."""
    cell = neuron(rng, (4,), current=current, readout=True)
    x = rng.normal(size=(10, 2, 4)).astype(np.float32)
    np.testing.assert_allclose(run(cell, x), by_the_equations(cell, x), rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(networks())
def test_constant_input_is_computed_once_with_the_same_result(network):
    """An input held over time by a zero stride gives what the same input written out gives."""
    held = torch.from_numpy(spikes(np.random.default_rng(0), 2, *network["in"].shape)).expand(5, -1, -1, -1, -1)
    simulator = FloatSimulator(network)
    with torch.no_grad():
        once, written_out = (
            simulator({"in": held}),
            simulator({"in": held.clone(memory_format=torch.contiguous_format)}),
        )
    assert held.stride(0) == 0
    for name in written_out:
        torch.testing.assert_close(once[name], written_out[name], rtol=0, atol=0)


@settings(max_examples=25, deadline=None)
@given(networks())
def test_weights_come_back_as_they_went_in(network):
    """Without training the simulator returns the network that it was given."""
    assert FloatSimulator(network).to_network().content_hash == network.content_hash


def test_training_moves_the_weights_that_come_back():
    """A step towards more spikes raises weights and biases of the returned network and changes nothing else."""
    rng = np.random.default_rng(0)
    op = Linear(np.full((3, 4), 0.5, np.float32), np.zeros(3, np.float32))
    cells = Population("cells", (3,), neuron(rng, (3,)))
    network = Network((Population("in", (4,)), cells), (Projection("w", "in", "cells", (op,)),), ("cells",))
    simulator = FloatSimulator(network)
    optimiser = torch.optim.SGD(simulator.parameters(), lr=0.1)
    (-simulator({"in": torch.from_numpy(spikes(rng, 5, 2, 4))})["cells"].sum()).backward()
    optimiser.step()
    (moved,) = simulator.to_network().projections[0].ops
    assert np.all(moved.weight > op.weight)
    assert np.all(moved.bias > op.bias)
    np.testing.assert_array_equal(op.weight, 0.5)
    assert simulator.to_network().populations == network.populations
