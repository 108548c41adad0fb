"""Synaptic operations: one spike arriving at one existing synapse is one operation.

The fan-out of a neuron is exact: borders, stride, dilation and groups are counted by a transposed
convolution; pooling has been composed into the synapses after it.  Two counts are kept apart: *all*
synapses (structure) and *nonzero* synapses (what a sparse core executes; an integer weight of zero is not a
synapse).  Biases and neuron updates are not synaptic operations.  A graded spike counts as one spike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import Shape, window_count
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FanOut:
    """Synapses that leave each neuron of a source population through one projection.

    ``every`` and ``nonzero`` have the source population's shape, flattened: (neurons,).
    """

    name: str
    source: str
    target: str
    every: Counts
    nonzero: Counts


def fan_out(synapses: Synapses, shapes: Mapping[str, Shape]) -> FanOut:
    """Return the fan-out of each source neuron of a projection."""
    if isinstance(synapses, DenseSynapses):
        rows, columns = synapses.weight.shape
        nonzero = np.count_nonzero(synapses.weight, axis=0).astype(np.int64)
        return FanOut(synapses.name, synapses.source, synapses.target, np.full(columns, rows, np.int64), nonzero)
    shape = shapes[synapses.source]
    outputs, per_group, *kernel = synapses.weight.shape
    # Taps of an input channel: the kernels of all outputs of its group.
    of_groups = (synapses.groups, outputs // synapses.groups, per_group, *kernel)
    existing = np.count_nonzero(synapses.weight.reshape(of_groups), axis=1).reshape(shape[0], *kernel)
    every = _conv_fan_out(np.full(existing.shape, of_groups[1]), synapses, shape)
    nonzero = _conv_fan_out(existing, synapses, shape)
    return FanOut(synapses.name, synapses.source, synapses.target, every.ravel(), nonzero.ravel())


def fan_outs(synapses: Sequence[Synapses], shapes: Mapping[str, Shape]) -> tuple[FanOut, ...]:
    """Return the fan-out of every projection."""
    return tuple(fan_out(item, shapes) for item in synapses)


def synapse_count(synapses: Synapses, shapes: Mapping[str, Shape]) -> int:
    """Return the number of existing (nonzero) synapses of a projection."""
    return int(fan_out(synapses, shapes).nonzero.sum())


def _conv_fan_out(taps: Counts, conv: ConvSynapses, shape: Shape) -> Counts:
    """Transposed convolution of ones: how many outputs each input pixel reaches, by ``taps`` (channels, kH, kW)."""
    channels, height, width = shape
    kernel_h, kernel_w = taps.shape[1:]
    rows = window_count(height, kernel_h, conv.stride[0], conv.padding[0], conv.dilation[0])
    columns = window_count(width, kernel_w, conv.stride[1], conv.padding[1], conv.dilation[1])
    reach_h = height + 2 * conv.padding[0]
    reach_w = width + 2 * conv.padding[1]
    total = np.zeros((channels, reach_h, reach_w), np.int64)
    for y in range(kernel_h):
        for x in range(kernel_w):
            top, left = y * conv.dilation[0], x * conv.dilation[1]
            bottom, right = top + conv.stride[0] * (rows - 1) + 1, left + conv.stride[1] * (columns - 1) + 1
            total[:, top : bottom : conv.stride[0], left : right : conv.stride[1]] += taps[:, y, x, None, None]
    return total[:, conv.padding[0] : conv.padding[0] + height, conv.padding[1] : conv.padding[1] + width]
