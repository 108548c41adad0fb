"""Splits, and how a data set is fitted to a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.data import DataOptions, Split, fit_to_network, load_data
from spear_deploy.data.binning import ByTime
from spear_deploy.data.dataset import parts_of
from spear_deploy.data.samples import EventSamples, Samples, SpikeSamples, ValueSamples
from spear_deploy.errors import InputError
from tests.data.files import LABELS, SPIKES, saved


def test_splits_are_disjoint_and_complete() -> None:
    """Train, validation and test samples share no sample, and nothing is lost."""
    data = load_data("digits", DataOptions())
    parts = [set(split.indices.tolist()) for split in (data.train, data.val, data.test)]
    assert [len(part) for part in parts] == [1150, 287, 360]
    assert set.union(*parts) == set(range(1797))
    assert sum(map(len, parts)) == 1797


def test_splits_depend_on_the_seed_alone() -> None:
    """The same seed gives the same split; another one moves samples between train and validation, not test."""
    one, same, other = (load_data("digits", DataOptions(seed=seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.val.indices, same.val.indices)
    assert not np.array_equal(one.val.indices, other.val.indices)
    np.testing.assert_array_equal(one.test.indices, other.test.indices)


def test_batches_cover_a_split_once() -> None:
    """Batches go through a split in order, or shuffled by a generator; samples keep their labels."""
    split = load_data("digits", DataOptions(steps=2)).val
    in_order = [np.arange(start, min(start + 100, len(split))) for start in range(0, len(split), 100)]
    for positions in (in_order, list(split.shuffled(100, np.random.default_rng(0)))):
        labels = np.concatenate([split.batch(each)[1] for each in positions])
        assert sorted(labels) == sorted(split.labels[split.indices])
    shapes = [x.shape for x, _ in split.batches(100)]
    assert shapes == [(2, 100, 1, 8, 8), (2, 100, 1, 8, 8), (2, 87, 1, 8, 8)]


def test_head_and_take() -> None:
    """The first samples of a split are those of its first batch; more than there are is all of them."""
    split = load_data("digits", DataOptions()).test
    np.testing.assert_array_equal(split.head(7).indices, split.indices[:7])
    np.testing.assert_array_equal(split.take(np.array([5, 2])).indices, split.indices[[5, 2]])
    assert len(split.head(10_000)) == len(split)


@pytest.mark.parametrize("order", [np.repeat, np.tile])
def test_some_samples_are_of_all_classes(order: Callable[..., np.ndarray]) -> None:
    """Of data sorted by class, and of classes in turn; each sample once, in order, and always the same ones."""
    labels = order(np.arange(10), 100)
    split = Split(SpikeSamples(np.zeros((1000, 1, 1), np.float32)), labels, np.arange(1000))
    some = split.some(128)
    assert len(some) == 128
    assert (np.diff(some.indices) > 0).all()
    assert np.bincount(some.own_labels, minlength=10).min() >= 5
    np.testing.assert_array_equal(some.indices, split.some(128).indices)
    np.testing.assert_array_equal(split.some(10_000).indices, split.indices)


def test_data_that_does_not_fit_the_network(tmp_path: Path) -> None:
    """A wrong shape and labels beyond the outputs, of whichever part, are told together, with the numbers found."""
    labels = LABELS.copy()
    labels[1], labels[5] = 7, -1
    data = load_data(saved(tmp_path, x=SPIKES, y=labels), DataOptions())
    with pytest.raises(InputError) as caught:
        fit_to_network(data, (6,), 3)
    assert [finding.code for finding in caught.value.findings] == ["E005", "E006"]
    assert "shape (5,)" in caught.value.findings[0].message
    assert "2 of 10 labels lie outside 0..2: y holds -1, 0, 1 .. 7" in caught.value.findings[1].message
    fit_to_network(load_data(saved(tmp_path, x=SPIKES, y=LABELS), DataOptions()), (5,), 3)


@pytest.mark.parametrize("arrays", [{"x": np.ones((20, 7, 2, 5), np.uint8)}, {"x": np.ones((20, 2, 5), np.float32)}])
def test_sequences_fit_maps_of_height_one(tmp_path, arrays):
    """Samples (C, L), spikes or values, are fed to one-dimensional convolutions as (C, 1, L)."""
    options = DataOptions(steps=7 if arrays["x"].ndim == 3 else None)
    data = fit_to_network(load_data(saved(tmp_path, **arrays, y=np.arange(20) % 3), options), (2, 1, 5), 3)
    assert data.shape == (2, 1, 5)
    assert data.test.samples.batch(data.test.indices).shape == (7, len(data.test), 2, 1, 5)


ONE_OTHER = st.sampled_from(["x", "y", "split"])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["spikes", "values", "events"]), st.integers(0, 399), ONE_OTHER)
def test_any_edit_changes_the_fingerprint(kind: str, place: int, what: str) -> None:
    """One other value of one sample, one other label, one sample in another part: another data set."""
    x = (np.arange(400 * 6).reshape(400, 6) % 5).astype(np.uint8)
    y, parts = np.arange(400) % 3, [np.arange(0, 200), np.arange(200, 300), np.arange(300, 400)]

    def made() -> str:
        samples: Samples = {
            "spikes": lambda: SpikeSamples(x[:, :, None]),
            "values": lambda: ValueSamples(x.astype(np.float32), 4),
            "events": lambda: EventSamples(x.ravel() * 100, x.ravel(), np.arange(0, 2401, 6), (5,), ByTime(50), 9, 6),
        }[kind]()
        return parts_of("data", samples, y, tuple(parts)).fingerprint

    before = made()
    assert made() == before
    if what == "x":
        x[place, place % 6] ^= 1
    elif what == "y":
        y[place] = (y[place] + 1) % 3
    else:
        part = min(place // 100, 2)
        parts = [np.setdiff1d(each, [place]) for each in parts]
        parts[(part + 1) % 3] = np.union1d(parts[(part + 1) % 3], [place])
    assert made() != before


def test_coding_is_part_of_the_fingerprint() -> None:
    """The same values over other steps, or as rates, are other data."""
    values, y = np.linspace(0, 1, 40, dtype=np.float32).reshape(20, 2), np.arange(20) % 2
    parts = (np.arange(10), np.arange(10, 15), np.arange(15, 20))
    ways = [ValueSamples(values, 4), ValueSamples(values, 5), ValueSamples(values, 4, "rate")]
    assert len({parts_of("data", samples, y, parts).fingerprint for samples in ways}) == 3
