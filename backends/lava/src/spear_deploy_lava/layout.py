"""Between the C, H, W layout of programs and Lava's W, H, C layout.

Lava keeps images as (W, H, C) and applies true convolutions; programs follow PyTorch.  Either way a
population's axes are just reversed, and one axis stays as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spear_deploy_lava.inputs import IntArray


def lava_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(C, H, W) as (W, H, C); (N,) as it is."""
    return shape[::-1]


def to_lava(values: IntArray, leading: int = 0) -> IntArray:
    """Reverse the axes of ``values`` behind the first ``leading`` ones."""
    kept = tuple(range(leading))
    return np.ascontiguousarray(values.transpose(kept + tuple(range(leading, values.ndim))[::-1]))


def parameter(values: IntArray) -> int | npt.NDArray[np.int32]:
    """A neuron parameter as Lava takes it: a Python int (numpy scalars hang ``Var.get``) or int32 (W, H, C)."""
    return int(values) if values.ndim == 0 else to_lava(values).astype(np.int32)


def convolution_weight(weight: IntArray) -> npt.NDArray[np.int32]:
    """(Cout, Cin, kH, kW) of a cross-correlation as (Cout, kW, kH, Cin) of a true convolution."""
    return np.ascontiguousarray(weight[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)).astype(np.int32)


def dense_weight(weight: IntArray, target: tuple[int, ...], source: tuple[int, ...]) -> npt.NDArray[np.int32]:
    """Permute rows and columns from flattened C, H, W to flattened W, H, C."""
    return weight[np.ix_(_order(target), _order(source))].astype(np.int32)


def flat(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Flatten a (W, H, C) or (N,) array in C, H, W order."""
    return values.T.ravel()


def _order(shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Flat C, H, W indices in the order in which Lava's layout visits them."""
    return np.arange(np.prod(shape), dtype=np.intp).reshape(shape).T.ravel()
