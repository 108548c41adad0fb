"""The activity record against counting event by event."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.measure.activity import Activity, ActivityRecorder
from spear_deploy.network.fan_out import FanOut
from tests.strategies import generators

STEPS, SAMPLES = 3, 5


@settings(max_examples=40, deadline=None)
@given(generators(), st.sets(st.integers(1, SAMPLES - 1)))
def test_record_is_the_count_of_single_events_however_batched(rng, cuts):
    """Spikes, SynOps and scores of each sample are sums over its own events, in batches of any sizes."""
    shape, size = (2, 2, 2), 8
    events = rng.integers(0, 3, (STEPS, SAMPLES, *shape)) * (rng.random((STEPS, SAMPLES, *shape)) < 0.4)
    scores, labels = rng.normal(size=(STEPS, SAMPLES, 3)), rng.integers(0, 3, SAMPLES)
    fans = [FanOut(f"f{i}", "a", f"b{i}", rng.integers(0, 9, size), rng.integers(0, 9, size)) for i in range(2)]
    recorder = ActivityRecorder(fans, "out")
    for part in np.split(np.arange(SAMPLES), sorted(cuts)):
        recorder.add({"a": events[:, part]}, scores[:, part], labels[part])
    activity = recorder.activity()

    for sample in range(SAMPLES):
        fired = [i for t in range(STEPS) for i in range(size) if events[t, sample].ravel()[i]]
        assert activity.spikes["a"][sample] == len(fired)
        for fan in fans:
            assert activity.synops_all[fan.name][sample] == sum(fan.every[i] for i in fired)
            assert activity.synops[fan.name][sample] == sum(fan.nonzero[i] for i in fired)
        assert activity.total[sample] == sum(activity.synops[fan.name][sample] for fan in fans)
        assert activity.total_all[sample] == sum(activity.synops_all[fan.name][sample] for fan in fans)
    np.testing.assert_allclose(activity.scores, scores.sum(axis=0))
    np.testing.assert_array_equal(activity.labels, labels)


def test_first_of_equal_scores_decides():
    """Accuracy counts the samples whose highest score is at the label; a tie goes to the lower class."""
    scores = np.array([[1.0, 3.0, 2.0], [2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    activity = Activity({}, {}, {}, scores, np.array([1, 0, 1, 0]))
    assert activity.accuracy == pytest.approx(3 / 4)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=2, max_size=5))
def test_right_answers_beside_those_of_any_other_order(pairs: list[tuple[int, int]]) -> None:
    """Mean and deviation of right answers over all orders are those that are computed."""
    answers, labels = np.array(pairs).T
    activity = Activity({}, {}, {}, np.eye(3)[answers], labels)
    orders = [np.sum(np.array(order) == labels) for order in permutations(answers)]
    wanted = (np.sum(answers == labels) - np.mean(orders)) / np.std(orders) if np.std(orders) > 0 else 0.0
    assert activity.tells_apart == pytest.approx(wanted)
