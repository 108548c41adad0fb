"""Vector instructions that numba's loops do not reach: the few on which the event-driven sums rest.

LLVM turns vectors of any length into what the processor has.  A loop in numba over the same few numbers is eight
times slower: it is entered anew for each spike, and its checks and leftovers take longer than the sum.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANE_BYTES = 32
"""Size of a lane.  Sums are read and written in lanes of one alignment, so that a load finds the store before it."""
MOST_LANES = 8
"""How many lanes are added at once: what fits the registers, with room to spare."""
WORD = 64
"""How many values :func:`nonzero_bits` looks at."""


@intrinsic  # type: ignore[untyped-decorator]
def nonzero_bits(typing: Any, values: Any, start: Any) -> Any:
    """Return which of ``values[start : start + 64]`` (integers, contiguous) are not zero: bit k for the k-th."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, start = arguments
        word = _Vectors(context, builder, signature.args[0], values, WORD)
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
        sums = _Vectors.lanes(context, builder, signature.args[1], total)
        weights = _Vectors.lanes(context, builder, signature.args[3], weight)
        factors = sums.broadcast(factor, signature.args[5])
        for lane in range(lanes.literal_value):
            product = builder.mul(factors, weights.load(block, lane))
            sums.store(builder.add(sums.load(at, lane), product), at, lane)
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
        sums = _Vectors.lanes(context, builder, signature.args[1], total)
        weights = _Vectors.lanes(context, builder, signature.args[3], weight)
        indices = _Vectors(context, builder, signature.args[6], chosen, 1)
        values = _Vectors(context, builder, signature.args[8], factors, 1)
        some = range(lanes.literal_value)
        registers = [cgutils.alloca_once_value(builder, sums.load(at, lane)) for lane in some]
        with cgutils.for_range(builder, count) as loop:
            j = builder.sext(indices.element(loop.index), pitch.type)
            factor = sums.broadcast(values.element(j), signature.args[8].dtype)
            block = builder.add(builder.mul(j, pitch), column)
            for lane, register in zip(some, registers, strict=True):
                product = builder.mul(factor, weights.load(block, lane))
                builder.store(builder.add(builder.load(register), product), register)
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
        to = _Vectors(context, builder, signature.args[0], target, 1).place(at)
        cgutils.raw_memcpy(
            builder, to, _Vectors(context, builder, signature.args[2], source, 1).place(start), count, 1, align=1
        )
        return context.get_dummy_value()

    return types.void(target, types.intp, source, types.intp, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def clear_bytes(typing: Any, target: Any, at: Any, count: Any) -> Any:
    """Set target[at : at + count], of a contiguous array of bytes, to zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, at, count = arguments
        cgutils.memset(builder, _Vectors(context, builder, signature.args[0], target, 1).place(at), count, 0)
        return context.get_dummy_value()

    return types.void(target, types.intp, types.intp), generate


class _Vectors:
    """Writes code that reads and writes ``length`` elements at once of an array; ``kind`` is its type in numba."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any, length: int) -> None:
        self.context, self.builder, self.kind, self.length = context, builder, kind, length
        self.data = context.make_array(kind)(context, builder, array).data
        self.type = ir.VectorType(context.get_value_type(kind.dtype), length)
        self.align = kind.dtype.bitwidth // 8

    @classmethod
    def lanes(cls, context: Any, builder: Any, kind: Any, array: Any) -> _Vectors:
        return cls(context, builder, kind, array, LANE_BYTES * 8 // kind.dtype.bitwidth)

    def element(self, index: Any) -> Any:
        return self.builder.load(self.place(index))

    def place(self, index: Any) -> Any:
        return self.builder.gep(self.data, [index])

    def load(self, index: Any, lane: int = 0) -> Any:
        return self.builder.load(self._address(index, lane), align=self.align)

    def store(self, value: Any, index: Any, lane: int) -> None:
        self.builder.store(value, self._address(index, lane), align=self.align)

    def _address(self, index: Any, lane: int) -> Any:
        start = self.builder.add(index, ir.Constant(index.type, lane * self.length))
        return self.builder.bitcast(self.builder.gep(self.data, [start]), self.type.as_pointer())

    def broadcast(self, scalar: Any, kind: Any) -> Any:
        """Return a vector of one value, converted from ``kind``."""
        value = self.context.cast(self.builder, scalar, kind, self.kind.dtype)
        undefined = ir.Constant(self.type, ir.Undefined)
        one = self.builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        first = ir.Constant(ir.VectorType(ir.IntType(32), self.length), None)
        return self.builder.shuffle_vector(one, undefined, first)
