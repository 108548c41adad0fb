"""Code for numba that reads and writes vectors of an array: what compiled kernels build their innermost steps of.

LLVM turns vectors of any length into what the processor has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit
from numba.core import cgutils

LENGTH = 16
"""Elements of a vector."""
LINE = 64
"""Bytes of a line of the cache: vectors that lie in two of them take twice as long to be read."""


@njit(inline="always")
def aligned(size):  # type: ignore[no-untyped-def]
    """Return zeros, float32, that begin where a line of the cache does, with one line's room behind."""
    whole = np.zeros(size + 2 * LINE // 4, np.float32)
    skipped = (-whole.ctypes.data % LINE) // 4
    return whole[skipped : skipped + size + LINE // 4]


def whole_vectors(size: int) -> int:
    """Return a size filled up to whole vectors."""
    return -(-size // LENGTH) * LENGTH


class Vectors:
    """Writes code that reads and writes ``length`` elements at once of an array; ``kind`` is its type in numba."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any, length: int) -> None:
        self.context, self.builder, self.kind, self.length = context, builder, kind, length
        self.data = context.make_array(kind)(context, builder, array).data
        self.type = ir.VectorType(context.get_value_type(kind.dtype), length)
        self.align = kind.dtype.bitwidth // 8

    def element(self, index: Any) -> Any:
        """Return one element."""
        return self.builder.load(self.place(index))

    def place(self, index: Any) -> Any:
        """Return the address of an element."""
        return self.builder.gep(self.data, [index])

    def load(self, index: Any, lane: int = 0) -> Any:
        """Return the vector that begins ``lane`` vectors behind an element."""
        return self.builder.load(self._address(index, lane), align=self.align)

    def store(self, value: Any, index: Any, lane: int) -> None:
        """Set the vector that begins ``lane`` vectors behind an element."""
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

    def add_product(self, total: Any, one: Any, other: Any) -> Any:
        """Return total + one * other; of floats in one rounding where the processor has that."""
        if isinstance(self.type.element, ir.IntType):
            return self.builder.add(total, self.builder.mul(one, other))
        name = f"llvm.fmuladd.v{self.length}f{self.kind.dtype.bitwidth}"
        kind = ir.FunctionType(self.type, [self.type] * 3)
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), [one, other, total])
