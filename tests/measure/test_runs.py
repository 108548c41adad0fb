"""Measuring a split, in float and on the chip, against counts made by hand and against single runs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from spear_deploy.data import Split, ValueSamples
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.ports import InputRange
from tests.bounded import running_together
from tests.strategies import REGISTERS, networks, spikes, split_of


def relay(*, readout: bool) -> Network:
    """in (2) -> a (3) -> b (2): neurons without memory that fire at any positive input."""

    def cells(size: int, threshold: float | None) -> Neuron:
        zero, one = np.zeros(size, np.float32), np.ones(size, np.float32)
        return Neuron(zero, zero, one, zero, zero, None if threshold is None else threshold * one)

    first = Linear(np.array([[1, 0], [1, 1], [0, 0]], np.float32))
    second = Linear(np.array([[1, 0, 1], [1, 1, 1]], np.float32))
    populations = (
        Input("in", (2,)),
        Population("a", (3,), cells(3, 0.5)),
        Population("b", (2,), cells(2, None if readout else 0.5)),
    )
    return Network(populations, (Projection("f", "in", "a", (first,)), Projection("s", "a", "b", (second,))), ("b",))


# one sample of two steps: first input 0, then both; so a fires {0, 1} twice, and input 1 has fan-out 1
X = np.array([[[1, 0], [1, 1]]], np.float32)
EXPECTED = {
    "f": (3 * 3, 2 + 2 + 1),  # three spikes reach three targets each; of the synapses 2, 2 and 1 exist
    "s": (4 * 2, 2 + 1 + 2 + 1),
}


def measured_on_chip(network: Network, split: Split) -> Activity:
    return measure_program(quantise(network, "loihi2", REGISTERS, {"in": InputRange()}).program, split)


@pytest.mark.parametrize("measure", [measure_float, measured_on_chip])
@pytest.mark.parametrize("readout", [False, True])
def test_counts_are_those_made_by_hand(measure, readout):
    """SynOps over all and over existing synapses, and spikes; a readout sends none."""
    activity = measure(relay(readout=readout), split_of(X))
    for name, (every, existing) in EXPECTED.items():
        assert activity.synops_all[name].tolist() == [every]
        assert activity.synops[name].tolist() == [existing]
    assert (activity.total.tolist(), activity.total_all.tolist()) == ([11], [17])
    assert activity.spikes["in"].tolist() == [3]
    assert activity.spikes["a"].tolist() == [4]
    assert "b" not in activity.spikes if readout else activity.spikes["b"].tolist() == [4]


def test_scores_are_spike_counts_or_summed_membranes():
    """Both decide the class: two spikes of each output, or what arrives at the readouts (1 and 2 a step)."""
    assert measure_float(relay(readout=False), split_of(X)).scores.tolist() == [[2, 2]]
    assert measure_float(relay(readout=True), split_of(X)).scores.tolist() == [[2, 4]]
    chip = measured_on_chip(relay(readout=True), split_of(X)).scores
    assert chip[0, 1] == pytest.approx(2 * chip[0, 0])
    assert measure_float(relay(readout=True), split_of(X, np.array([1]))).accuracy == 1.0


@settings(max_examples=10, deadline=None)
@given(networks())
def test_batches_do_not_change_the_record(network):
    """Any batch size gives the record of all samples at once, and progress counts up to their number."""
    x = spikes(np.random.default_rng(0), 5, 4, *network["in"].shape)
    seen: list[tuple[int, int]] = []
    together = measure_float(network, split_of(x))
    two = running_together(network, 4, 2)
    apart = measure_float(network, split_of(x), two, tick=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 5), (4, 5), (5, 5)]
    np.testing.assert_array_equal(together.total, apart.total)
    np.testing.assert_array_equal(together.total_all, apart.total_all)
    for name, counted in together.spikes.items():
        np.testing.assert_array_equal(counted, apart.spikes[name])


def test_constant_values_are_measured_as_written_out():
    """Values held over the steps give the record of the same values as spikes of every step; graded ones count once."""
    values = np.array([[1.0, 0.0], [0.5, 1.0]], np.float32)
    held = Split(ValueSamples(values, steps=3), np.zeros(2, np.int64), np.arange(2))
    written_out = split_of(np.repeat(values[:, None], 3, axis=1))
    network = relay(readout=False)
    first, second = measure_float(network, held), measure_float(network, written_out)
    np.testing.assert_array_equal(first.total, second.total)
    assert first.spikes["in"].tolist() == [3, 6]


def test_chip_is_measured_over_the_whole_split():
    """Each sample of a split larger than one batch is measured as if alone, and progress is reported."""
    network = relay(readout=False)
    program = quantise(network, "loihi2", REGISTERS, {"in": InputRange()}).program
    x = spikes(np.random.default_rng(0), 1030, 2, 2)
    seen: list[int] = []
    activity = measure_program(program, split_of(x), tick=lambda done, total: seen.append(done))
    assert seen == [1024, 1030]
    last = measure_program(replace(program), split_of(x[-1:]))
    assert activity.total[-1] == last.total[0]
    expected = (x.sum(axis=1) @ np.array([2, 1])).astype(int)
    np.testing.assert_array_equal(activity.synops["f"], expected)


def largest_size(*samples: int) -> list[int]:
    """Bytes that a process has resident at most, after each of these splits of large samples."""
    script = Path(__file__).with_name("stream_split.py")
    command = [sys.executable, str(script), *map(str, samples)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return [int(line) for line in printed.stdout.split()]


def test_memory_is_bounded_by_the_batch():
    """Ten times as many samples of 2x34x34 and 300 steps take no more memory."""
    few, many = largest_size(24, 240)
    assert many < few + (64 << 20)
    assert many < 2 << 30


@pytest.mark.slow
def test_a_whole_data_set_streams_through_two_gigabytes():
    """10,000 samples of 2x34x34 and 300 steps."""
    assert largest_size(10_000)[0] < 2 << 30
