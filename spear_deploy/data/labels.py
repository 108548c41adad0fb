"""Checking labels, which are one integer per sample, with numpy expressions that convert other forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding

Array = NDArray[Any]

_SHOWN_CLASSES = 20


def label_finding(y: Array, count: int, where: str) -> Finding | None:
    """Return what is wrong (E006) with the labels of ``count`` samples, or None; they must be integers (N,)."""
    if y.shape == (count,):
        return None if y.dtype.kind in "iu" else _type_finding(y, where)
    if y.ndim == 1:
        message = f"y has {len(y)} labels, x has {count} samples"
        return Finding("E006", where, message, "give one label for each sample: x and y were cut or joined differently")
    message, fix = f"y has shape {y.shape} instead of ({count},)", "give one integer for each sample"
    if y.ndim == 2 and y.dtype.kind in "biuf" and count in y.shape:
        axis = 1 if y.shape[0] == count else 0
        rows = y if axis == 1 else y.T
        if np.all((rows == 0) | (rows == 1)) and np.all(np.count_nonzero(rows, axis=1) == 1) and rows.shape[1] > 1:
            message, fix = f"y has shape {y.shape}: one-hot instead of integers", f"give argmax(y, {axis})"
        elif np.all(rows == rows[:, :1]):
            fix = f"give y{'[:, 0]' if axis == 1 else '[0]'}"
        else:
            message = f"{message}, and is not one-hot"
            fix = f"where these are scores or probabilities of classes, give argmax(y, {axis})"
    return Finding("E006", where, message, fix)


def _type_finding(y: Array, where: str) -> Finding:
    message = f"y has type {y.dtype} instead of integers"
    if y.dtype == bool:
        return Finding("E006", where, message, "give y.astype(int)")
    if y.dtype.kind != "f":
        fix = "numpy.unique(y, return_inverse=True)[1] numbers the names"
        return Finding("E006", where, message, fix)
    odd = y[~(np.isfinite(y) & (y == np.rint(y)))]
    if not len(odd):
        return Finding("E006", where, f"{message}, whole numbers throughout", "give y.astype(int)")
    message = f"{message}, and {len(odd)} of {len(y)} values are not classes, the first is {odd[0]:g}"
    return Finding("E006", where, message, "labels are the integers 0 .. outputs-1; a regression has no accuracy")


def range_finding(labels: NDArray[np.int64], outputs: int, where: str) -> Finding | None:
    """Return what is wrong (E006) with labels (N,) for this many outputs, or None."""
    least, most = int(labels.min()), int(labels.max())
    if least >= 0 and most < outputs:
        return None
    classes = np.unique(labels)
    outside = int(np.count_nonzero((labels < 0) | (labels >= outputs)))
    message = f"{outside} of {len(labels)} labels lie outside 0..{outputs - 1}: y holds {_listed(classes)}"
    if least == 1 and most == outputs:
        fix = "labels start at 1: give y - 1"
    elif len(classes) <= outputs:
        fix = "give numpy.unique(y, return_inverse=True)[1] if the outputs are the classes in this order"
    else:
        fix = f"the network has {outputs} outputs: leave out samples of other classes, or give the network's own data"
    return Finding("E006", where, message, fix)


def _listed(classes: NDArray[np.int64]) -> str:
    few = [str(each) for each in classes[:4]]
    return ", ".join(few) if len(classes) <= 4 else f"{', '.join(few[:3])} .. {classes[-1]} ({len(classes)} classes)"


def class_notes(classes: Sequence[str], where: str) -> Iterator[Finding]:
    """Yield notes on the label of each class (N006), and on classes named by numbers in another order (N009).

    ``classes`` are names, sorted as text: a label is the place of its class.
    """
    order = ", ".join(f"{name} {label}" for label, name in enumerate(classes[:_SHOWN_CLASSES]))
    more = ", .." if len(classes) > _SHOWN_CLASSES else ""
    yield Finding("N006", where, f"labels by sorted names of classes: {order}{more}", severity="note")
    if all(name.isdecimal() for name in classes) and list(classes) != sorted(classes, key=int):
        message = "names of classes are numbers, but sorted as text, so that 10 comes before 2"
        fix = "write them with as many digits, 02 and 10, if the network was trained so"
        yield Finding("N009", where, message, fix, severity="note")
