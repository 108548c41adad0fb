"""Float beside chip: every figure against another way to compute it, or made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from spear_deploy.data import SpikeSamples, Split
from spear_deploy.measure import fidelity as fidelity_module
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.fidelity import Fidelity, Loss, PopulationFidelity, WeightLoss, measure_fidelity
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.recording import Clips
from spear_deploy.simulate.record import simulate
from spear_deploy.targets import InputRange, Lowered, LoweringOptions, compiler_for, load_chip
from tests.bounded import running_together
from tests.strategies import generators, networks, spikes, split_of


def lower(network: Network, bits: int | None = None) -> Lowered:
    ranges = {port.name: InputRange() for port in network.inputs}
    return compiler_for(load_chip("loihi2"), ranges, LoweringOptions(bits)).lower(network)


def layers(*weights: np.ndarray, beta: float = 0.9, readout: bool = False, threshold: float = 1.0) -> Network:
    """A chain of matrices with leaky neurons behind each, named p1, p2, ..."""
    populations: list[Input | Population] = [Input("in", (weights[0].shape[1],))]
    projections = []
    for index, weight in enumerate(weights, 1):
        size, reads = len(weight), readout and index == len(weights)
        zero, one = np.zeros(size, np.float32), np.ones(size, np.float32)
        neuron = Neuron(zero, beta * one, one, zero, zero, None if reads else threshold * one)
        projections.append(Projection(f"w{index}", populations[-1].name, f"p{index}", (Linear(weight),)))
        populations.append(Population(f"p{index}", (size,), neuron))
    return Network(tuple(populations), tuple(projections), (populations[-1].name,))


def rows_of(fidelity: Fidelity) -> dict[str, PopulationFidelity]:
    return {row.name: row for row in fidelity.populations}


def random_split(rng: np.random.Generator, shape: tuple[int, ...], samples: int = 5, classes: int = 3) -> Split:
    x = spikes(rng, samples, 7, *shape)
    return Split(SpikeSamples(x), rng.integers(0, classes, samples), np.arange(samples))


@settings(max_examples=30, deadline=None)
@given(networks(), st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_figures_are_those_of_single_runs(network, seed, batch):
    """Spikes, distances and activities, however batched, at 3 bits of weight so that float and chip differ."""
    split = random_split(np.random.default_rng(seed), network.inputs[0].shape)
    lowered = lower(network, 3)
    found = measure_fidelity(network, lowered, split, running_together(network, 7, batch))
    in_float, on_chip = measure_float(network, split), measure_program(lowered.program, split)
    for measured, again in ((found.in_float, in_float), (found.on_chip, on_chip)):
        np.testing.assert_array_equal(measured.total, again.total)
        np.testing.assert_array_equal(measured.labels, again.labels)
    x = split.samples.batch(split.indices)
    runs = simulate(network, x), lowered.emulate(x)
    for name, row in rows_of(found).items():
        if name not in runs[0].spikes:
            assert (row.float_spikes, row.chip_spikes, row.rate_distance, row.ratio) == (None,) * 4
            wanted = runs[0].membrane[name].astype(float)
            error = lowered.grids.membranes[name].to_float(runs[1].membrane[name]) - wanted
            assert row.readout_error == pytest.approx(np.sqrt(np.mean(error**2) / np.mean(wanted**2)), rel=1e-4)
            continue
        counts = [run.spikes[name].reshape(35, -1).sum(axis=0, dtype=float) for run in runs]
        assert [row.float_spikes, row.chip_spikes] == pytest.approx([count.sum() / 5 for count in counts])
        assert row.rate_distance == pytest.approx(wasserstein_distance(counts[0] / 35, counts[1] / 35))
        assert row.clips.bins == 35 * counts[0].size
        in_samples = [run.spikes[name].sum(axis=0, dtype=float) for run in runs]
        apart = np.abs(in_samples[0] - in_samples[1]).sum() / counts[0].sum() if counts[0].any() else None
        assert row.moved == (None if apart is None else pytest.approx(apart))
        assert row.departure >= row.deviation
    assert [row.name for row in found.populations] == [population.name for population in network.neurons]


def test_an_exact_network_is_faithful():
    """Weights, thresholds and decays that the integers hold: nothing differs."""
    rng = np.random.default_rng(0)
    network = layers(*(rng.integers(-2, 4, shape).astype(np.float32) / 4 for shape in ((6, 5), (3, 6))), beta=1.0)
    found = measure_fidelity(network, lower(network), random_split(rng, (5,), 40))
    assert (found.agreement, found.differing, found.samples) == (1.0, 0, 40)
    assert found.loss == Loss(0.0, 0.0)
    for row in found.populations:
        assert row.ratio == 1.0
        assert (row.deviation, row.departure, row.rate_distance, row.weights.zeroed, row.weights.clipped) == (0,) * 5
        assert (row.clips.membranes, row.clips.currents) == (0, 0)


def test_weights_lost_to_an_outlier():
    """Beside 100, steps are as wide as 100/127, beside 50 half that: four of eight nonzero weights vanish."""
    weight = np.array([[100.0, 0.2, 0.0, -0.3], [0.1, 0.2, 50.0, -0.1], [0.0, 0.0, 0.0, 0.1]], np.float32)
    found = measure_fidelity(network := layers(weight), lower(network), random_split(np.random.default_rng(0), (4,)))
    (row,) = found.populations
    assert row.weights == WeightLoss(nonzero=8, zeroed=4 / 8, clipped=0.0)


def test_weights_beyond_the_largest_integer():
    """A program whose mantissas were cut off at 100 holds none of the weights above by more than rounding."""
    weight = np.array([[127.0, 100.4, -101.0, 20.0, 0.0]], np.float32) / 64
    network = layers(weight)
    lowered = lower(network)
    grid = replace(lowered.grids.weights["w1"], step=np.asarray(1 / 64), largest=100)
    cut = replace(lowered, grids=replace(lowered.grids, weights={"w1": grid}))
    assert fidelity_module.weight_losses(network, cut)["p1"].clipped == 2 / 4
    unknown = replace(lowered, grids=replace(lowered.grids, weights={}))
    assert fidelity_module.weight_losses(network, unknown)["p1"].clipped is None


def test_input_values_that_are_clipped():
    """A few values far beyond the others are clipped where that loses less, and all of them are counted."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 0.7, (40, 10, 6)).astype(np.float32)
    x[3, :, 0] = 300.0
    network = layers(rng.normal(0.3, 0.3, (5, 6)).astype(np.float32))
    fed = np.moveaxis(x, 0, 1)
    ranges = {"in": InputRange(300.0, integral=False, samples=fed)}
    lowered = compiler_for(load_chip("loihi2"), ranges, LoweringOptions()).lower(network)
    (port,) = lowered.program.inputs
    assert port.largest is not None
    found = measure_fidelity(network, lowered, Split(SpikeSamples(x), np.zeros(40, np.int64), np.arange(40)))
    beyond = int(np.count_nonzero(x * port.scale > port.max_value + 0.5))
    assert 10 <= beyond < x.size / 50
    assert found.inputs == {"in": Clips(x.size, payloads=beyond)}


