"""Neurons behind a convolution as one operation that gradients pass through, on a CPU.

What arrives at the neurons, the largest array of such a layer, and its gradient are not kept at all.  Faster than a
library's convolution and a scan where few of the source's values are not zero, and weights stay in a processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.simulate.convolution_kernel import go_back
from spear_deploy.simulate.convolution_layout import Layout, Pair, as_columns, as_runs, from_runs, layout_of
from spear_deploy.simulate.event_products import LARGEST, fires_little
from spear_deploy.simulate.layout import as_rows, has_channels_last, in_order, maps_with_channels_last
from spear_deploy.simulate.scan_kernel import Parameters
from spear_deploy.simulate.vectors import LENGTH

_PARTS = 8
"""Parts of a batch whose gradients of weights are summed for themselves, at most."""


def suits_convolution(x: Tensor, weight: Tensor) -> bool:
    """Whether one pass is faster for values (T, B, C, H, W) on a CPU, by what is sent in the middle step."""
    if x.dtype != torch.float32 or x.stride(0) == 0 or weight.numel() > LARGEST:
        return False
    return fires_little(x[len(x) // 2])


class Scan(NamedTuple):
    """Neurons fed by a convolution: ``kernel`` scans them forward; gradients pass through the ``smooth`` ones backward.

    The kernel has the arguments of :func:`~spear_deploy.simulate.convolution_kernel.convolve_and_scan`.
    """

    kernel: Callable[..., None]
    neurons: Any
    smooth: Parameters


class ConvolvedScan(torch.autograd.Function):
    """Spikes (T, B, O, H', W') of neurons that a convolution (without groups or dilation) of (T, B, C, H, W) feeds.

    The arrays of ``scan`` are in the order of (O, H', W').
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        geometry: tuple[Pair, Pair],
        scan: Scan,
        slope: float,
    ) -> Tensor:
        """Keep the membranes for the backward pass."""
        last = has_channels_last(x) or ctx.needs_input_grad[0]
        x = maps_with_channels_last(x) if last else x.contiguous()
        g = layout_of(tuple(x.shape[2:]), tuple(weight.shape), *geometry, last=last)
        maps = x.new_empty(*x.shape[:2], g.rows, g.columns, g.outputs).permute(0, 1, 4, 2, 3)
        v, neurons = torch.empty(*x.shape[:2], g.size), in_order(scan.neurons, maps)
        runs = torch.zeros(g.weights)
        as_runs(weight.detach().numpy(), g, runs.numpy())
        biases = np.zeros(g.outputs, np.float32) if bias is None else bias.detach().contiguous().numpy()
        scan.kernel(neurons, g, _flat(runs), biases, _rows(x), v.numpy(), _rows(maps))
        ctx.save_for_backward(x, weight, v)
        ctx.layout, ctx.parameters, ctx.slope = g, in_order(scan.smooth, maps), slope
        return maps

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None, None, None]:
        """Backpropagate through time with the surrogate, and through the convolution."""
        x, weight, v = ctx.saved_tensors
        g: Layout = ctx.layout
        grad = maps_with_channels_last(gradients[0])
        columns, parts = torch.zeros(*g.weights[:2], g.taps * g.outputs, g.depth), min(_PARTS, x.shape[1])
        as_columns(weight.detach().numpy(), g, columns.numpy())
        of_x = torch.empty_like(x if ctx.needs_input_grad[0] else x[:0])
        of_runs, of_bias = torch.zeros(parts, prod(g.weights) + LENGTH), torch.zeros(parts, g.outputs)
        arrays = _flat(columns), _rows(x), v.numpy(), _rows(grad), of_runs.numpy(), of_bias.numpy(), _rows(of_x)
        go_back(ctx.slope, ctx.parameters, g, *arrays)
        of_weight = torch.empty(weight.shape)
        from_runs(of_runs.sum(0)[:-LENGTH].view(g.weights).numpy(), g, of_weight.numpy())
        wanted = ctx.needs_input_grad
        return of_x if wanted[0] else None, of_weight, of_bias.sum(0) if wanted[2] else None, None, None, None


def _rows(x: Tensor) -> NDArray[np.float32]:
    rows: NDArray[np.float32] = as_rows(x.detach()).numpy()
    return rows


def _flat(x: Tensor) -> NDArray[np.float32]:
    flat: NDArray[np.float32] = x.reshape(-1).numpy()
    return flat
