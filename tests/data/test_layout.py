"""Axes in another order: what is found, and that the fix gives the documented order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spear_deploy.data.layout import shape_finding, swapped_samples

X = np.arange(10 * 7 * 2 * 4 * 5).reshape(10, 7, 2, 4, 5)
"""(N, T, C, H, W), every value another."""


def finding_of(x: np.ndarray, wanted: tuple[int, ...], steps: int | None = None) -> Any:
    time, found = (None, x.shape[1:]) if steps else (x.shape[1], x.shape[2:])
    return shape_finding(found, wanted, "data d", time=time)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.moveaxis(X, 2, -1), "channels are last"),
        (np.swapaxes(X, -1, -2), "height and width are swapped"),
        (np.moveaxis(X, 1, 2), "axis 2 of x is time"),
        (np.moveaxis(X, 1, -1), "axis 4 of x is time"),
        (np.moveaxis(np.moveaxis(X, 2, -1), 1, -1), "axis 4 of x is time, channels are last"),
        (X.reshape(10, 7, -1), "the same values in another shape"),
        (X[:, :, :1], "the same values in another shape"),
    ],
)
def test_spikes_in_another_order(x: np.ndarray, words: str) -> None:
    """Time elsewhere, channels last, both, or flattened: told, and the fix puts every value where it belongs."""
    wanted, expected = (X.shape[2:], X) if x.size == X.size else ((4, 5), X[:, :, 0])
    finding = finding_of(x, wanted)
    assert finding.code == "E005"
    assert words in finding.message
    mended = eval(finding.fix.removeprefix("give "), {"numpy": np, "x": x})
    np.testing.assert_array_equal(mended, expected)


@pytest.mark.parametrize(
    ("x", "wanted"),
    [
        (np.moveaxis(X[:, 0], 1, -1), (2, 4, 5)),
        (np.swapaxes(X[:, 0], -1, -2), (2, 4, 5)),
        (X[:, 0].reshape(10, -1), (2, 4, 5)),
        (X[:, 0], (40,)),
        (np.moveaxis(X[:, 0, :, 0], 1, -1), (2, 1, 5)),
    ],
)
def test_values_in_another_order(x: np.ndarray, wanted: tuple[int, ...]) -> None:
    """The same without time; sequences (L, C) become the (C, L) that a map of height 1 is given as."""
    finding = finding_of(x, wanted, steps=5)
    mended = eval(finding.fix.removeprefix("give "), {"numpy": np, "x": x})
    shape = wanted if mended.ndim == len(wanted) + 1 else (wanted[0], wanted[2])
    assert mended.shape == (10, *shape)
    np.testing.assert_array_equal(np.sort(mended.reshape(10, -1)), np.sort(x.reshape(10, -1)))


def test_time_that_is_missing_or_too_much() -> None:
    """Values without steps, and spikes with them."""
    assert finding_of(X[:, 0], (2, 4, 5)).fix == "give --steps T"
    assert "leave out --steps" in finding_of(X, (2, 4, 5), steps=3).fix
    assert "7 steps" in finding_of(X, (2, 4, 5), steps=3).fix


def test_two_readings_are_both_told() -> None:
    """Where two axes could be time, neither is preferred."""
    both = finding_of(np.zeros((9, 4, 5, 5)), (4, 5)).fix
    assert both == "give numpy.moveaxis(x, 2, 1) or numpy.moveaxis(x, 3, 1)"


def test_what_has_no_reading() -> None:
    """Both shapes are told, and the order that is documented."""
    finding = finding_of(np.zeros((10, 7, 11)), (12,))
    assert "(11,)" in finding.message
    assert "(12,)" in finding.message
    assert "x is (N, 7, 11) here" in finding.fix


@pytest.mark.parametrize(
    ("shape", "labels", "axis"),
    [((7, 10, 5), 10, 1), ((7, 5, 10), 10, 2), ((10, 10, 5), 10, None), ((7, 10, 10), 10, None), ((7, 5, 3), 10, None)],
)
def test_samples_behind_time(shape: tuple[int, ...], labels: int, axis: int | None) -> None:
    """The only axis that has as many entries as there are labels is that of the samples."""
    finding = swapped_samples(shape, labels, "x")
    assert (finding is None) == (axis is None)
    if finding is not None:
        assert f"axis {axis} are the samples" in finding.message
        assert finding.fix == f"give numpy.moveaxis(x, {axis}, 0)"