def test_membranes_that_saturate():
    """Long inhibition without a leak takes the membrane to its limit: so many bins, by a loop over the steps."""
    x = np.zeros((1, 1600, 2), np.float32)
    x[0, :1500, 0] = x[0, 1500:, 1] = 1
    network = layers(np.array([[-40.0, 40.0]], np.float32), beta=1.0)
    lowered = lower(network)
    (row,) = measure_fidelity(network, lowered, split_of(x)).populations
    limit, v, clipped = lowered.grids.membranes["p1"].span[1], 0.0, 0
    for inhibited, excited in x[0]:
        free = v + 40.0 * (excited - inhibited)
        clipped += abs(free) > limit
        v = min(max(free, -limit), limit)
    assert row.clips == Clips(1600, clipped, 0)
    assert clipped > 0
    assert row.float_spikes == 0


def test_deviation_is_the_share_lost_or_added():
    """Half the spikes, or twice as many: 0.5; a readout's error, 1 at most; a silent population is not off."""
    row = PopulationFidelity("p", 10.0, 5.0, 0.1, None, WeightLoss(1, 0.0, None), None)
    assert [row.deviation, replace(row, chip_spikes=20.0).deviation] == [0.5, 0.5]
    assert [row.ratio, replace(row, float_spikes=0.0).ratio] == [0.5, None]
    assert replace(row, float_spikes=0.0, chip_spikes=0.0).deviation == 0
    readout = replace(row, float_spikes=None, chip_spikes=None, readout_error=3.0)
    assert [readout.deviation, replace(readout, readout_error=None).deviation] == [1.0, 0.0]


def decided(*right: bool) -> Activity:
    """A network that decides right, or wrong, on each sample."""
    scores = np.array([[1.0, 0.0] if each else [0.0, 1.0] for each in right])
    return Activity({}, {}, {}, scores, np.zeros(len(right), np.int64))


def test_the_error_of_a_loss_is_that_of_the_pairs():
    """Of eight samples three are lost and one is gained: 25 points, and four pairs that differ."""
    before = decided(True, True, True, False, True, True, False, False)
    after = decided(False, False, False, True, True, True, False, False)
    loss = Loss.between(before, after)
    assert (loss.points, loss.error) == (25.0, 100 * np.sqrt(4) / 8)
    alone = Loss.between(decided(True), decided(False))
    assert (alone.points, alone.error) == (100.0, 100.0)  # a single sample proves nothing
    found = Fidelity((), before, after)
    assert (found.differing, found.agreement, found.loss) == (4, 0.5, loss)


@settings(max_examples=30, deadline=None)
@given(generators(), st.integers(1, 40))
def test_agreement_counts_decisions(rng, samples):
    """Whether they are right or not."""
    scores = rng.integers(0, 3, (2, samples, 4)).astype(float)
    labels = rng.integers(0, 4, samples)
    found = Fidelity((), *(Activity({}, {}, {}, each, labels) for each in scores))
    alike = [a.tolist().index(a.max()) == b.tolist().index(b.max()) for a, b in zip(*scores, strict=True)]
    assert found.agreement == pytest.approx(np.mean(alike))
