"""Labels that are not integers for each sample, and labels that a network has no outputs for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spear_deploy.data.labels import label_finding, range_finding

Y = np.arange(12) % 3
SCORES = np.random.default_rng(0).random((12, 3))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int16])
def test_integers_are_labels(dtype: Any) -> None:
    """Of any width."""
    assert label_finding(Y.astype(dtype), 12, "y") is None


@pytest.mark.parametrize(
    ("y", "message", "fix"),
    [
        (np.eye(3)[Y], "y has shape (12, 3): one-hot", "argmax(y, 1)"),
        (np.eye(3, dtype=bool)[Y], "one-hot", "argmax(y, 1)"),
        (np.eye(3)[Y].T, "y has shape (3, 12): one-hot", "argmax(y, 0)"),
        (SCORES, "not one-hot", "argmax(y, 1)"),
        (np.eye(3)[Y] + np.eye(3)[0], "not one-hot", "argmax(y, 1)"),
        (Y[:, None], "y has shape (12, 1)", "y[:, 0]"),
        (Y[None], "y has shape (1, 12)", "y[0]"),
        (np.repeat(Y[:, None], 5, axis=1), "y has shape (12, 5)", "y[:, 0]"),
        (np.ones((12, 1)), "y has shape (12, 1)", "y[:, 0]"),
        (Y[:9], "y has 9 labels, x has 12 samples", "one label for each"),
        (np.float64(3), "y has shape ()", "one integer for each"),
        (np.zeros((12, 3, 2)), "y has shape (12, 3, 2)", "one integer for each"),
        (Y > 0, "y has type bool", "y.astype(int)"),
        (Y.astype(float), "whole numbers throughout", "y.astype(int)"),
        (Y + 0.25, "12 of 12 values are not classes, the first is 0.25", "regression"),
        (np.where(Y > 1, np.nan, Y), "4 of 12 values are not classes, the first is nan", "regression"),
        (np.array(["a", "b", "c"])[Y], "y has type <U1", "numpy.unique"),
        (Y.astype(object), "y has type object", "numpy.unique"),
        (Y.astype(complex), "y has type complex128", ""),
    ],
)
def test_other_labels(y: Any, message: str, fix: str) -> None:
    """Each form is told by its shape or type, with what numpy makes labels of it."""
    finding = label_finding(np.asarray(y), 12, "here y")
    assert finding is not None
    assert (finding.code, finding.where) == ("E006", "here y")
    assert message in finding.message
    assert fix in finding.fix


@pytest.mark.parametrize(
    "y", [np.eye(3)[Y], np.eye(3)[Y].T, Y[:, None], Y[None], np.repeat(Y[:, None], 2, 1), Y > 0, Y * 1.0]
)
def test_fixes_work(y: np.ndarray) -> None:
    """What the fix says, done, gives labels."""
    finding = label_finding(y, 12, "y")
    assert finding is not None
    mended = eval(finding.fix.removeprefix("give "), {"argmax": np.argmax, "y": y})
    assert label_finding(mended, 12, "y") is None


@pytest.mark.parametrize(
    ("labels", "message", "fix"),
    [
        ([1, 2, 3], "1 of 3 labels lie outside 0..2: y holds 1, 2, 3", "give y - 1"),
        ([0, 1, 3], "1 of 3 labels lie outside 0..2: y holds 0, 1, 3", "numpy.unique"),
        ([-1, 1], "1 of 2 labels lie outside 0..2: y holds -1, 1", "numpy.unique"),
        ([10, 20, 30], "3 of 3 labels", "numpy.unique"),
        ([1, 3], "1 of 2 labels", "give y - 1"),
        (range(10), "7 of 10 labels lie outside 0..2: y holds 0, 1, 2 .. 9 (10 classes)", "3 outputs"),
    ],
)
def test_labels_beyond_the_outputs(labels: Any, message: str, fix: str) -> None:
    """How many, which classes there are, and what to give instead."""
    finding = range_finding(np.array(labels), 3, "data d")
    assert finding is not None
    assert message in finding.message
    assert fix in finding.fix


def test_labels_of_the_outputs() -> None:
    """All, or some of them."""
    assert range_finding(np.array([0, 1, 2]), 3, "") is None
    assert range_finding(np.array([1]), 3, "") is None
