"""What chains of linear operations do, as PyTorch computes them in float64."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.network import AvgPool2d, Conv2d, Linear, LinearOp, Scale, SumPool2d


def double(array: np.ndarray | None) -> Tensor | None:
    return None if array is None else torch.tensor(array, dtype=torch.float64)


def torch_op(op: LinearOp, x: Tensor, *, bias: bool) -> Tensor:
    """One operation on a batch, by PyTorch."""
    match op:
        case Conv2d():
            b = double(op.bias) if bias else None
            return functional.conv2d(x, double(op.weight), b, op.stride, op.padding, op.dilation, op.groups)
        case Linear():
            return functional.linear(x, double(op.weight), double(op.bias) if bias else None)
        case AvgPool2d():
            return functional.avg_pool2d(x, op.kernel, op.stride, op.padding)
        case SumPool2d():
            return functional.avg_pool2d(x, op.kernel, op.stride, op.padding, divisor_override=1)
        case Scale():
            return x * double(op.factor)
    return x.flatten(1)


def one_by_one(ops: tuple[LinearOp, ...], x: Tensor, *, bias: bool = False) -> Tensor:
    for op in ops:
        x = torch_op(op, x, bias=bias)
    return x
