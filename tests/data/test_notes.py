"""What is noted of the parts of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spear_deploy.data import DataOptions, Dataset, from_arrays

SAMPLES = np.zeros((200, 2, 3), np.uint8)


def whole(labels: Any) -> Dataset:
    y = np.asarray(labels)
    return from_arrays({"x": SAMPLES[: len(y)], "y": y}, "d", "d", DataOptions())


def notes(data: Dataset) -> list[str]:
    return [note.message for note in data.notes if note.code == "N009"]


@pytest.mark.parametrize("labels", [np.arange(200) % 5, np.repeat(np.arange(5), 40), np.arange(50) % 2])
def test_usual_data(labels: np.ndarray) -> None:
    """All classes are in all parts, whatever the order: nothing to say but that the split was drawn."""
    data = whole(labels)
    classes = np.unique(labels).tolist()
    assert all(part.classes.tolist() == classes for part in data.parts.values())
    assert notes(data) == []
    assert [note.code for note in data.notes] == ["N006"]


def test_rare_classes() -> None:
    """A class of one sample cannot be shared; one of three is in all parts."""
    data = whole([7, *[8] * 3, *np.arange(96) % 2])
    assert all(8 in part.classes for part in data.parts.values())
    messages = notes(data)
    assert "1 of 4 classes have one sample only" in messages[0]
    assert any("the test part holds 3 of 4 classes; it lacks 7" in message for message in messages)


def test_labels_that_are_no_classes() -> None:
    """As many labels as samples: asked about, and not refused."""
    messages = notes(whole(np.arange(100)))
    assert "y holds 100 different labels for 100 samples" in messages[0]
    assert any("it lacks" in message and ".." in message for message in messages)


def test_few_samples() -> None:
    """The fewest are one for each part; ten are enough not to be told of."""
    data = whole([0, 0, 0])
    assert [len(part) for part in data.parts.values()] == [1, 1, 1]
    assert notes(data)[1:] == ["the test part holds 1 sample: an accuracy on so few says little"]
    assert "2 samples" in notes(whole(np.zeros(10, int)))[1]
    assert notes(whole(np.arange(50) % 2)) == []


def test_one_class() -> None:
    """An accuracy of 100 % on one class says nothing, and is not shown without a word."""
    assert notes(whole(np.ones(50, int))) == ["all 50 labels are 1: an accuracy on one class says nothing"]


def test_a_test_part_of_one_sample() -> None:
    """It is taken as it is given, and what it lacks is told."""
    parts = {"x_train": SAMPLES[:40], "y_train": np.arange(40) % 3, "x_test": SAMPLES[:1], "y_test": np.array([2])}
    data = from_arrays(parts, "d", "d", DataOptions())
    assert [len(part) for part in data.parts.values()] == [32, 8, 1]
    assert "the test part holds 1 of 3 classes; it lacks 0, 1" in notes(data)


def test_the_test_part_does_not_depend_on_the_seed() -> None:
    """Runs of several seeds are judged on the same samples; their validation samples differ."""
    y = np.arange(200) % 5
    one, other = (from_arrays({"x": SAMPLES, "y": y}, "d", "d", DataOptions(seed=seed)) for seed in (0, 1))
    np.testing.assert_array_equal(one.test.indices, other.test.indices)
    assert one.val.indices.tolist() != other.val.indices.tolist()
    assert sorted(np.concatenate([part.indices for part in other.parts.values()])) == list(range(200))
