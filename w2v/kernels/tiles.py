"""Micro-kernels: one block of input rows against one block of output rows, as dense float32 tiles in registers.

Owns the arithmetic of a training step; who meets whom is decided in cpu.py. A block is C input rows x_c (the contexts, or one
hidden vector) and M <= M_MAX output rows y_m, each with a sign s_m: +1 the true word, -1 noise, 0 leave alone. Then

    u_cm = s_m <x_c, y_m>        loss = -sum log sigma(u_cm)        g_cm = lr s_m sigma(-u_cm)
    x_c += sum_m g_cm y_m        y_m += sum_c g_cm x_c              (right-hand sides: the values before the block)

`score` is the first line, `update` the second; CBOW has C = 1 and keeps the hidden vector's error apart (`update_hidden`).
Every micro-kernel is written twice: in numpy, which says what it does and stands in where the JIT is off, and as vectors.
Rows are addressed by their offset in floats from the start of the matrix, in int64: matrices pass 2**31 elements.
"""

from __future__ import annotations

from typing import Any, Callable

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import simd
from .simd import I32, I64, LANES, Vec

M_MAX = 8  # output rows in a block: 2 contexts x 8 rows are 16 accumulators, half of the registers of AVX-512
SLOTS = 2 * M_MAX
LOG2_E = 1.4426950408889634
ROUND = 1.5 * 2.0**23  # adding it leaves a float32's nearest whole number in its low bits
# 2**f for |f| <= 1/2, highest power first: minimax polynomial, relative error 2.6e-6
EXP2 = (0.0095701, 0.05591786, 0.24024745, 0.69312181, 0.99999926)


# --- numpy: what each micro-kernel does -------------------------------------------------------------------------------


def _rows(w: Any, offsets: Any, size: int) -> Any:
    return [w.reshape(-1)[o : o + size] for o in offsets]


def _score_numpy(w_x, x_off, n_x, w_y, y_off, y_at, n_y, sign, lr, clamp, skip, size, g, loss):  # type: ignore[no-untyped-def]
    x = np.stack(_rows(w_x, x_off[:n_x], size))
    y = np.stack(_rows(w_y, y_off[y_at : y_at + n_y], size))
    s = sign[2 * y_at : 2 * y_at + n_y]
    u = (x @ y.T) * s
    t = np.exp(-np.minimum(np.abs(u), np.float32(80)))
    rest = np.where(u > 0, t, np.float32(1)) / (1 + t)  # sigma(-u)
    rest = np.where(np.abs(u) > clamp, np.where(u > 0, np.float32(0), np.float32(1)), rest)
    rest = np.where(np.abs(u) > skip, np.float32(0), rest)
    g[: n_x * M_MAX].reshape(n_x, M_MAX)[:, :n_y] = lr * s * rest
    loss[0] += 2 * np.sum((np.maximum(-u, 0) + np.log1p(t))[:, s != 0], dtype=np.float32)  # see _close_loss


def _update_numpy(w_x, x_off, n_x, x_lock, w_y, y_off, y_at, n_y, size, g):  # type: ignore[no-untyped-def]
    x, y = _rows(w_x, x_off[:n_x], size), _rows(w_y, y_off[y_at : y_at + n_y], size)
    gs = g[: n_x * M_MAX].reshape(n_x, M_MAX)[:, :n_y]
    x_step, y_step = gs @ np.stack(y), gs.T @ np.stack(x)
    for c in range(n_x):
        x[c] += x_step[c] if x_lock is None else x_step[c] * x_lock[c]
    for m in range(n_y):
        y[m] += y_step[m]


def _update_hidden_numpy(hidden, error, w_y, y_off, y_at, n_y, size, g):  # type: ignore[no-untyped-def]
    y = _rows(w_y, y_off[y_at : y_at + n_y], size)
    error[:size] += g[:n_y] @ np.stack(y)
    for m in range(n_y):
        y[m] += g[m] * hidden[:size]


def _gather_numpy(w_x, x_off, n_x, scale, size, hidden, error):  # type: ignore[no-untyped-def]
    hidden[:size] = np.sum(_rows(w_x, x_off[:n_x], size), axis=0) * scale
    error[:size] = 0


def _scatter_numpy(w_x, x_off, n_x, x_lock, scale, size, error):  # type: ignore[no-untyped-def]
    for c, row in enumerate(_rows(w_x, x_off[:n_x], size)):
        row += error[:size] * (scale if x_lock is None else scale * x_lock[c])


