"""Memory layout of maps in training on a CPU: channels last, for which oneDNN's convolutions are fastest.

The gradient of the input of a convolution of stride 2 takes a quarter of the time, its forward pass three quarters.
Scans of neurons accept either layout: they treat each neuron alone, with its parameters in the order of memory.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Neurons = TypeVar("Neurons", bound=tuple[Any, ...])


def with_channels_last(x: Tensor) -> Tensor:
    """Return (N, C, H, W) with channels last in memory, if it is in single precision on a CPU."""
    is_single = x.device.type == "cpu" and x.dtype == torch.float32
    return x.contiguous(memory_format=torch.channels_last) if is_single else x


def maps_with_channels_last(x: Tensor) -> Tensor:
    """Return (T, B, C, H, W) with channels last in memory."""
    return x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)


def has_channels_last(x: Tensor) -> bool:
    """Whether (T, B, C, H, W) has channels last in memory."""
    return x.dim() == 5 and not x.is_contiguous() and x.permute(0, 1, 3, 4, 2).is_contiguous()


def as_rows(x: Tensor) -> Tensor:
    """Return (T, B, *shape) as (T, B, n), in the order of memory."""
    return (x.permute(0, 1, 3, 4, 2) if has_channels_last(x) else x).flatten(2)


def as_row(values: Tensor, like: Tensor) -> Tensor:
    """Return values of neurons (*shape) as (n,), in the order of :func:`as_rows` of a tensor ``like`` this."""
    return (values.permute(1, 2, 0) if has_channels_last(like) else values).reshape(-1)


def from_rows(rows: Tensor, like: Tensor) -> Tensor:
    """Undo :func:`as_rows`: return (T, B, n) in the shape and memory layout of the original tensor."""
    if not has_channels_last(like):
        return rows.view(like.shape)
    steps, batch, channels, *extents = like.shape
    return rows.view(steps, batch, *extents, channels).permute(0, 1, 4, 2, 3)


def in_order(p: Neurons, like: Tensor) -> Neurons:
    """Return a named tuple with its arrays (n,) in the order of :func:`as_rows`."""
    if not has_channels_last(like):
        return p
    order = _order(tuple(like.shape[2:]))
    return type(p)(*(each[order] if isinstance(each, np.ndarray) else each for each in p))


@lru_cache(maxsize=256)
def _order(shape: tuple[int, int, int]) -> NDArray[np.intp]:
    return np.arange(np.prod(shape)).reshape(shape).transpose(1, 2, 0).reshape(-1)
