"""Padding by name, ``same`` and ``valid``, as the same number of zeros on both sides.

``same`` pads an even kernel by one more at the bottom and on the right (PyTorch's rule).  A kernel with a zero in front
and as much padding on both sides gives the same values::

    w = (a, b), padding (0, 1)        y[i] = a x[i] + b x[i+1]
    w = (0, a, b), padding (1, 1)     y[i] = 0 x[i-1] + a x[i] + b x[i+1]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import Pair

_MAX_WEIGHTS = 1 << 27


@dataclass(frozen=True)
class Geometry:
    """Stride, padding and dilation of a kernel; ``padding`` is a pair of numbers (y, x), ``"same"`` or ``"valid"``."""

    stride: Pair
    padding: Pair | str
    dilation: Pair


def with_symmetric_padding(weight: NDArray[np.float32], geometry: Geometry) -> tuple[NDArray[np.float32], Pair, Pair]:
    """Return the weight (Cout, Cin/groups, kH, kW) to use, with numeric padding and dilation.

    The weight is unchanged unless an even kernel is padded to ``same``: then its dilation along that axis is expanded,
    with a leading zero.  Raises ValueError for an unknown name, ``same`` with a stride (PyTorch has no
    such), and a kernel that would become too large.
    """
    if not isinstance(geometry.padding, str):
        return weight, geometry.padding, geometry.dilation
    if geometry.padding == "valid":
        return weight, (0, 0), geometry.dilation
    if geometry.padding != "same":
        raise ValueError(f"padding {geometry.padding!r} is neither a number, 'same' nor 'valid'")
    if geometry.stride != (1, 1):
        raise ValueError(f"padding 'same' with stride {geometry.stride} is not defined; give the padding in numbers")
    dilation = list(geometry.dilation)
    for axis in (0, 1):
        if _reach(weight, axis, dilation[axis]) % 2:
            weight = _with_zero_in_front(weight, 2 + axis, dilation[axis])
            dilation[axis] = 1
    padding = (_reach(weight, 0, dilation[0]) // 2, _reach(weight, 1, dilation[1]) // 2)
    return weight, padding, (dilation[0], dilation[1])


def _reach(weight: NDArray[np.float32], axis: int, dilation: int) -> int:
    """Return the distance of a kernel's last tap from its first."""
    return dilation * (int(weight.shape[2 + axis]) - 1)


def _with_zero_in_front(weight: NDArray[np.float32], axis: int, dilation: int) -> NDArray[np.float32]:
    """Return a kernel with its dilation along an axis expanded, and a zero before its first tap."""
    shape = list(weight.shape)
    shape[axis] = dilation * (shape[axis] - 1) + 2
    if prod(shape) > _MAX_WEIGHTS:
        raise ValueError(f"padding 'same' would make its kernel {tuple(shape[2:])}; give the padding in numbers")
    padded = np.zeros(shape, weight.dtype)
    taps = [slice(None)] * weight.ndim
    taps[axis] = slice(1, None, dilation)
    padded[tuple(taps)] = weight
    return padded
