"""Vector instructions that numba's loops do not reach: the few on which the event-driven sums rest.

A loop in numba over the same few numbers is eight times slower: it is entered anew for each spike, and its checks and
leftovers take longer than the sum.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from spear_deploy.simulate.vectors import Vectors

LANE_BYTES = 32
"""Size of a lane.  Sums are read and written in lanes of one alignment, so that a load finds the store before it."""
MOST_LANES = 8
"""How many lanes are added at once: what fits the registers, with room to spare."""
WORD = 64
"""How many values :func:`nonzero_bits` looks at."""


def _lanes(context: Any, builder: Any, kind: Any, array: Any) -> Vectors:
    return Vectors(context, builder, kind, array, LANE_BYTES * 8 // kind.dtype.bitwidth)


@intrinsic  # type: ignore[untyped-decorator]
def nonzero_bits(typing: Any, values: Any, start: Any) -> Any:
    """Return which of ``values[start : start + 64]`` (integers, contiguous) are not zero: bit k for the k-th."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, start = arguments
        word = Vectors(context, builder, signature.args[0], values, WORD)
        nonzero = builder.icmp_unsigned("!=", word.load(start), ir.Constant(word.type, None))
        return builder.bitcast(nonzero, ir.IntType(WORD))

    return types.uint64(values, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def lowest_bit(typing: Any, bits: Any) -> Any:
    """Return the index of the lowest bit that is set; ``bits`` (uint64) must not be 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def add_lanes(typing: Any, lanes: Any, total: Any, at: Any, weight: Any, block: Any, factor: Any) -> Any:
    """Add factor * weight[block:] to total[at:] in so many ``lanes``, a constant.

    ``total`` and ``weight`` are contiguous and of one integer type.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, total, at, weight, block, factor = arguments
        sums = _lanes(context, builder, signature.args[1], total)
        weights = _lanes(context, builder, signature.args[3], weight)
        factors = sums.broadcast(factor, signature.args[5])
        for lane in range(lanes.literal_value):
            sums.store(sums.add_product(sums.load(at, lane), factors, weights.load(block, lane)), at, lane)
        return context.get_dummy_value()

    return types.void(lanes, total, types.intp, weight, types.intp, factor), generate


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def add_rows(
    typing: Any,
    lanes: Any,
    total: Any,
    at: Any,
    weight: Any,
    column: Any,
    pitch: Any,
    chosen: Any,
    count: Any,
    factors: Any,
) -> Any:
    """Add factors[j] * weight[j * pitch + column:] to total[at:] in so many ``lanes``, for all j in chosen[:count].

    As :func:`add_lanes`, but the sums stay in registers.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, total, at, weight, column, pitch, chosen, count, factors = arguments
        sums = _lanes(context, builder, signature.args[1], total)
        weights = _lanes(context, builder, signature.args[3], weight)
        indices = Vectors(context, builder, signature.args[6], chosen, 1)
        values = Vectors(context, builder, signature.args[8], factors, 1)
        some = range(lanes.literal_value)
        registers = [cgutils.alloca_once_value(builder, sums.load(at, lane)) for lane in some]
        with cgutils.for_range(builder, count) as loop:
            j = builder.sext(indices.element(loop.index), pitch.type)
            factor = sums.broadcast(values.element(j), signature.args[8].dtype)
            block = builder.add(builder.mul(j, pitch), column)
            for lane, register in zip(some, registers, strict=True):
                builder.store(sums.add_product(builder.load(register), factor, weights.load(block, lane)), register)
        for lane, register in zip(some, registers, strict=True):
            sums.store(builder.load(register), at, lane)
        return context.get_dummy_value()

    index = types.intp
    return types.void(lanes, total, index, weight, index, index, chosen, index, factors), generate


@intrinsic  # type: ignore[untyped-decorator]
def copy_bytes(typing: Any, target: Any, at: Any, source: Any, start: Any, count: Any) -> Any:
    """Copy source[start : start + count] to target[at:]; both are contiguous arrays of bytes that do not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, at, source, start, count = arguments
        to = Vectors(context, builder, signature.args[0], target, 1).place(at)
        cgutils.raw_memcpy(
            builder, to, Vectors(context, builder, signature.args[2], source, 1).place(start), count, 1, align=1
        )
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def clear_bytes(typing: Any, target: Any, at: Any, count: Any) -> Any:
    """Set target[at : at + count], of a contiguous array of bytes, to zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, at, count = arguments
        cgutils.memset(builder, Vectors(context, builder, signature.args[0], target, 1).place(at), count, 0)
        return context.get_dummy_value()

    return types.void(target, types.intp, types.intp), generate
