"""The data sets of a layer of a ``.net`` file as integers, pairs, shapes and kernels that netx reads unchanged.

All raise :class:`BadLayerError` for a missing field, or one that netx would not run unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.frontends.net.limits import MAX_GEOMETRY
from spear_deploy.network.ops import Pair, Shape
from spear_deploy.untrusted import MAX_NEURONS

Integers: TypeAlias = NDArray[np.int64]
Values: TypeAlias = Mapping[str, Any]
Geometry: TypeAlias = tuple[Pair, Pair, Pair, int]
"""Stride, padding and dilation, (y, x) each, and groups."""

_MAX_INTEGER = 1 << 23


class BadLayerError(Exception):
    """A field of a layer is missing, or netx would not run it unchanged; the text says what is wrong."""


def convolution_of(values: Values) -> tuple[Integers, Geometry]:
    """Return a convolution layer's weight, (Cout, Cin/groups, kH, kW), and its geometry."""
    weight = integers_of(values, "weight")
    if weight.ndim == 5 and weight.shape[4] == 1:  # older versions of lava-dl store an axis of time
        weight = weight[..., 0]
    if weight.ndim != 4:
        raise BadLayerError(f"weight has shape {weight.shape} instead of (Cout, Cin, kH, kW)")
    least = {"stride": 1, "padding": 0, "dilation": 1}
    stride, padding, dilation = (pair_of(values, key, low) for key, low in least.items())
    groups = int(single(values, "groups"))
    if not 1 <= groups <= MAX_GEOMETRY or weight.shape[0] % groups or max(weight.shape[2:]) > MAX_GEOMETRY:
        raise BadLayerError(f"{groups} groups and a weight of shape {weight.shape} are not a convolution of netx")
    return weight, (stride, padding, dilation, groups)


def shape_of(values: Values) -> Shape:
    """Return the shape that a layer declares: (N,) or (C, H, W)."""
    shape = tuple(int(n) for n in integers_of(values, "shape").reshape(-1))
    if len(shape) not in (1, 3) or min(shape) < 1 or prod(shape) > MAX_NEURONS:
        raise BadLayerError(f"shape {shape} is neither (N,) nor (C, H, W) of 1 to {MAX_NEURONS} neurons")
    return shape


def pair_of(values: Values, key: str, least: int) -> Pair:
    """Return a field of one or two numbers as (y, x)."""
    numbers = integers_of(values, key)
    if numbers.shape not in ((), (2,)) or numbers.min() < least or numbers.max() > MAX_GEOMETRY:
        raise BadLayerError(f"{key} is {numbers.tolist()} instead of one or two numbers {least} to {MAX_GEOMETRY}")
    first, second = np.broadcast_to(numbers, 2)
    return int(first), int(second)


def single(values: Values, key: str, default: float | None = None) -> float:
    """Return a field of one number, or the default if it is missing."""
    if key not in values and default is not None:
        return default
    number = integers_of(values, key)
    if number.size != 1:
        raise BadLayerError(f"{key} has {number.size} values instead of one")
    return float(number.reshape(-1)[0])


def per_neuron(values: Values, key: str, shape: Shape) -> Integers:
    """Return a register of each neuron; netx broadcasts it over its own axes, (W, H, C)."""
    return np.broadcast_to(integers_of(values, key), shape[::-1]).T


def integers_of(values: Values, key: str) -> Integers:
    """Return a field's integers, which may be stored as floats."""
    if key not in values:
        raise BadLayerError(f"{key} is missing")
    numbers = np.asarray(values[key])
    if numbers.dtype.kind not in "iufb" or not numbers.size:
        raise BadLayerError(f"{key} holds no numbers")
    if not np.all(np.isfinite(numbers)) or np.abs(numbers.astype(np.float64)).max() > _MAX_INTEGER:
        raise BadLayerError(f"{key} holds values beyond {_MAX_INTEGER}")
    broken = np.count_nonzero(numbers != np.rint(numbers)) if numbers.dtype.kind == "f" else 0
    if broken:
        raise BadLayerError(f"{key} holds {broken} values that are not integers; netx would cut off their fractions")
    return numbers.astype(np.int64)
