"""Data sets from Python objects: the same samples in every form, and a refusal of all else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

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
    """Whatever holds them, samples and labels are those of the arrays, and the same fifth is drawn for the test."""
    expected = from_arrays({"x": SPIKES, "y": LABELS}, "data", "data", DataOptions())
    data = as_dataset(make(), DataOptions())
    for split in ("train", "val", "test"):
        for ours, theirs in zip(getattr(data, split).batches(10), getattr(expected, split).batches(10), strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])
    assert (len(data.test), data.split) == (2, "drawn")


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


class Items(Dataset):
    """A data set of given items."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def pairs(make: Callable[[int], Any], label: Callable[[int], Any] = lambda index: index % 2) -> Items:
    return Items([(make(index), label(index)) for index in range(10)])


STEP = torch.ones(5, 3)
X = torch.from_numpy(SPIKES)
ODD: dict[str, tuple[Any, str]] = {
    "items that are mappings": (Items([{"x": STEP, "y": 0}] * 10), "an item is a dict"),
    "samples without labels": (TensorDataset(X), "an item is a tuple of 1"),
    "samples alone": (Items([STEP] * 10), "an item is a Tensor"),
    "more than pairs": (TensorDataset(X, torch.zeros(len(X)), torch.zeros(len(X))), "an item is a tuple of 3"),
    "batches without labels": (DataLoader(TensorDataset(X), batch_size=2), "an item is a list of 1"),
    "no batches": (DataLoader(tensors(SPIKES, LABELS), batch_size=None), "batch_size=None"),
    "ragged samples": (pairs(lambda index: torch.ones(2 + index, 3)), "do not fit together"),
    "ragged lists": (pairs(lambda index: [[1, 2], [3]]), "cannot be read as an array"),
    "ragged batches": (DataLoader(pairs(lambda i: torch.ones(2 + i, 3)), batch_size=1), "do not fit together"),
    "sparse tensors": (pairs(lambda index: STEP.to_sparse()), "cannot be read as an array"),
    "a sparse array": ((X.to_sparse(), LABELS), "cannot be read as an array"),
    "numbers that numpy lacks": ((X.bfloat16(), LABELS), "cannot be read as an array"),
    "strings": ((np.full((10, 5, 3), "1"), LABELS), "x holds <U1, no real numbers"),
    "strings in a data set": (pairs(lambda index: np.full((5, 3), "1")), "x holds <U1, no real numbers"),
    "complex numbers": ((SPIKES.astype(complex), LABELS), "x holds complex128, no real numbers"),
    "dates": ((SPIKES.astype("datetime64[s]"), LABELS), r"x holds datetime64\[s\], no real numbers"),
    "objects": ((np.full((10, 5, 3), None), LABELS), "not an array of numbers"),
    "masked": ((np.ma.masked_equal(np.arange(150.0).reshape(10, 5, 3), 7), LABELS), "is masked in 1 of 150 values"),
    "an empty data set": (Items([]), "holds no samples"),
}


@pytest.mark.parametrize(("data", "told"), ODD.values(), ids=ODD.keys())
def test_oddities_are_told(data: Any, told: str) -> None:
    """What is not a pair of arrays of one shape is E005, with what it is; nothing of the frameworks' comes through."""
    with pytest.raises(InputError, match=told) as caught:
        as_dataset(data, DataOptions())
    assert [finding.code for finding in caught.value.findings] == ["E005"]
    assert caught.value.findings[0].fix


@pytest.mark.parametrize(
    "labels",
    [LABELS + 0.5, *map(LABELS.astype, (float, str, complex, bool)), LABELS[:, None]],
    ids=["between", "float", "str", "complex", "bool", "column"],
)
def test_labels_that_are_no_integers(labels: np.ndarray) -> None:
    """Labels are not cut to integers in any form: E006."""
    forms = [(SPIKES, labels), {"x": SPIKES, "y": labels}, Items(list(zip(SPIKES, labels, strict=True)))]
    for data in (*forms, (TRAIN[0], labels[:6], TEST[0], labels[6:])):
        with pytest.raises(InputError) as caught:
            as_dataset(data, DataOptions())
        assert {finding.code for finding in caught.value.findings} <= {"E005", "E006"}
    with pytest.raises(InputError, match="E006"):
        as_dataset(forms[-1], DataOptions())


@pytest.mark.parametrize("data", [3, None, (SPIKES,), (SPIKES, LABELS, SPIKES), object(), [object(), object()]])
def test_anything_else_is_refused(data: Any) -> None:
    """What is not data is E005, with what would be."""
    with pytest.raises(InputError, match="DataLoader") as caught:
        as_dataset(data, DataOptions())
    assert [finding.code for finding in caught.value.findings] == ["E005"]
