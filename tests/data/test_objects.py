"""Data sets from Python objects: the same samples in every form, and a refusal of all else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from spear_deploy.data import DataOptions, as_dataset, from_arrays, load_data
from spear_deploy.errors import InputError
from tests.data.files import LABELS, SPIKES

TRAIN, TEST = (SPIKES[:6], LABELS[:6]), (SPIKES[6:], LABELS[6:])


def tensors(x: np.ndarray, y: np.ndarray) -> TensorDataset:
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


WHOLE: dict[str, Callable[[], Any]] = {
    "pair of arrays": lambda: (SPIKES, LABELS),
    "list of tensors": lambda: [torch.from_numpy(SPIKES), torch.from_numpy(LABELS)],
    "nested lists": lambda: (SPIKES.tolist(), LABELS.tolist()),
    "mapping": lambda: {"x": SPIKES, "y": LABELS},
    "Dataset": lambda: tensors(SPIKES, LABELS),
    "DataLoader": lambda: DataLoader(tensors(SPIKES, LABELS), batch_size=4),
}
SPLIT: dict[str, Callable[[], Any]] = {
    "four arrays": lambda: (*TRAIN, *TEST),
    "mapping": lambda: {"x_train": TRAIN[0], "y_train": TRAIN[1], "x_test": TEST[0], "y_test": TEST[1]},
    "two Datasets": lambda: (tensors(*TRAIN), tensors(*TEST)),
    "two DataLoaders": lambda: [DataLoader(tensors(*part), batch_size=4) for part in (TRAIN, TEST)],
}


@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE.keys())
def test_samples_without_a_split(make: Callable[[], Any]) -> None:
    """Whatever holds them, samples and labels are those of the arrays, and every fifth is a test sample."""
    expected = from_arrays({"x": SPIKES, "y": LABELS}, "data", "data", DataOptions())
    data = as_dataset(make(), DataOptions())
    for split in ("train", "val", "test"):
        for ours, theirs in zip(getattr(data, split).batches(10), getattr(expected, split).batches(10), strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])
    assert data.test.indices.tolist() == [0, 5]


@pytest.mark.parametrize("make", SPLIT.values(), ids=SPLIT.keys())
def test_samples_with_their_own_split(make: Callable[[], Any]) -> None:
    """Test samples are exactly those that were given as such."""
    data = as_dataset(make(), DataOptions())
    x, y = next(data.test.batches(10))
    np.testing.assert_array_equal(np.moveaxis(x, 0, 1), TEST[0])
    np.testing.assert_array_equal(y, TEST[1])
    assert len(data.train) + len(data.val) == 6


def test_names_and_data_sets_are_taken() -> None:
    """A name is loaded, and what is a data set stays it."""
    digits = as_dataset("digits", DataOptions())
    assert digits.fingerprint == load_data("digits", DataOptions()).fingerprint
    assert as_dataset(digits, DataOptions()) is digits


@pytest.mark.parametrize("data", [3, None, (SPIKES,), (SPIKES, LABELS, SPIKES), object(), [object(), object()]])
def test_anything_else_is_refused(data: Any) -> None:
    """What is no data is E005, with what would be."""
    with pytest.raises(InputError, match="DataLoader") as caught:
        as_dataset(data, DataOptions())
    assert [finding.code for finding in caught.value.findings] == ["E005"]
