"""What the code generators of the micro-kernels share: rows and where they are, copies for every number of rows, the logistic.

Owns no micro-kernel: tiles.py and hidden.py do. A generator emits instructions into a function being built; `lower` joins it
to numba.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .simd import I64, Vec

LOG2_E = 1.4426950408889634
# Minimax polynomials, highest power first: 2**f for |f| <= 1/2, relative error 2.6e-6; log(1 + t) / t for 0 <= t <= 1, where
# log(1 + t) has absolute error 1.5e-6
EXP2 = (0.0095701, 0.05591786, 0.24024745, 0.69312181, 0.99999926)
LOG1P = (-0.0183389, 0.08557002, -0.19376104, 0.3176491, -0.49787508, 0.99990164)


def pointer_at(b: ir.IRBuilder, base: ir.Value, offsets: ir.Value, index: ir.Value) -> ir.Value:
    """The row that begins offsets[index] floats from the base."""
    return b.gep(base, [b.load(b.gep(offsets, [index]))])


def row_at(b: ir.IRBuilder, matrix: Table, near: ir.Value | None, first: ir.Value, rows: ir.Value, index: ir.Value) -> ir.Value:
    """The row that rows[index] names: a word's by its offset in floats, as int64; a node's by its number, as int32.

    Nodes from `first` on, where given, are the copies in `near`.
    """
    if rows.type.pointee == I64:
        return pointer_at(b, matrix.data, rows, index)
    row, base = b.sext(b.load(b.gep(rows, [index])), I64), matrix.data
    if near is not None:  # counted from where its row 0 would be: nothing to subtract from each row
        start = b.gep(near, [b.mul(b.neg(first), matrix.columns)])
        base = b.select(b.icmp_signed(">=", row, first), start, base)
    return b.gep(base, [b.mul(row, matrix.columns)])


def rows_numpy(w: Any, near: Any, first: Any, rows: Any, size: int) -> list[Any]:
    """The first `size` floats of each row that `row_at` finds, in numpy."""
    if rows.dtype == np.int64:  # by their address, for a copy of a row lies outside the matrix
        floats, start = ctypes.c_float * size, w.ctypes.data
        return [np.ctypeslib.as_array(floats.from_address(start + 4 * offset)) for offset in rows.tolist()]
    return [(near[row - first] if near is not None and row >= first else w[row])[:size] for row in rows]


def switch(b: ir.IRBuilder, n: ir.Value, most: int, emit: Callable[[int], None]) -> None:
    """Emit one specialised copy for every n in 1..most, chosen at run time."""
    after = b.append_basic_block("chosen")
    choice = b.switch(n, after)
    for value in range(1, most + 1):
        block = b.append_basic_block(f"m{value}")
        choice.add_case(I64(value), block)
        b.position_at_end(block)
        emit(value)
        b.branch(after)
    b.position_at_end(after)


def polynomial(x: Vec, coefficients: tuple[float, ...]) -> Vec:
    """By Horner's rule, highest power first."""
    p = x.like(coefficients[0])
    for coefficient in coefficients[1:]:
        p = p.fma(x, coefficient)
    return p


def exp_minus(u: Vec) -> Vec:
    """exp(-|u|), relative error 3e-6: 2**n by the exponent bits times 2**f by a polynomial."""
    z = (u.abs() * -LOG2_E).max(-115.0)
    whole = z.round()
    return polynomial(z - whole, EXP2).times_power_of_2(whole)


def gradient(u: Vec, t: Vec, clamp: Vec, skip: Vec) -> Vec:
    """sigma(-u) with t = exp(-|u|): beyond `clamp` it is 0 or 1, beyond `skip` nothing is learnt."""
    size = u.abs()
    t = size.greater(clamp).select(0.0, t)
    rest = u.greater(0.0).select(t, 1.0) / (t + 1.0)
    return size.greater(skip).select(0.0, rest)


def gradient_numpy(u: Any, t: Any, clamp: Any, skip: Any) -> Any:
    """What `gradient` does, in numpy."""
    rest = np.where(u > 0, t, np.float32(1)) / (1 + t)
    rest = np.where(np.abs(u) > clamp, np.where(u > 0, np.float32(0), np.float32(1)), rest)
    return np.where(np.abs(u) > skip, np.float32(0), rest)


def signs_numpy(sign: Any) -> Any:
    """Signs as they are, or from the bits of a Huffman path: 0 is +1, 1 is -1."""
    return 1 - 2 * sign.astype(np.float32) if sign.dtype == np.uint8 else sign


def loss_of(u: Vec, t: Vec) -> Vec:
    """-log sigma(u) = max(-u, 0) + log(1 + exp(-|u|)); the first is written (|u| - u) / 2, which stays NaN where u is."""
    return polynomial(t, LOG1P).fma(t, (u.abs() - u) * 0.5)


class Table:
    """A two-dimensional array handed to a code generator: its data pointer and its number of columns."""

    def __init__(self, array: Any, builder: ir.IRBuilder) -> None:
        self.data = array.data
        self.columns = builder.extract_value(array.shape, 1)


def lower(emit: Callable[..., ir.Value | None], tables: tuple[int, ...] = ()) -> Callable[..., Any]:
    """A numba code generator that hands `emit` array pointers, plain values, and None for None."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        def plain(index: int, kind: Any, value: ir.Value) -> Any:
            if isinstance(kind, types.Array):
                array = context.make_array(kind)(context, builder, value)
                return Table(array, builder) if index in tables else array.data
            return None if isinstance(kind, types.NoneType) else value

        made = emit(builder, *(plain(i, k, v) for i, (k, v) in enumerate(zip(signature.args, values, strict=True))))
        return context.get_dummy_value() if made is None else made

    return codegen
