"""Elementwise fields, such as time constants or factors, in the full shape of a signal.

A field may be stored in full, as a single value, with leading batch axes of length 1, or with axes of length 1 that
numpy broadcasts:  (C, 1, 1) is one value per channel of a map (C, H, W).  A one-dimensional map (C, L) is (C, 1, L)
here.  A field with fewer axes than the map is accepted only if numpy's alignment with the last axes is the only one
that fits: a vector of C values may have been meant for the channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import Shape, ShapeError
from spear_deploy.untrusted import MAX_NEURONS

Float64 = NDArray[np.float64]


class MisfitError(ShapeError):
    """A field does not fit its signal, or fits it in several ways; ``fix`` says how to store it."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def spread(name: str, array: Float64, shape: Shape) -> Float64:
    """Return a stored field, read-only, broadcast to the full ``shape``.

    Raises :class:`MisfitError` if it does not fit, or fits in several ways.
    """
    if array.size == 1:
        return np.broadcast_to(array.reshape(()), shape)
    stored = array.shape
    if _without_ones(stored) == _without_ones(shape):
        return array.reshape(shape)
    while len(stored) > len(shape) and stored[0] == 1:
        stored = stored[1:]
    if len(shape) == 3 and shape[1] == 1 and len(stored) == 2:
        stored = (stored[0], 1, stored[1])
    if len(stored) < len(shape):
        _check_one_reading(name, stored, shape)
    elif not _fits(stored, shape):
        raise _misfit(name, stored, shape)
    return np.broadcast_to(array.reshape(stored), shape)


def common_shape(arrays: Mapping[str, Float64]) -> Shape | None:
    """Return the common shape of the fields of a node, or None if all are single values.

    Raises ValueError if there is none, if a field is empty, or if the shape is too large.
    """
    empty = [key for key, array in arrays.items() if not array.size]
    if empty:
        raise ValueError(f"{', '.join(empty)} is empty")
    shapes = {array.shape for array in arrays.values() if array.size > 1}
    if not shapes:
        return None
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise ValueError(f"they have different shapes {sorted(shapes)}") from error
    if prod(shape) > MAX_NEURONS:
        raise ValueError(f"they have the shape {shape} together; {MAX_NEURONS} neurons are allowed")
    return shape


def usual_shape(shape: Shape) -> Shape:
    """Return a stored shape without batch axes; maps of one dimension get a height of 1."""
    while len(shape) > 1 and shape[0] == 1 and len(shape) != 3:
        shape = shape[1:]
    return (shape[0], 1, shape[1]) if len(shape) == 2 else shape


def _without_ones(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def _fits(stored: Shape, shape: Shape) -> bool:
    return len(stored) == len(shape) and all(n in (1, size) for n, size in zip(stored, shape, strict=True))


def _check_one_reading(name: str, stored: Shape, shape: Shape) -> None:
    """Check that axes fit a map only as numpy aligns them, with its last axes."""
    along = [axes for axes in combinations(range(len(shape)), len(stored)) if _fits(stored, _pick(shape, axes))]
    meant = tuple(range(len(shape) - len(stored), len(shape)))
    if not along:
        raise _misfit(name, stored, shape)
    readings = {tuple(axis for n, axis in zip(stored, axes, strict=True) if n > 1) for axes in along}
    if len(readings) > 1 or meant not in along:
        options = " or ".join(str(tuple(shape[a] if a in axes else 1 for a in range(len(shape)))) for axes in readings)
        message = f"{name} of shape {stored} does not say which axes of {shape} it belongs to"
        raise MisfitError(message, f"store it as {options}")


def _pick(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(shape[axis] for axis in axes)


def _misfit(name: str, stored: Shape, shape: Shape) -> MisfitError:
    channels = f", {(shape[0], *(1 for _ in shape[1:]))} for one value a channel" if len(shape) > 1 else ""
    return MisfitError(
        f"{name} of shape {stored} does not fit {shape}", f"store it as {shape}{channels}, or as one value"
    )
