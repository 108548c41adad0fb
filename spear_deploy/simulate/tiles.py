"""Code for numba that multiplies and adds whole vectors of arrays: what convolutions in kernels are built of.

Each sum is one chain of fused additions in the order of its products, whatever else is computed beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from spear_deploy.simulate.vectors import LENGTH, Vectors

_INT = types.intp


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def multiply_tile(
    typing: Any, rows: Any, sums: Any, sums_at: Any, factors: Any, factors_at: Any, weights: Any, weights_at: Any,
    counts: Any
) -> Any:  # fmt: skip
    """Set ``rows`` vectors of ``sums``, a constant number, to products of ``factors`` and vectors of ``weights``.

    Where they lie and with which strides: ``sums_at`` (place, row), ``factors_at`` (place, row, outer), ``weights_at``
    (place, outer, inner); ``counts`` are those of the outer and of the inner loop, in which factors are contiguous.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        total = Vectors(context, builder, kinds[1], arguments[1], LENGTH)
        factor = Vectors(context, builder, kinds[3], arguments[3], 1)
        weight = Vectors(context, builder, kinds[5], arguments[5], LENGTH)
        sums, left, right, counts = (cgutils.unpack_tuple(builder, arguments[k]) for k in (2, 4, 6, 7))
        zero = ir.Constant(total.type, [0.0] * LENGTH)
        registers = [cgutils.alloca_once_value(builder, zero) for _ in range(kinds[0].literal_value)]
        steps = [builder.mul(left[1], left[1].type(row)) for row in range(len(registers))]
        with cgutils.for_range(builder, counts[0]) as outer, cgutils.for_range(builder, counts[1]) as inner:
            place = builder.add(right[0], builder.mul(outer.index, right[1]))
            read = weight.load(builder.add(place, builder.mul(inner.index, right[2])))
            first = builder.add(builder.add(left[0], builder.mul(outer.index, left[2])), inner.index)
            for register, step in zip(registers, steps, strict=True):
                spread = total.broadcast(factor.element(builder.add(first, step)), kinds[3].dtype)
                builder.store(total.add_product(builder.load(register), spread, read), register)
        for row, register in enumerate(registers):
            place = builder.add(sums[0], builder.mul(sums[1], sums[1].type(row)))
            total.store(builder.load(register), place, 0)
        return context.get_dummy_value()

    pair, triple = types.UniTuple(_INT, 2), types.UniTuple(_INT, 3)
    return types.void(rows, sums, pair, factors, triple, weights, triple, pair), generate


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def add_scaled(
    typing: Any, lanes: Any, sums: Any, sums_at: Any, targets: Any, added: Any, added_at: Any, sources: Any,
    places: Any, factors: Any, count: Any
) -> Any:  # fmt: skip
    """Add, for each of ``count`` events, some vectors times its factor to others; ``lanes``, a constant, of each.

    One at place p adds its factor times what begins at ``added_at + sources[p]`` to what begins at
    ``sums_at + targets[p]``.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        total = Vectors(context, builder, kinds[1], arguments[1], LENGTH)
        more = Vectors(context, builder, kinds[4], arguments[4], LENGTH)
        target, source, place, factor = (Vectors(context, builder, kinds[k], arguments[k], 1) for k in (3, 6, 7, 8))
        with cgutils.for_range(builder, arguments[9]) as events:
            spread = total.broadcast(factor.element(events.index), kinds[8].dtype)
            number = builder.zext(place.element(events.index), events.index.type)
            into = builder.add(arguments[2], target.element(number))
            of = builder.add(arguments[5], source.element(number))
            for lane in range(kinds[0].literal_value):
                total.store(total.add_product(total.load(into, lane), spread, more.load(of, lane)), into, lane)
        return context.get_dummy_value()

    return types.void(lanes, sums, _INT, targets, added, _INT, sources, places, factors, _INT), generate


@intrinsic  # type: ignore[untyped-decorator]
def append_nonzero(
    typing: Any, values: Any, at: Any, first: Any, skipped: Any, places: Any, factors: Any, count: Any
) -> Any:
    """Append what is not zero of 16 ``values``, but for some ``skipped``, to ``factors``, and its number to ``places``.

    The first, at ``at``, has the number ``first``.  Returns how many there are behind the ``count`` that there were;
    so many vectors' room is needed.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        read = Vectors(context, builder, kinds[0], arguments[0], 16)
        place = Vectors(context, builder, kinds[4], arguments[4], 16)
        factor = Vectors(context, builder, kinds[5], arguments[5], 16)
        value = read.load(arguments[1])
        lanes = ir.Constant(place.type, list(range(16)))
        skip = place.broadcast(arguments[3], kinds[3])
        mask = builder.fcmp_unordered("!=", value, ir.Constant(read.type, [0.0] * 16))
        mask = builder.and_(mask, builder.icmp_signed(">=", lanes, skip))
        numbers = builder.add(lanes, place.broadcast(arguments[2], kinds[2]))
        count = arguments[6]
        for vector, into in ((numbers, place), (value, factor)):
            name = f"llvm.experimental.vector.compress.v16{'i32' if into is place else 'f32'}"
            kind = ir.FunctionType(into.type, [into.type, mask.type, into.type])
            compress = cgutils.get_or_insert_function(builder.module, kind, name)
            into.store(builder.call(compress, [vector, mask, ir.Constant(into.type, ir.Undefined)]), count, 0)
        bits = builder.bitcast(mask, ir.IntType(16))
        return builder.add(count, builder.zext(builder.ctpop(bits), count.type))

    return types.intp(values, _INT, _INT, _INT, places, factors, _INT), generate


@intrinsic  # type: ignore[untyped-decorator]
def fetch(typing: Any, values: Any, place: Any) -> Any:
    """Ask for the line of the cache that an element is in, which is read soon."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        of = Vectors(context, builder, signature.args[0], arguments[0], 1)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(prefetch, [builder.bitcast(of.place(arguments[1]), byte), number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(values, _INT), generate


@njit(inline="always")
def list_nonzero(values, first, length, number, places, factors, count):  # type: ignore[no-untyped-def]
    """Append what is not zero of ``length`` values, the first of which has a ``number``, as :func:`append_nonzero`."""
    for i in range(0, length - LENGTH + 1, LENGTH):
        count = append_nonzero(values, first + i, number + i, 0, places, factors, count)
    rest = length % LENGTH
    if rest and length > LENGTH:
        last = length - LENGTH
        count = append_nonzero(values, first + last, number + last, LENGTH - rest, places, factors, count)
    elif rest:
        few = np.zeros(LENGTH, np.float32)
        for i in range(rest):
            few[i] = values[first + i]
        count = append_nonzero(few, 0, number, 0, places, factors, count)
    return count


@njit(inline="always")
def add_runs(lanes, sums, sums_at, targets, added, added_at, sources, places, factors, count):  # type: ignore[no-untyped-def]
    """Add runs of so many ``lanes``, as :func:`add_scaled` does."""
    fours = lanes // 4 * 4
    for lane in range(0, fours, 4):
        more = LENGTH * lane
        add_scaled(4, sums, sums_at + more, targets, added, added_at + more, sources, places, factors, count)
    more = LENGTH * fours
    if lanes - fours == 1:
        add_scaled(1, sums, sums_at + more, targets, added, added_at + more, sources, places, factors, count)
    elif lanes - fours == 2:
        add_scaled(2, sums, sums_at + more, targets, added, added_at + more, sources, places, factors, count)
    elif lanes - fours == 3:
        add_scaled(3, sums, sums_at + more, targets, added, added_at + more, sources, places, factors, count)
