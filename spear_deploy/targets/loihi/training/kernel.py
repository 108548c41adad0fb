"""Scans of the chip's neuron over time, forward in its integers and backward in float, on a CPU.

Forward they are the emulator's equations (:mod:`spear_deploy.targets.loihi.emulator.lif_kernel`) to the last bit, in
one pass; the membranes before their reset are kept.  Backward they are the float neuron's scans
(:mod:`spear_deploy.simulate.scan_kernel`) with the parameters that the registers stand for: gradients pass straight
through what integers truncate, wrap and clip.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.simulate.convolution_kernel import convolve, working_arrays
from spear_deploy.simulate.products import weight_gradient
from spear_deploy.simulate.row_product import ROWS, add_products, nonzero_columns, padded, padded_rows
from spear_deploy.simulate.scan_kernel import Parameters, joined, loop_backward, scan_backward, tiled, to_overwrite
from spear_deploy.targets.loihi.emulator.lif_kernel import _clip, _decay, _wrap
from spear_deploy.targets.loihi.program import LoihiPopulation
from spear_deploy.targets.loihi.registers import Arithmetic

_INT = np.int32


class IntegerNeurons(NamedTuple):
    """A population's neurons: arrays (n,) int32, the threshold shifted, the bias whole; then what all have in common.

    ``low_mask`` has the bits of a decay; ``limit`` is where v is clipped, ``bound`` where u wraps, ``turn`` twice that.
    """

    keep_u: NDArray[np.int32]
    keep_v: NDArray[np.int32]
    vth: NDArray[np.int32]
    bias: NDArray[np.int32]
    shift: np.int32
    decay_bits: np.int32
    low_mask: np.int32
    limit: np.int32
    bound: np.int32
    turn: np.int32
    filtered: bool
    fires: bool
    subtract: bool
    reset_delay: bool
    at_threshold: bool

    @classmethod
    def of(cls, population: LoihiPopulation, arithmetic: Arithmetic) -> IntegerNeurons:
        """Return the neurons of a population with the bias that it has."""
        unit = arithmetic.decay_unit

        def full(register: NDArray[np.int32]) -> NDArray[np.int32]:
            return np.ascontiguousarray(np.broadcast_to(register, population.shape).reshape(-1), _INT)

        return cls(
            full(unit - (population.du + 1)),
            full(unit - population.dv),
            full(population.vth << arithmetic.shift),
            full(population.bias_mant << population.bias_exp),
            _INT(arithmetic.shift),
            _INT(arithmetic.decay_bits),
            _INT(unit - 1),
            _INT(arithmetic.limit),
            _INT(arithmetic.wrap),
            _INT(2 * arithmetic.wrap),
            bool(np.any(population.du != unit - 1)),
            not population.is_readout,
            population.reset == "subtract",
            population.reset_delay,
            population.compare == "ge",
        )

    def in_float(self) -> Parameters:
        """Return the parameters of the float neuron whose equations these are, v in chip units."""
        unit = np.float32(1 << int(self.decay_bits))
        zero = np.zeros(len(self.vth), np.float32)
        alpha, beta = (keep.astype(np.float32) / unit for keep in (self.keep_u, self.keep_v))
        gain, bias = np.full_like(zero, 1 << int(self.shift)), self.bias.astype(np.float32)
        threshold = self.vth.astype(np.float32)
        kind = (self.at_threshold, self.subtract, self.reset_delay)
        return Parameters(alpha, beta, gain, bias, threshold, zero, zero, *kind)


@njit(inline="always")
def _advance_row(arriving, u, v, sent, p, v_out, s_out):  # type: ignore[no-untyped-def]
    """Advance a sample's neurons by a step; all are (n,); ``sent`` and ``s_out`` receive spikes, if they fire."""
    one, zero, none = np.float32(1.0), np.float32(0.0), _INT(0)
    keep_u, keep_v, vth, bias = p.keep_u, p.keep_v, p.vth, p.bias
    widths = (p.decay_bits, p.low_mask, p.limit)
    at_once = p.fires and not p.reset_delay
    late = p.fires and p.reset_delay
    for i in range(len(u)):
        current = _INT(_INT(arriving[i]) << p.shift)
        current = _INT(current + _decay(u[i], keep_u[i], widths)) if p.filtered else current
        u[i] = _wrap(current, p.bound, p.turn)
        before, threshold = v[i], vth[i]
        limit = _INT(threshold - 1) if p.at_threshold else threshold
        fired_before = late & (before > limit)
        taken = threshold if fired_before & p.subtract else none
        membrane = _INT(_INT(_INT(_decay(before, keep_v[i], widths) + u[i]) + bias[i]) - taken)
        membrane = none if fired_before & (not p.subtract) else _clip(membrane, p.limit)
        v_out[i] = membrane
        fires = membrane > limit
        if p.fires:
            s_out[i] = sent[i] = one if fires else zero
        left = _INT(membrane - threshold) if p.subtract else none
        v[i] = left if at_once & fires else membrane