def _prefetch_numpy(w, offset, size):  # type: ignore[no-untyped-def]
    pass


# --- vectors ----------------------------------------------------------------------------------------------------------


def _pointer_at(b: ir.IRBuilder, base: ir.Value, offsets: ir.Value, index: ir.Value) -> ir.Value:
    return b.gep(base, [b.load(b.gep(offsets, [index]))])


def _switch(b: ir.IRBuilder, n: ir.Value, emit: Callable[[int], None]) -> None:
    """Emit one specialised copy for every n in 1..M_MAX, chosen at run time."""
    after = b.append_basic_block("chosen")
    choice = b.switch(n, after)
    for value in range(1, M_MAX + 1):
        block = b.append_basic_block(f"m{value}")
        choice.add_case(I64(value), block)
        b.position_at_end(block)
        emit(value)
        b.branch(after)
    b.position_at_end(after)


def _exp_minus(u: Vec) -> Vec:
    """exp(-|u|), relative error 3e-6: 2**n by the exponent bits times 2**f by a polynomial."""
    z = (u.abs() * -LOG2_E).max(-115.0)
    rounded = z + ROUND
    f = z - (rounded - ROUND)
    p = u.like(EXP2[0])
    for coefficient in EXP2[1:]:
        p = p.fma(f, coefficient)
    n_shifted = u.builder.shl(rounded.bits(), simd.int_constant(23))
    return simd.from_bits(u.builder, u.builder.add(p.bits(), n_shifted))


def _gradient(u: Vec, t: Vec, lr_sign: Vec, clamp: Vec, skip: Vec) -> Vec:
    """lr s sigma(-u) with t = exp(-|u|): beyond `clamp` the sigmoid is 0 or 1, beyond `skip` nothing is learnt."""
    size = u.abs()
    t = size.greater(clamp).select(0.0, t)
    rest = u.greater(0.0).select(t, 1.0) / (t + 1.0)
    return lr_sign * size.greater(skip).select(0.0, rest)


def _close_loss(b: ir.IRBuilder, linear: Vec, product: Vec, loss: ir.Value) -> None:
    """Add a block's loss (its linear part doubled) to the running state, moving the product's exponent to an integer so that it cannot overflow."""
    at = [I64(k * simd.ROW_ALIGN) for k in range(3)]
    simd.store(b, linear + simd.load(b, loss, at[0]), loss, at[0])
    bits = (simd.load(b, loss, at[1]) * product).bits()
    ints = b.bitcast(loss, I32.as_pointer())
    exponents = b.add(simd.load_int(b, ints, at[2]), b.lshr(bits, simd.int_constant(23)))
    simd.store_int(b, b.sub(exponents, simd.int_constant(127)), ints, at[2])
    mantissa = b.or_(b.and_(bits, simd.int_constant(0x007FFFFF)), simd.int_constant(0x3F800000))
    simd.store_int(b, mantissa, ints, at[1])


