# mypy: ignore-errors
# (numba gives these functions their types)
"""Bytes as machine words, for the tokeniser. Owns five intrinsics and their plain Python twins; knows nothing of text.

The twins serve NUMBA_DISABLE_JIT=1, where numba refuses to run intrinsics. Little-endian machines only, as numba's are.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_BIT, _BYTE, _INT, _WORD = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
_LANES = ir.VectorType(_BYTE, 64)


def _address(context, builder, array_type, array, index):
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


@intrinsic
def load64(typingctx, data, at):
    """The eight bytes of `data` (uint8) from `at` on as one uint64; `at` may be any position, nothing is checked."""

    def codegen(context, builder, signature, args):
        pointer = _address(context, builder, signature.args[0], args[0], args[1])
        return builder.load(builder.bitcast(pointer, _WORD.as_pointer()), align=1)

    return types.uint64(data, at), codegen


@intrinsic
def within64(typingctx, data, at, low, span):
    """Bit i is set where low <= data[at + i] <= low + span, for 64 bytes at once (one compare with AVX-512)."""

    def codegen(context, builder, signature, args):
        def splat(byte):
            blank = ir.Constant(_LANES, ir.Undefined)
            first = builder.insert_element(blank, byte, ir.Constant(_INT, 0))
            return builder.shuffle_vector(first, blank, ir.Constant(ir.VectorType(_INT, 64), [0] * 64))

        pointer = _address(context, builder, signature.args[0], args[0], args[1])
        lanes = builder.load(builder.bitcast(pointer, _LANES.as_pointer()), align=1)
        inside = builder.icmp_unsigned("<=", builder.sub(lanes, splat(args[2])), splat(args[3]))
        return builder.bitcast(inside, _WORD)

    return types.uint64(data, at, types.uint8, types.uint8), codegen


@intrinsic
def lowest_bit(typingctx, bits):
    """The number of the lowest set bit; 64 when none is."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(_BIT, 0))

    return types.uint64(types.uint64), codegen


@intrinsic
def count_bits(typingctx, bits):
    """How many bits are set."""

    def codegen(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


@intrinsic
def prefetch_row(typingctx, table, row):
    """Ask for row `row` of a C-ordered uint64 table of four columns, to be written soon."""

    def codegen(context, builder, signature, args):
        first = builder.shl(args[1], ir.Constant(_WORD, 2))
        pointer = builder.bitcast(_address(context, builder, signature.args[0], args[0], first), _BYTE.as_pointer())
        shape = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _INT, _INT, _INT])
        call = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0")
        builder.call(call, [pointer, *(ir.Constant(_INT, value) for value in (1, 3, 1))])  # write, keep, data
        return context.get_dummy_value()

    return types.void(table, types.uint64), codegen


if numba.config.DISABLE_JIT:

    def load64(data, at):
        """Eight bytes as one number."""
        return data[int(at) : int(at) + 8].copy().view(np.uint64)[0]

    def within64(data, at, low, span):
        """Which of 64 bytes lie in a range."""
        lanes = data[int(at) : int(at) + 64] - np.uint8(low) <= np.uint8(span)
        return np.packbits(lanes, bitorder="little").view(np.uint64)[0]

    def lowest_bit(bits):
        """Its number."""
        return np.uint64((int(bits) & -int(bits)).bit_length() - 1 if bits else 64)

    def count_bits(bits):
        """How many are set."""
        return int(bits).bit_count()

    def prefetch_row(table, row):
        """Nothing to do."""