@njit(inline="always")
def _tiled_neurons(p, samples):  # type: ignore[no-untyped-def]
    arrays = (tiled(p.keep_u, samples), tiled(p.keep_v, samples), tiled(p.vth, samples), tiled(p.bias, samples))
    widths = (p.shift, p.decay_bits, p.low_mask, p.limit, p.bound, p.turn)
    return IntegerNeurons(*arrays, *widths, p.filtered, p.fires, p.subtract, p.reset_delay, p.at_threshold)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _scan_forward(neurons, x, v_out, s_out):  # type: ignore[no-untyped-def]
    (steps, batch, size), p = x.shape, _tiled_neurons(neurons, x.shape[2] // len(neurons.vth))
    for b in prange(batch):
        u, v, sent = np.zeros(size, _INT), np.zeros(size, _INT), np.zeros(size, np.float32)
        for t in range(steps):
            _advance_row(x[t, b], u, v, sent, p, v_out[t, b], s_out[t, b])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def convolve_and_scan(p, g, runs, bias, x, v_out, s_out):  # type: ignore[no-untyped-def]
    """Set membranes and spikes (T, B, size) to what payloads ``x`` (T, B, frame) lead to through a convolution."""
    (steps, batch, _), size = x.shape, v_out.shape[2]
    for b in prange(batch):
        u, v, sent = np.zeros(size, _INT), np.zeros(size, _INT), np.zeros(size, np.float32)
        biases, sums, places, factors, arriving = working_arrays(bias, g, size)
        for t in range(steps):
            convolve(x[t, b], x[min(t + 1, steps - 1), b], g, runs, biases, sums, places, factors, arriving)
            _advance_row(arriving, u, v, sent, p, v_out[t, b], s_out[t, b])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _loop_forward(p, x, columns, v_out, s_out):  # type: ignore[no-untyped-def]
    """The same where spikes are fed back, a step later, through ``columns``, the padded matrix (source, target)."""
    (steps, batch, size), pitch = x.shape, columns.shape[1]
    for block in prange(-(-batch // ROWS)):
        first, many = block * ROWS, min(ROWS, batch - block * ROWS)
        u, v = np.zeros((ROWS, size), _INT), np.zeros((ROWS, size), _INT)
        sums, sent = padded_rows(pitch).view(_INT), padded_rows(pitch).view(_INT)
        chosen = np.empty(size + 1, np.intp)
        for t in range(steps):
            for row in range(many):
                for i in range(size):
                    sums[row, i] = _INT(x[t, first + row, i])
            add_products(sums, sent, columns, chosen, nonzero_columns(sent, size, chosen))
            for row in range(many):
                b = first + row
                _advance_row(sums[row], u[row], v[row], sent[row], p, v_out[t, b], s_out[t, b])


@njit(parallel=True, cache=True, nogil=True)
def _readout_backward(grad, p, out):  # type: ignore[no-untyped-def]
    steps, batch, size = grad.shape
    for b in prange(batch):
        grad_v, grad_i = np.zeros(size, np.float32), np.zeros(size, np.float32)
        for back in range(steps):
            t = steps - 1 - back
            for i in range(size):
                grad_v[i] = grad[t, b, i] + p.beta[i] * grad_v[i]
                grad_i[i] = p.gain[i] * grad_v[i] + p.alpha[i] * grad_i[i]
                out[t, b, i] = grad_i[i]


class IntegerScan(torch.autograd.Function):
    """Spikes (T, B, n) float32 of integer sums (T, B, n); of a readout, v in chip units.

    ``constant`` (n,), or None, is what trainable biases add to the sums: it is in the neurons' bias already, and gets
    the gradient of the sums.  ``smooth`` are the neurons in float, which gradients pass through.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, constant: Tensor | None, neurons: IntegerNeurons, smooth: Parameters, slope: float
    ) -> Tensor:
        """Scan forward and keep the membranes for the backward pass."""
        source = x.detach().contiguous().numpy()
        v, s = np.empty(source.shape, np.float32), np.empty(source.shape, np.float32)
        _scan_forward(neurons, *joined(source, v, s))
        ctx.smooth, ctx.fires, ctx.slope, ctx.kind = smooth, neurons.fires, slope, x.dtype
        if not neurons.fires:
            return torch.from_numpy(v)
        ctx.save_for_backward(torch.from_numpy(v))
        return torch.from_numpy(s)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:
        """Backpropagate through time with the surrogate."""
        grad = gradients[0].contiguous().numpy()
        if ctx.fires:
            (arrived,) = ctx.saved_tensors
            scan_backward(ctx.slope, ctx.smooth, *joined(grad, to_overwrite(arrived)))
        else:
            arrived = torch.empty_like(gradients[0], memory_format=torch.contiguous_format)
            _readout_backward(grad, ctx.smooth, arrived.numpy())
        constant = arrived.sum(dim=(0, 1)) if ctx.needs_input_grad[1] else None
        return arrived.to(ctx.kind), constant, None, None, None


class IntegerLoop(torch.autograd.Function):
    """Spikes (T, B, n) of integer sums (T, B, n) and of the neurons' own spikes of the step before.

    What is fed back is ``weight @ s``: weight (n, n), integers in float; the rest is as for :class:`IntegerScan`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        constant: Tensor | None,
        neurons: IntegerNeurons,
        smooth: Parameters,
        slope: float,
    ) -> Tensor:
        """Scan forward and keep the membranes for the backward pass."""
        source, matrix = x.detach().contiguous().numpy(), weight.detach().float().numpy()
        v, s = np.empty(source.shape, np.float32), np.empty(source.shape, np.float32)
        _loop_forward(neurons, source, padded(matrix.T.astype(_INT)), v, s)
        ctx.matrix, ctx.smooth, ctx.slope, ctx.kinds = padded(matrix), smooth, slope, (x.dtype, weight.dtype)
        spikes = torch.from_numpy(s)
        ctx.save_for_backward(torch.from_numpy(v), spikes)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None, None, None]:
        """Backpropagate through time and the feedback."""
        out, s = ctx.saved_tensors
        loop_backward(ctx.slope, ctx.smooth, gradients[0].contiguous().numpy(), ctx.matrix, to_overwrite(out))
        constant = out.sum(dim=(0, 1)) if ctx.needs_input_grad[2] else None
        fed_back = weight_gradient(out[1:].flatten(0, 1), s[:-1].flatten(0, 1))
        return out.to(ctx.kinds[0]), fed_back.to(ctx.kinds[1]), constant, None, None, None
