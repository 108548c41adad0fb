"""The scale that loses least: room for what is reached, thresholds that are exact, tails that do not silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from spear_deploy.network import Conv2d, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets import InputRange, Lowered, LoweringOptions, compiler_for, load_chip


def integrators(size: int, theta: float = 1.0, **kinds: object) -> Neuron:
    """Neurons without leak, filter or bias."""
    zero, one = np.zeros(size, np.float32), np.ones(size, np.float32)
    return Neuron(zero, one, one, zero, zero, theta * one, **kinds)  # type: ignore[arg-type]


def network(weight: np.ndarray, neuron: Neuron) -> Network:
    weight = np.asarray(weight, np.float32)
    layer = Population("n", (len(weight),), neuron)
    return Network((Input("in", (weight.shape[1],)), layer), (Projection("w", "in", "n", (Linear(weight),)),), ("n",))


def lower(net: Network, x: np.ndarray | None = None, **options: int) -> Lowered:
    ranges = {} if x is None else {"in": InputRange.of(x)}
    return compiler_for(load_chip("loihi2"), ranges, LoweringOptions(**options)).lower(net)


def count(weight: np.ndarray, theta: float, x: np.ndarray, *, subtract: bool = False) -> np.ndarray:
    """Spikes (samples, neurons) of integrators that reset to zero, or subtract, in float64."""
    v = np.zeros((x.shape[1], len(weight)))
    total = np.zeros_like(v)
    for step in x:
        v = v + step @ np.asarray(weight, np.float64).T
        fired = v > theta
        total += fired
        v = np.where(fired, v - theta if subtract else 0, v)
    return total


def spikes_in_float(net: Network, x: np.ndarray) -> np.ndarray:
    """Spikes of the neurons of population n, over all steps and samples."""
    with torch.no_grad():
        return FloatSimulator(net)({"in": torch.from_numpy(x).float()})["n"].sum(dim=(0, 1)).numpy()


@pytest.mark.parametrize("steps", [30, 300])
@pytest.mark.parametrize("calibrated", [True, False])
def test_inhibition_has_room(steps: int, calibrated: bool) -> None:
    """After long inhibition a neuron needs as long to recover as in float."""
    weight = np.array([[-1.013, 1.507]])
    x = np.zeros((3 * steps, 1, 2), np.uint8)
    x[:steps, 0, 0], x[steps:, 0, 1] = 1, 1
    chip = lower(network(weight, integrators(1)), x if calibrated else None)
    spikes = chip.emulate(x).spikes["n"].sum(axis=0, dtype=float)
    np.testing.assert_allclose(spikes, count(weight, 1.0, x), rtol=0.02)


@pytest.mark.parametrize("subtract", [False, True])
@pytest.mark.parametrize("factor", [30, 1000, 100_000])
def test_an_outlier_costs_its_own_neuron_alone(factor: float, subtract: bool) -> None:
    """One weight far beyond the others: all other neurons fire as in float, and its own too where spikes reset to 0."""
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.02, 0.12, (6, 10))
    weight[2, 3] *= factor
    x = (rng.random((60, 4, 10)) < 0.35).astype(np.uint8)
    neuron = integrators(6, 0.4, reset="subtract" if subtract else "value")
    chip = lower(network(weight, neuron), x)
    spikes, wanted = chip.emulate(x).spikes["n"].sum(axis=0, dtype=float), count(weight, 0.4, x, subtract=subtract)
    others = np.arange(6) != 2
    np.testing.assert_allclose(spikes[:, others], wanted[:, others], atol=1)
    assert abs(spikes.sum() - wanted.sum()) <= 0.05 * wanted.sum()


@pytest.mark.parametrize("factor", [1e3, 3e3, 1e4])
def test_a_column_of_outliers(factor: float) -> None:
    """Weights that every neuron gets from one source that seldom fires are clipped; the others keep their steps."""
    rng = np.random.default_rng(5)
    weight = rng.uniform(0.02, 0.5, (6, 10))
    weight[:, 4] *= factor
    x = (rng.random((60, 8, 10)) < np.where(np.arange(10) == 4, 0.01, 0.2)).astype(np.uint8)
    chip = lower(network(weight, integrators(6)), x)
    spikes, wanted = chip.emulate(x).spikes["n"].sum(axis=(0, 1), dtype=float), count(weight, 1.0, x).sum(axis=0)
    np.testing.assert_allclose(spikes, wanted, rtol=0.05)
    (note,) = [note for note in chip.notes if note.code == "N021"]
    assert "6 weights up to" in note.message


@pytest.mark.parametrize("theta", [1e3, 1e6, np.inf])
def test_a_threshold_that_switches_a_neuron_off(theta: float) -> None:
    """It is clipped, said so, and the others keep their mantissas."""
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.05, 0.3, (4, 8))
    neuron = integrators(4)
    assert neuron.threshold is not None
    neuron = replace(neuron, threshold=np.array([1, theta, 1, 1], np.float32))
    x = (rng.random((50, 4, 8)) < 0.2).astype(np.uint8)
    chip = lower(network(weight, neuron), x)
    spikes = chip.emulate(x).spikes["n"].sum(axis=0, dtype=float)
    assert not spikes[:, 1].any()
    others = [0, 2, 3]
    np.testing.assert_allclose(spikes[:, others], count(weight, 1.0, x)[:, others], atol=1)
    if theta > 1e3:
        assert "N022" in {note.code for note in chip.notes}


def test_thresholds_are_exact() -> None:
    """The scale of each neuron makes its threshold an integer: only weights are rounded."""
    weight = np.random.default_rng(2).normal(0.1, 0.3, (20, 10))
    neuron = replace(integrators(20), threshold=np.linspace(0.3, 2.7, 20).astype(np.float32))
    chip = lower(network(weight, neuron))
    (population,) = chip.program.populations
    assert neuron.threshold is not None
    np.testing.assert_allclose(population.vth / population.scale, neuron.threshold, rtol=1e-6)


def test_at_the_threshold_on_a_grid() -> None:
    """A neuron that fires at v >= theta gets a register of one less, where v moves in whole steps: no note."""
    weight = np.ones((3, 4))
    x = (np.random.default_rng(3).random((30, 3, 4)) < 0.5).astype(np.uint8)
    chip = lower(network(weight, integrators(3, 2.0, compare="ge")), x)
    just_below = count(weight, 2.0 - 1e-9, x)
    np.testing.assert_array_equal(chip.emulate(x).spikes["n"].sum(axis=0, dtype=float), just_below)
    assert not chip.notes


@pytest.mark.parametrize("compare", ["gt", "ge"])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.75, 0.9])
def test_at_the_threshold_with_a_leak(beta: float, compare: Literal["gt", "ge"]) -> None:
    """Small whole weights bring membranes to their threshold again and again: it fires there, or does not, as in float.

    A decay of all that there is leaves 1/4096 on the chip, which must not carry the next membrane beyond.
    """
    rng = np.random.default_rng(0)
    weight = rng.integers(-2, 4, (6, 4)).astype(float)
    neuron = replace(integrators(6, 3.0, compare=compare), beta=np.full(6, beta, np.float32))
    x = (rng.random((30, 32, 4)) < 0.4).astype(np.uint8)
    chip = lower(network(weight, neuron), x)
    with torch.no_grad():
        wanted = FloatSimulator(network(weight, neuron))({"in": torch.from_numpy(x).float()})["n"].numpy()
    assert np.count_nonzero(chip.emulate(x).spikes["n"] != wanted) <= 0.005 * wanted.sum()
    assert not chip.notes


def test_a_threshold_of_one_is_counted() -> None:
    """It cannot be lowered: with a leak the note tells how often a membrane is at it."""
    leaky = replace(integrators(3, 1 / 64, compare="ge"), beta=np.full(3, 0.5, np.float32))
    x = np.zeros((5, 1, 4), np.uint8)
    x[..., 0] = 1
    chip = lower(network(np.full((3, 4), 1 / 64), leaky), x)
    (note,) = [note for note in chip.notes if note.code == "N003"]
    assert note.value == 9  # three neurons in every other step: 1, then 1/2 + 1, which is beyond


def test_graded_input_with_an_outlier() -> None:
    """One value of 300 among 0..0.7 is clipped, and said so; the others keep their steps."""
    rng = np.random.default_rng(4)
    weight = rng.uniform(0.05, 0.4, (5, 12))
    x = np.where(rng.random((40, 8, 12)) < 0.3, rng.uniform(0, 0.7, (40, 8, 12)), 0).astype(np.float32)
    x[7, 3, 2] = 300
    chip = lower(network(weight, integrators(5)), x)
    spikes, wanted = chip.emulate(x).spikes["n"].sum(axis=0, dtype=float), count(weight, 1.0, x)
    assert abs(spikes.sum() - wanted.sum()) <= 0.03 * wanted.sum()
    (note,) = [note for note in chip.notes if note.code == "N020"]
    assert "300" in note.message


@pytest.mark.parametrize("samples", [8, 30])
def test_an_outlier_that_is_held(samples: int) -> None:
    """A value of 300 that one sample holds in all steps is clipped, however many of all values that makes."""
    rng = np.random.default_rng(7)
    weight = rng.normal(0.1, 0.3, (8, 10))
    x = np.repeat(rng.random((1, samples, 10)).astype(np.float32) * np.float32(0.7), 50, axis=0)
    x[:, 0, 3] = 300
    chip = lower(network(weight, integrators(8)), x)
    spikes, wanted = chip.emulate(x).spikes["n"].sum(axis=0, dtype=float), count(weight, 1.0, x)
    usual = slice(1, None)
    assert abs(spikes[usual].sum() - wanted[usual].sum()) <= 0.06 * wanted[usual].sum()
    assert "N020" in {note.code for note in chip.notes}


@pytest.mark.parametrize("largest", [254.7, 255.0])
def test_values_up_to_the_largest_payload_are_no_counts(largest: float) -> None:
    """Resized bytes: 255 steps for values up to 255 are a scale like any other."""
    rng = np.random.default_rng(6)
    x = rng.random((30, 8, 10)) * largest
    x[0, 0, 0] = largest
    weight = rng.normal(0.1, 0.3, (6, 10)) / largest
    spikes = lower(network(weight, integrators(6)), x).emulate(x).spikes["n"].sum(dtype=float)
    assert abs(spikes - count(weight, 1.0, x).sum()) <= 0.05 * spikes


def test_clipped_input_takes_the_values_it_was_measured_on() -> None:
    """The largest of them too, whatever its last bit."""
    rng = np.random.default_rng(4)
    net = network(rng.normal(0.05, 0.1, (6, 20)), integrators(6))
    for _ in range(30):
        x = rng.random((20, 4, 20))
        x[3, 2, 1] = rng.uniform(50, 2000)
        lower(net, x).emulate(x)


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_a_readout_leaves_room_and_keeps_order(bits: int) -> None:
    """Membranes of 300 steps do not reach the register's end, and the largest stays the largest."""
    rng = np.random.default_rng(5)
    weight = rng.normal(0, 0.1, (4, 16)) + np.repeat(np.eye(4), 4, axis=1) * 0.4
    labels = np.arange(20) % 4
    rates = 0.05 + 0.3 * (np.arange(16) // 4 == labels[:, None])
    x = (rng.random((300, 20, 16)) < rates).astype(np.uint8)
    one = np.ones(4, np.float32)
    readout = Neuron(0 * one, one, one, 0 * one, 0 * one, None)
    chip = lower(network(weight, readout), x, weight_bits=bits)
    membrane = chip.emulate(x).membrane["n"]
    assert np.abs(membrane).max() < chip.program.arithmetic.limit
    np.testing.assert_array_equal(membrane[-1].argmax(axis=1), labels)


@pytest.mark.parametrize("steps", [1000, 3000])
def test_integer_weights_with_long_inhibition(steps: int) -> None:
    """The grid of lava-dl's integers is left where its membranes do not hold what was seen."""
    x = np.zeros((3 * steps, 1, 2), np.uint8)
    x[:steps, 0, 0], x[steps:, 0, 1] = 1, 1
    weight = np.array([[-1.0, 1.0]])
    spikes = lower(network(weight, integrators(1, 1.5)), x).emulate(x).spikes["n"].sum(axis=0, dtype=float)
    np.testing.assert_array_equal(spikes, count(weight, 1.5, x))


def test_integer_weights_of_bytes_and_slow_neurons() -> None:
    """Nor is the grid kept where its currents would wrap."""
    rng = np.random.default_rng(7)
    slow = replace(integrators(10, 2000.0), alpha=np.full(10, 0.9, np.float32), beta=np.full(10, 0.999, np.float32))
    x = rng.integers(0, 255, (100, 8, 20), np.uint8)
    net = network(rng.integers(-3, 8, (10, 20)), slow)
    wanted = spikes_in_float(net, x)
    spikes = lower(net, x).emulate(x).spikes["n"].sum(axis=(0, 1), dtype=float)
    np.testing.assert_allclose(spikes, wanted, rtol=0.01)


def test_integer_weights_stay_on_their_grid_where_it_holds() -> None:
    """What lava-dl trained is run as netx runs it: 64 steps to a unit."""
    x = (np.random.default_rng(8).random((50, 4, 2)) < 0.5).astype(np.uint8)
    (population,) = lower(network(np.array([[-1.0, 1.0]]), integrators(1, 1.5)), x).program.populations
    assert population.scale == 64


def test_a_tiny_threshold_in_a_channel_costs_its_own_neuron_alone() -> None:
    """It is rounded up to a step of the channel's scale, and the note has the channel and what it loses."""
    rng = np.random.default_rng(9)
    shape = (4, 6, 6)
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    theta = one.copy()
    theta[1, 2, 3] = 1e-6
    layer = Population("n", shape, Neuron(zero, 0.9 * one, one, zero, zero, theta))
    kernel = Conv2d(rng.normal(0.1, 0.3, (4, 2, 3, 3)).astype(np.float32), None, padding=(1, 1))
    net = Network((Input("in", (2, 6, 6)), layer), (Projection("w", "in", "n", (kernel,)),), ("n",))
    x = (rng.random((50, 4, 2, 6, 6)) < 0.2).astype(np.uint8)
    chip = lower(net, x)
    spikes = chip.emulate(x).spikes["n"].sum(axis=(0, 1), dtype=float)
    np.testing.assert_allclose(spikes, spikes_in_float(net, x), atol=4)
    (note,) = [note for note in chip.notes if note.code == "N022"]
    assert note.message.startswith("weights or biases are too large beside a threshold of 1e-06")
    assert "in channel 1: that channel loses 0." in note.message


@pytest.mark.parametrize("weak", [0.1, 0.01, 0.001])
def test_a_weak_projection_leaves_graded_input_its_levels(weak: float) -> None:
    """Its own mantissas need not be full for that: those of the strong projection round by as much."""
    rng = np.random.default_rng(10)
    weight = rng.normal(0.1, 0.3, (8, 12)).astype(np.float32)
    x = np.where(rng.random((50, 8, 12)) < 0.3, rng.random((50, 8, 12)), 0).astype(np.float32)
    alone = network(weight, integrators(8))
    second = Projection("again", "in", "n", (Linear(weight * np.float32(weak)),))
    both = replace(alone, projections=(*alone.projections, second))
    (port,), (of_one,) = lower(both, x).program.inputs, lower(alone, x).program.inputs
    assert port.max_value == of_one.max_value
    spikes, wanted = lower(both, x).emulate(x).spikes["n"].sum(dtype=float), spikes_in_float(both, x).sum()
    assert abs(spikes - wanted) <= 0.03 * wanted
