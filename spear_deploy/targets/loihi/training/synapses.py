"""Synapses that are integers in the forward pass: sums in chip units of spikes and payloads.

Where each synapse is one weight of the projection's last operation, times what poolings in front of it divide by, the
weights are kept on the chip's grid, ``mantissa * 2^exponent / scale``.  Other synapses (of scales, of poolings whose
windows overlap) are composed and rounded anew in every pass, by the code that lowers them, and the operations get the
gradient.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from spear_deploy.network import AvgPool2d, Conv2d, Linear, LinearOp, SumPool2d
from spear_deploy.network.synapses import ConvSynapses, Synapses, constant_output
from spear_deploy.simulate.convolution_layout import Pair
from spear_deploy.simulate.products import linear
from spear_deploy.simulate.simulator import Chain, existing_weights, over_time
from spear_deploy.targets.loihi.convolution import Geometry, conv2d
from spear_deploy.targets.loihi.layer import is_on_grid
from spear_deploy.targets.loihi.program import by_row
from spear_deploy.targets.loihi.training.exact import Exactly, Rounded
from spear_deploy.targets.loihi.training.grid import Array, Grid

_ONE_PASS = 1 << 17
"""Products of a frame from which one pass with the neurons is faster than a convolution and a scan."""


class IntegerSynapses(nn.Module):
    """A projection's synapses; :meth:`round` makes the integers of a pass from the present weights.

    ``kind`` is the float that sums of these integers are exact in; ``wraps``: whether a sum may wrap, as those of a
    convolution do.
    """

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid, self.kind, self.wraps = grid, torch.float32, False
        self.integers = torch.empty(0)
        self.is_conv = isinstance(grid.synapses, ConvSynapses)
        self.has_bias = any(getattr(op, "bias", None) is not None for op in grid.projection.ops)

    @property
    def ends_in_convolution(self) -> bool:
        """Whether neurons can go with the last operation in one pass."""
        return False

    def prepare(self) -> int:
        """Bring the present weights into the range of the mantissas; return the least exponent that holds them."""
        raise NotImplementedError

    def round(self, exponent: int) -> None:
        """Round the weights that were prepared; ``exponent`` is the one that those composed anew get."""
        raise NotImplementedError

    def shrink(self, shares: Tensor) -> None:
        """Multiply the weights into each unit of the target by its share, (units,)."""
        raise NotImplementedError

    def constant(self) -> Array | None:
        """Return what the present biases add to the target's input, as lowering counts it."""
        raise NotImplementedError

    def trained_constant(self) -> Tensor | None:
        """Return the same in chip units, for its gradient alone; None where that takes another way."""
        return None

    def clamp_bias(self, lowest: Array, highest: Array) -> None:
        """Move what :meth:`constant` returns into a range, of the target's shape, where the operations can."""

    def to_ops(self) -> tuple[LinearOp, ...]:
        """Return the operations, which are lowered to the present integers."""
        raise NotImplementedError

    def reach(self, units: int) -> Tensor:
        """Return the largest sums of positive and of negative weights into each unit of the target: (2, units)."""
        flat = self.integers.detach().reshape(units, len(self.integers) // units, -1)
        positive = flat.clamp(min=0).sum(dim=2)
        both = torch.stack([positive, positive - flat.sum(dim=2)])
        return both.amax(dim=2) * float(self.grid.payload)

    def forward(self, x: Tensor) -> Tensor:
        """Map payloads (T, B, *source) to sums (T, B, *target)."""
        return over_time(self._sums, x)

    def _sums(self, x: Tensor) -> Tensor:
        y = self._products(x.to(self.kind), self.integers.to(self.kind))
        if not self.wraps:
            return y
        bound = self.grid.registers.arithmetic.wrap
        wrapped: Tensor = Exactly.apply(torch.remainder(y + bound, 2 * bound) - bound, y)  # type: ignore[no-untyped-call]
        return wrapped

    def _products(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the sums (N, *target) of payloads (N, *source) by integer weights."""
        raise NotImplementedError

    def to_synapses(self) -> Synapses:
        """Return the present integer synapses."""
        return replace(self.grid.synapses, weight=self.integers.detach().cpu().numpy())


class GridSynapses(IntegerSynapses):
    """Synapses that are the weights of a last Linear or Conv2d, kept on the grid.

    In front of it there may be poolings of disjoint windows: they sum integers, what they divide by is in the grid.
    """

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        *before, self._op = grid.projection.ops
        assert isinstance(self._op, Conv2d | Linear)
        self._pools = [op for op in before if isinstance(op, AvgPool2d | SumPool2d)]
        divided = prod(prod(op.kernel) for op in self._pools if isinstance(op, AvgPool2d))
        self._rows = grid.rows(self._op.weight) / grid.payload_scale / divided
        step = np.ldexp(1.0, grid.exponent)
        if grid.raised is not None:
            step = step * np.ldexp(1.0, by_row(grid.raised, self._op.weight))
        self.weight = nn.Parameter(torch.tensor(self._op.weight))
        self.bias = None if self._op.bias is None else nn.Parameter(torch.tensor(self._op.bias))
        self.register_buffer("steps", torch.tensor(self._rows / step, dtype=torch.float32))
        self.register_buffer("step", torch.tensor(step, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(grid.scale, dtype=torch.float32))
        self.register_buffer("exists", existing_weights(self._op))

    def prepare(self) -> int:
        """Move weights beyond the largest mantissa back to it."""
        buffers: Any = self
        with torch.no_grad():
            mantissas = torch.round(self.weight * buffers.steps)
            least, most = (float(value) for value in torch.aminmax(mantissas))
            registers, peak = self.grid.registers, max(-least, most)
            largest = registers.largest_mantissa(is_mixed=least < 0 < most)
            if peak > largest:
                bound = largest / buffers.steps
                self.weight.copy_(torch.minimum(torch.maximum(self.weight, -bound), bound))
        return registers.exponent_for(min(peak, largest) * 2.0**self.grid.exponent, largest)

    def round(self, exponent: int) -> None:
        """Round the weights to the grid, which is coarser only where an exponent that is shared is larger."""
        buffers: Any = self
        weight = self.weight if buffers.exists is None else self.weight * buffers.exists
        coarser = 2.0 ** max(0, exponent - self.grid.exponent)
        self.integers = Rounded.apply(weight, buffers.steps / coarser, buffers.step * coarser)  # type: ignore[no-untyped-call]

    def reach(self, units: int) -> Tensor:
        """Return the largest sums into each unit; a weight is as many synapses as its window has cells."""
        return super().reach(units) * float(prod(prod(op.kernel) for op in self._pools))

    @property
    def ends_in_convolution(self) -> bool:
        """Whether neurons run faster in one pass with the last operation, a plain convolution whose sums are exact."""
        op = self._op
        is_plain = isinstance(op, Conv2d) and op.groups == 1 and op.dilation == (1, 1)
        products = self.weight.numel() * prod(self.grid.target[1:])
        return is_plain and self.kind == torch.float32 and not self.wraps and products >= _ONE_PASS

    def convolution(self) -> tuple[Tensor, None, tuple[Pair, Pair]]:
        """Return the integer weights, stride and padding of a convolution; biases are the neurons'."""
        op = self._op
        assert isinstance(op, Conv2d)
        return self.integers, None, (op.stride, op.padding)

    def forward(self, x: Tensor) -> Tensor:
        """Map payloads (T, B, *source) to sums (T, B, *target)."""
        return self.end(self.front(x))

    def front(self, x: Tensor) -> Tensor:
        """Sum the windows of poolings."""
        return over_time(self._pooled, x) if self._pools else x

    def _pooled(self, x: Tensor) -> Tensor:
        for op in self._pools:
            x = functional.avg_pool2d(x.to(self.kind), op.kernel, op.stride, op.padding, divisor_override=1)
        return x

    def end(self, x: Tensor) -> Tensor:
        """Map what comes through the poolings to sums."""
        return over_time(self._sums, x)

    def _products(self, x: Tensor, weight: Tensor) -> Tensor:
        if isinstance(self._op, Linear):
            return linear(x, weight)
        op = self._op
        assert isinstance(op, Conv2d)
        return conv2d(x, weight, Geometry(op.stride, op.padding, op.dilation, op.groups))

    def to_synapses(self) -> Synapses:
        """Return the present integer synapses."""
        if not self._pools:
            return super().to_synapses()
        assert isinstance(self._op, Conv2d | Linear)
        held = replace(self._op, weight=self.integers.detach().cpu().numpy())
        return self.grid.composed((*map(_summing, self.grid.projection.ops[:-1]), held))

    def shrink(self, shares: Tensor) -> None:
        """Multiply the weights into each unit of the target by its share, (units,)."""
        with torch.no_grad():
            self.weight.mul_(_by_row(shares, self.weight))

    def constant(self) -> Array | None:
        """Return what the present bias adds to the target's input."""
        if self.bias is None:
            return None
        bias = self.bias.detach().cpu().numpy().astype(np.float64)
        return np.broadcast_to(bias.reshape(-1, *(1,) * (len(self.grid.target) - 1)), self.grid.target)

    def trained_constant(self) -> Tensor | None:
        """Return the same in chip units."""
        buffers: Any = self
        if self.bias is None:
            return None
        constant: Tensor = self.bias.reshape(-1, *(1,) * (len(self.grid.target) - 1)) * buffers.scale
        return constant

    def clamp_bias(self, lowest: Array, highest: Array) -> None:
        """Move biases into a range, of the target's shape."""
        if self.bias is not None:
            rows = len(self.bias)
            low, high = lowest.reshape(rows, -1).max(axis=1), highest.reshape(rows, -1).min(axis=1)
            with torch.no_grad():
                bias = np.clip(self.bias.detach().cpu().numpy().astype(np.float64), low, high)
                self.bias.copy_(torch.from_numpy(bias))

    def matrix(self) -> tuple[Tensor, None]:
        """Return the integer weights of a chain of one Linear; biases are the neurons'."""
        return self.integers, None

    def to_ops(self) -> tuple[LinearOp, ...]:
        """Return the operations with the weights on the grid."""
        integers = self.integers.detach().cpu().numpy().astype(np.float64)
        weight = (integers / self._rows + 0.0).astype(np.float32)  # + 0: no negative zero
        bias = None if self.bias is None else self.bias.detach().cpu().numpy().copy()
        assert isinstance(self._op, Conv2d | Linear)
        return (*self.grid.projection.ops[:-1], replace(self._op, weight=weight, bias=bias))


_WITHIN = 1 - 1e-6
"""A factor that leads to a limit stops so much short of it: biases are of single precision."""


class ComposedSynapses(IntegerSynapses):
    """Synapses that several operations, or none, are composed to."""

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        self.chain = Chain(grid.projection.ops)
        self.register_buffer("scale", torch.tensor(grid.scale, dtype=torch.float32))
        self._is_fixed = not any(True for _ in self.parameters())
        self._scaled: Array | None = None
        self._least = 0
        self._rounded_at: tuple[int, torch.device] | None = None

    def prepare(self) -> int:
        """Compose the weights, in chip units but not rounded."""
        if self._scaled is None or not self._is_fixed:
            grid, registers = self.grid, self.grid.registers
            weight = grid.composed(self.chain.to_ops()).weight / grid.payload_scale
            self._scaled = grid.rows(weight) * weight
            peak = float(np.abs(self._scaled).max(initial=0))
            self._least = registers.exponent_for(peak, registers.max_mantissa(weight))
        return self._least

    def round(self, exponent: int) -> None:
        """Round as lowering does."""
        buffers: Any = self
        assert self._scaled is not None
        if self._is_fixed and self._rounded_at == (exponent, buffers.scale.device):
            return
        rounded = np.rint(self._scaled / 2.0**exponent) * 2.0**exponent
        self.integers = torch.tensor(rounded, dtype=torch.float32, device=buffers.scale.device)
        self._rounded_at = (exponent, buffers.scale.device)

    def shrink(self, shares: Tensor) -> None:
        """Multiply the last weights of the chain by their target's share, or by the least one."""
        with torch.no_grad():
            weights = [(name, w) for name, w in self.chain.weights.items() if name.startswith("weight")]
            for _, weight in weights[-1:]:
                fits = len(weight) % len(shares) == 0
                weight.mul_(_by_row(shares if fits else shares.min()[None], weight))

    def clamp_bias(self, lowest: Array, highest: Array) -> None:
        """Move what the biases add into a range, of the target's shape: all of them by one factor."""
        own = self.constant()
        if own is None:
            return
        with np.errstate(divide="ignore", invalid="ignore"):
            allowed = np.where(own > highest, highest / own, np.where(own < lowest, lowest / own, 1.0))
        factor = float(np.clip(allowed.min(), 0.0, 1.0)) * _WITHIN
        with torch.no_grad():
            for name, value in self.chain.weights.items():
                if name.startswith("bias"):
                    value.mul_(factor)

    def constant(self) -> Array | None:
        """Return what the present biases add to the target's input."""
        return constant_output(self.chain.to_ops(), self.grid.source)

    def to_ops(self) -> tuple[LinearOp, ...]:
        """Return the operations with the present weights."""
        return self.chain.to_ops()

    def _products(self, x: Tensor, weight: Tensor) -> Tensor:
        synapses = self.grid.synapses
        if not isinstance(synapses, ConvSynapses):
            return linear(x, weight).view(len(x), *self.grid.target)
        return conv2d(x, weight, Geometry.of(synapses))

    def _sums(self, x: Tensor) -> Tensor:
        y = super()._sums(x)
        if self._is_fixed or not torch.is_grad_enabled():
            return y
        buffers: Any = self
        smooth: Tensor = self.chain(x.detach()[None] / self.grid.payload_scale)[0] * buffers.scale
        return y + (smooth - smooth.detach())


def synapses_of(grid: Grid) -> GridSynapses | ComposedSynapses:
    """Return the module of a projection."""
    return GridSynapses(grid) if is_on_grid(grid.projection.ops) else ComposedSynapses(grid)


def _summing(op: LinearOp) -> LinearOp:
    return SumPool2d(op.kernel, op.stride, op.padding) if isinstance(op, AvgPool2d) else op


def _by_row(shares: Tensor, weight: Tensor) -> Tensor:
    return shares.repeat_interleave(len(weight) // len(shares)).reshape(-1, *(1,) * (weight.ndim - 1))