def _emit_score(b, w_x, x_off, n_x, w_y, y_off, y_at, n_y, sign, lr, clamp, skip, size, g, loss):  # type: ignore[no-untyped-def]
    vectors, last = b.sdiv(size, I64(LANES)), b.sub(n_x, I64(1))
    lr_all, clamp_all, skip_all = (simd.splat(b, scalar) for scalar in (lr, clamp, skip))

    def tile(rows: int, t: ir.Value, linear: Vec, product: Vec) -> list[Vec]:
        first = b.mul(t, I64(2))
        whole = b.icmp_signed("<", first, last)  # an odd context out is scored twice, the second time for nothing
        second = b.select(whole, b.add(first, I64(1)), first)
        x = [_pointer_at(b, w_x, x_off, c) for c in (first, second)]
        y = [_pointer_at(b, w_y, y_off, b.add(y_at, I64(m))) for m in range(rows)]

        def products(d: ir.Value, sums: Any) -> list[Vec]:
            at = b.mul(d, I64(LANES))
            xs = [simd.load(b, p, at) for p in x]
            ys = [simd.load(b, p, at) for p in y]
            return [xs[i // rows].fma(ys[i % rows], sums[i]) for i in range(2 * rows)]

        sums = simd.loop(b, vectors, [simd.constant(b, 0.0)] * (2 * rows), products)
        slots: list[Vec | None] = [None] * SLOTS
        for i, total in enumerate(sums):
            slots[(i // rows) * M_MAX + i % rows] = total
        for start in range(0, SLOTS, LANES):
            part = slots[start : start + LANES]
            if not any(part):
                continue
            s = simd.load(b, sign, b.add(b.mul(y_at, I64(2)), I64(start)))
            alone = s * simd.constant(b, *[1.0 if start + i < M_MAX else 0.0 for i in range(LANES)])
            s = Vec(b, b.select(whole, s.value, alone.value))
            u = simd.transposed_sums(part) * s
            t_exp = _exp_minus(u)
            at = b.add(b.mul(first, I64(M_MAX)), I64(start))
            simd.store(b, _gradient(u, t_exp, s * lr_all, clamp_all, skip_all), g, at)
            # -log sigma(u) = max(-u, 0) + log(1 + exp(-|u|)): a sum of logs is the log of a product. max(-u, 0) is written
            # (|u| - u) / 2, halved at the end, because that stays NaN where u is.
            linear = linear + (u.abs() - u)
            product = product * (s.abs().greater(0.0).select(t_exp, 0.0) + 1.0)
        return [linear, product]

    def block(rows: int) -> None:
        start = [simd.constant(b, 0.0), simd.constant(b, 1.0)]
        _close_loss(b, *simd.loop(b, tiles, start, lambda t, state: tile(rows, t, *state)), loss)

    tiles = b.sdiv(b.add(n_x, I64(1)), I64(2))
    _switch(b, n_y, block)


def _g_at(b: ir.IRBuilder, g: ir.Value, c: ir.Value, m: int) -> Vec:
    return simd.splat(b, b.load(b.gep(g, [b.add(b.mul(c, I64(M_MAX)), I64(m))])))


def _emit_update(b, w_x, x_off, n_x, x_lock, w_y, y_off, y_at, n_y, size, g):  # type: ignore[no-untyped-def]
    vectors = b.sdiv(size, I64(LANES))

    def block(rows: int) -> None:
        y = [_pointer_at(b, w_y, y_off, b.add(y_at, I64(m))) for m in range(rows)]

        def column(d: ir.Value, _: Any) -> list[Vec]:
            at = b.mul(d, I64(LANES))
            old = [simd.load(b, p, at) for p in y]

            def context(c: ir.Value, steps: Any) -> list[Vec]:
                row = _pointer_at(b, w_x, x_off, c)
                x = simd.load(b, row, at)
                gs = [_g_at(b, g, c, m) for m in range(rows)]
                moved = x if x_lock is None else simd.constant(b, 0.0)
                for m in range(rows):
                    moved = gs[m].fma(old[m], moved)
                if x_lock is not None:
                    moved = moved.fma(simd.splat(b, b.load(b.gep(x_lock, [c]))), x)
                simd.store(b, moved, row, at)
                return [gs[m].fma(x, steps[m]) for m in range(rows)]

            steps = simd.loop(b, n_x, [simd.constant(b, 0.0)] * rows, context)
            for p, step in zip(y, steps):  # read again: a word drawn twice as noise is the same row twice
                simd.store(b, simd.load(b, p, at) + step, p, at)
            return []

        simd.loop(b, vectors, [], column)

    _switch(b, n_y, block)


def _emit_update_hidden(b, hidden, error, w_y, y_off, y_at, n_y, size, g):  # type: ignore[no-untyped-def]
    vectors = b.sdiv(size, I64(LANES))

    def block(rows: int) -> None:
        y = [_pointer_at(b, w_y, y_off, b.add(y_at, I64(m))) for m in range(rows)]
        gs = [_g_at(b, g, I64(0), m) for m in range(rows)]

        def column(d: ir.Value, _: Any) -> list[Vec]:
            at = b.mul(d, I64(LANES))
            h, e = simd.load(b, hidden, at), simd.load(b, error, at)
            for m in range(rows):
                e = gs[m].fma(simd.load(b, y[m], at), e)
            for m in range(rows):
                simd.store(b, gs[m].fma(h, simd.load(b, y[m], at)), y[m], at)
            simd.store(b, e, error, at)
            return []

        simd.loop(b, vectors, [], column)

    _switch(b, n_y, block)


def _emit_gather(b, w_x, x_off, n_x, scale, size, hidden, error):  # type: ignore[no-untyped-def]
    factor = simd.splat(b, scale)

    def column(d: ir.Value, _: Any) -> list[Vec]:
        at = b.mul(d, I64(LANES))
        total = simd.loop(
            b, n_x, [simd.constant(b, 0.0)], lambda c, s: [s[0] + simd.load(b, _pointer_at(b, w_x, x_off, c), at)]
        )
        simd.store(b, total[0] * factor, hidden, at)
        simd.store(b, simd.constant(b, 0.0), error, at)
        return []

    simd.loop(b, b.sdiv(size, I64(LANES)), [], column)


def _emit_scatter(b, w_x, x_off, n_x, x_lock, scale, size, error):  # type: ignore[no-untyped-def]
    def context(c: ir.Value, _: Any) -> list[Vec]:
        row = _pointer_at(b, w_x, x_off, c)
        weight = scale if x_lock is None else b.fmul(scale, b.load(b.gep(x_lock, [c])))
        factor = simd.splat(b, weight)

        def column(d: ir.Value, _: Any) -> list[Vec]:
            at = b.mul(d, I64(LANES))
            simd.store(b, simd.load(b, error, at).fma(factor, simd.load(b, row, at)), row, at)
            return []

        return simd.loop(b, b.sdiv(size, I64(LANES)), [], column)

    simd.loop(b, n_x, [], context)


def _emit_prefetch(b, w, offset, size):  # type: ignore[no-untyped-def]
    line = I64(simd.ROW_ALIGN)
    simd.loop(
        b, b.sdiv(size, line), [], lambda k, _: simd.prefetch(b, w, b.add(offset, b.mul(k, line))) or []
    )


# --- the two joined ---------------------------------------------------------------------------------------------------


def _lower(emit: Callable[..., None]) -> Callable[..., Any]:
    """A numba code generator that hands `emit` array pointers, plain values, and None for None."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        def plain(kind: Any, value: ir.Value) -> Any:
            if isinstance(kind, types.Array):
                return simd.array_pointer(context, builder, kind, value)
            return None if isinstance(kind, types.NoneType) else value

        emit(builder, *(plain(k, v) for k, v in zip(signature.args, values)))
        return context.get_dummy_value()

    return codegen


if numba.config.DISABLE_JIT:
    score, update, update_hidden = _score_numpy, _update_numpy, _update_hidden_numpy
    gather, scatter, prefetch = _gather_numpy, _scatter_numpy, _prefetch_numpy
else:
    f32, i64 = types.float32, types.int64

    @intrinsic
    def score(typingctx, w_x, x_off, n_x, w_y, y_off, y_at, n_y, sign, lr, clamp, skip, size, g, loss):  # type: ignore[no-untyped-def]
        """g_cm and the loss of one block; `sign` and `g` hold M_MAX numbers a context, `sign` twice over."""
        kinds = (w_x, x_off, i64, w_y, y_off, i64, i64, sign, f32, f32, f32, i64, g, loss)
        return types.void(*kinds), _lower(_emit_score)

    @intrinsic
    def update(typingctx, w_x, x_off, n_x, x_lock, w_y, y_off, y_at, n_y, size, g):  # type: ignore[no-untyped-def]
        """x_c += lock_c sum_m g_cm y_m, y_m += sum_c g_cm x_c."""
        return types.void(w_x, x_off, i64, x_lock, w_y, y_off, i64, i64, i64, g), _lower(_emit_update)

    @intrinsic
    def update_hidden(typingctx, hidden, error, w_y, y_off, y_at, n_y, size, g):  # type: ignore[no-untyped-def]
        """error += sum_m g_m y_m, y_m += g_m hidden."""
        return types.void(hidden, error, w_y, y_off, i64, i64, i64, g), _lower(_emit_update_hidden)

    @intrinsic
    def gather(typingctx, w_x, x_off, n_x, scale, size, hidden, error):  # type: ignore[no-untyped-def]
        """hidden = scale sum_c x_c, error = 0."""
        return types.void(w_x, x_off, i64, f32, i64, hidden, error), _lower(_emit_gather)

    @intrinsic
    def scatter(typingctx, w_x, x_off, n_x, x_lock, scale, size, error):  # type: ignore[no-untyped-def]
        """x_c += scale lock_c error."""
        return types.void(w_x, x_off, i64, x_lock, f32, i64, error), _lower(_emit_scatter)

    @intrinsic
    def prefetch(typingctx, w, offset, size):  # type: ignore[no-untyped-def]
        """Bring a row of `size` floats towards the core."""
        return types.void(w, i64, i64), _lower(_emit_prefetch)
