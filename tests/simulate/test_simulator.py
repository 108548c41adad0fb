"""The float simulator against live snnTorch, against PyTorch, and against the neuron's equations step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import snntorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.synapses import apply
from spear_deploy.simulate.simulator import FloatSimulator
from tests.strategies import Builder, generators, networks, neuron, spikes

NEURONS, STEPS = 400, 300


def network_of(cell: Neuron, size: int) -> Network:
    """Neurons that are fed one by one."""
    identity = Projection("identity", "in", "cells", ())
    return Network((Input("in", (size,)), Population("cells", (size,), cell)), (identity,), ("cells",))


def run(cell: Neuron, x: np.ndarray) -> np.ndarray:
    """Output (T, B, n) of neurons on summed input (T, B, n)."""
    with torch.no_grad():
        return FloatSimulator(network_of(cell, x.shape[-1]))({"in": torch.from_numpy(x)})["cells"].numpy()


def full(value: float | np.ndarray, size: int = NEURONS) -> np.ndarray:
    return np.full(size, value, np.float32)


ALPHA, BETA, THRESHOLD = 0.7, np.linspace(0.1, 0.99, NEURONS, dtype=np.float32), 1.0
LEAKY = Neuron(full(0), BETA, full(1), full(0), full(0), full(THRESHOLD))
SYNAPTIC = replace(LEAKY, alpha=full(ALPHA))
SUBTRACT, LATE = {"reset": "subtract"}, {"reset_delay": True}

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
            if cell.reset_delay:
                v = reset_of(cell, v, before, parameters)
            before = fired(cell, v, parameters["threshold"])
            out[t, b, i] = before
            if not cell.reset_delay:
                v = reset_of(cell, v, before, parameters)
            v = v if cell.floor is None else max(v, np.float32(cell.floor))
    return out


def fired(cell: Neuron, v: np.float32, threshold: np.float32) -> np.float32:
    above = v >= threshold if cell.compare == "ge" else v > threshold
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
            "reset_delay": st.booleans(),
            "compare": st.sampled_from(["gt", "ge"]),
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
    network = Network((Input("in", (4,)), cells), (Projection("w", "in", "cells", (op,)),), ("cells",))
    simulator = FloatSimulator(network)
    optimiser = torch.optim.SGD(simulator.parameters(), lr=0.1)
    (-simulator({"in": torch.from_numpy(spikes(rng, 5, 2, 4))})["cells"].sum()).backward()
    optimiser.step()
    (moved,) = simulator.to_network().projections[0].ops
    assert np.all(moved.weight > op.weight)
    assert np.all(moved.bias > op.bias)
    np.testing.assert_array_equal(op.weight, 0.5)
    assert simulator.to_network().populations == network.populations


def step_by_step(network: Network, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every population, one step after the other: what arrives comes from ``delay`` steps ago, or from before: zeros.

    Each step is a run of a network of that population alone, over all steps up to this one.
    """
    sent = {"in": x} | {p.name: np.zeros((*x.shape[:2], *p.shape), np.float32) for p in network.neurons}
    for step in range(len(x)):
        for population in network.neurons:
            total = np.zeros((step + 1, x.shape[1], *population.shape), np.float32)
            for projection in network.into(population.name):
                source = sent[projection.source]
                for t in range(step + 1):
                    when = t - projection.delay
                    arriving = source[when] if when >= 0 else np.zeros_like(source[0])
                    total[t] += np.float32(through(projection, arriving))
            cell = population.neuron
            flat = replace(cell, **{name: array.reshape(-1) for name, array in cell.arrays().items()})
            out = run(flat, total.reshape(*total.shape[:2], -1))
            sent[population.name][step] = out[-1].reshape(x.shape[1], *population.shape)
    return sent


def through(projection: Projection, x: np.ndarray) -> np.ndarray:
    """A projection's operations on one step, (B, *shape), in float64: exact on the grid of the weights."""
    y = x.astype(np.float64)
    for op in projection.ops:
        y = apply(op, y, with_bias=True)
    return y


@settings(max_examples=25, deadline=None)
@given(networks(timed=True), generators())
def test_loops_and_delays_are_run_step_by_step(network, rng):
    """Networks with loops, delays and every reset give what a run of one population and step after the other gives."""
    x = spikes(rng, 6, 2, *network["in"].shape)
    with torch.no_grad():
        out = FloatSimulator(network)({"in": torch.from_numpy(x)})
    expected = step_by_step(network, x)
    for population in network.neurons:
        np.testing.assert_allclose(out[population.name].numpy(), expected[population.name], rtol=1e-5, atol=1e-5)


def test_recurrent_bias_acts_from_the_first_step():
    """As in snnTorch: before the first spike the feedback is that of silence, its bias included."""
    one = Neuron(
        **{n: full(v, 1) for n, v in {"alpha": 0, "beta": 0, "gain": 1, "bias": 0, "reset_value": 0}.items()},
        threshold=full(0.5, 1),
    )
    back = Projection("back", "p", "p", (Linear(np.array([[-2]], np.float32), np.array([1], np.float32)),), delay=1)
    network = Network((Input("in", (1,)), Population("p", (1,), one)), (Projection("w", "in", "p", ()), back), ("p",))
    with torch.no_grad():
        out = FloatSimulator(network)({"in": torch.zeros(4, 1, 1)})["p"]
    assert out.flatten().tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("kind", ["rleaky", "rsynaptic"])
@pytest.mark.parametrize("mechanism", ["zero", "subtract"])
def test_recurrent_spikes_equal_snntorch(kind, mechanism):
    """Late resets of recurrent layers, bias of the feedback included: 0 of 40 neurons x 200 steps differ."""
    size, steps = 40, 200
    options = {"threshold": 1.0, "reset_mechanism": mechanism, "linear_features": size, "init_hidden": True}
    torch.manual_seed(0)
    live = snntorch.RLeaky(0.9, **options) if kind == "rleaky" else snntorch.RSynaptic(0.5, 0.9, **options)
    x = np.random.default_rng(0).normal(0.2, 0.6, (steps, 1, size)).astype(np.float32)
    with torch.no_grad():
        expected = torch.stack([live(step) for step in torch.from_numpy(x)]).numpy()
    weight, bias = (parameter.detach().numpy() for parameter in live.recurrent.parameters())
    values = {"alpha": 0.5 if kind == "rsynaptic" else 0, "beta": 0.9, "gain": 1, "bias": 0, "reset_value": 0}
    cell = Neuron(
        **{name: full(value, size) for name, value in values.items()},
        threshold=full(1, size),
        reset="subtract" if mechanism == "subtract" else "value",
        reset_delay=True,
    )
    populations = (Input("in", (size,)), Population("p", (size,), cell))
    projections = (Projection("w", "in", "p", ()), Projection("back", "p", "p", (Linear(weight, bias),), delay=1))
    with torch.no_grad():
        out = FloatSimulator(Network(populations, projections, ("p",)))({"in": torch.from_numpy(x)})["p"].numpy()
    assert 0.05 < expected.mean() < 0.95
    np.testing.assert_array_equal(out, expected)


def test_gradients_flow_through_loops():
    """Weights of the feedback are trained: a spike's effect on later steps has a gradient."""
    rng = np.random.default_rng(0)
    build = Builder(rng, (2, 3, 3))
    build.add((build.same(2),))
    build.feed_back((build.same(2),), 1)
    simulator = FloatSimulator(build.network())
    out = simulator({"in": torch.from_numpy(spikes(rng, 5, 2, 2, 3, 3))})
    out["p1"].sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in simulator.parameters())
