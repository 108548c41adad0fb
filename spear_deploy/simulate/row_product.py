"""A few rows times a matrix, for kernels that go step by step: what recurrent layers take most of their time for.

Sums of a tile stay in registers, and a row of the matrix is read once for all rows.  Each sum is taken in the order
of the matrix's rows, so that it does not depend on what other rows there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from spear_deploy.simulate.vectors import LENGTH, LINE, Vectors, aligned, whole_vectors

ROWS = 4
"""How many rows are multiplied together."""


def padded(matrix: NDArray[Any]) -> NDArray[Any]:
    """Return a matrix (n, m) with zeros behind each row, up to whole vectors, from the start of a line of the cache."""
    rows, columns = matrix.shape
    pitch = whole_vectors(columns)
    whole = np.zeros(rows * pitch + LINE // matrix.itemsize, matrix.dtype)
    skipped = -whole.ctypes.data % LINE // matrix.itemsize
    wide = whole[skipped:][: rows * pitch].reshape(rows, pitch)
    wide[:, :columns] = matrix
    return wide


@njit(inline="always")
def padded_rows(pitch):  # type: ignore[no-untyped-def]
    """Return zeros (ROWS, pitch), float32, that begin at a line of the cache."""
    return aligned(ROWS * pitch)[: ROWS * pitch].reshape(ROWS, pitch)


@njit(inline="always")
def nonzero_columns(rows, size, chosen):  # type: ignore[no-untyped-def]
    """Set ``chosen`` to the columns, of ``size``, in which one of the rows is not zero; return how many there are."""
    count = 0
    for j in range(size):
        chosen[count] = j
        count += (rows[0, j] != 0) | (rows[1, j] != 0) | (rows[2, j] != 0) | (rows[3, j] != 0)
    return count


@njit(inline="always")
def add_products(sums, rows, matrix, chosen, count):  # type: ignore[no-untyped-def]
    """Add ``rows @ matrix`` to ``sums``, of whose products only those with rows ``chosen[:count]`` of the matrix count.

    ``sums`` and ``rows`` are (ROWS, m), ``matrix`` is (n, m), all contiguous, padded and of one type.
    """
    pitch = matrix.shape[1]
    flat, factors, weights = sums.reshape(-1), rows.reshape(-1), matrix.reshape(-1)
    fours = pitch // (4 * LENGTH) * (4 * LENGTH)
    for column in range(0, fours, 4 * LENGTH):
        _add_tile(4, flat, factors, weights, column, pitch, chosen, count)
    for column in range(fours, pitch, LENGTH):
        _add_tile(1, flat, factors, weights, column, pitch, chosen, count)


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _add_tile(
    typing: Any,
    lanes: Any,
    sums: Any,
    factors: Any,
    weights: Any,
    column: Any,
    pitch: Any,
    chosen: Any,
    count: Any,
) -> Any:
    """Add the products of so many ``lanes``, a constant, from ``column`` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, sums, factors, weights, column, pitch, chosen, count = arguments
        kinds = signature.args
        total = Vectors(context, builder, kinds[1], sums, LENGTH)
        factor = Vectors(context, builder, kinds[2], factors, 1)
        weight = Vectors(context, builder, kinds[3], weights, LENGTH)
        index = Vectors(context, builder, kinds[6], chosen, 1)
        starts = [builder.mul(pitch, pitch.type(row)) for row in range(ROWS)]
        tile = [(row, lane) for row in range(ROWS) for lane in range(lanes.literal_value)]
        places = [builder.add(starts[row], column) for row, _ in tile]
        loaded = [total.load(place, lane) for place, (_, lane) in zip(places, tile, strict=True)]
        registers = [cgutils.alloca_once_value(builder, value) for value in loaded]
        with cgutils.for_range(builder, count) as loop:
            j = index.element(loop.index)
            block = builder.add(builder.mul(j, pitch), column)
            read = [weight.load(block, lane) for lane in range(lanes.literal_value)]
            ones = [factor.element(builder.add(start, j)) for start in starts]
            spread = [total.broadcast(one, kinds[2].dtype) for one in ones]
            for (row, lane), register in zip(tile, registers, strict=True):
                builder.store(total.add_product(builder.load(register), spread[row], read[lane]), register)
        for place, (_, lane), register in zip(places, tile, registers, strict=True):
            total.store(builder.load(register), place, lane)
        return context.get_dummy_value()

    place = types.intp
    return types.void(lanes, sums, factors, weights, place, place, chosen, place), generate
