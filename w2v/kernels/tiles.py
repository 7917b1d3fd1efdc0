"""Micro-kernels: one block of input rows against one block of output rows, as float32 tiles in registers.

Owns the arithmetic of a training step; who meets whom is decided in cpu.py. A block is C input rows x_c (contexts, or hidden
vectors) and M <= M_MAX output rows y_m. Each output has a sign s_m: +1 a true word, -1 noise, 0 leave alone. Each pair has a
multiplicity n_cm: how many centres of the block's group train it; 0 for none. Then

    u_cm = s_m <x_c, y_m>      loss = -sum n_cm log sigma(u_cm)      g_cm = lr n_cm s_m sigma(-u_cm)        (`score`)
    x_c += sum_m g_cm y_m      y_m += sum_c g_cm x_c           right-hand sides: the values before the block (`update`)

A word that stands twice among the contexts, or twice among the noise words, is the same row twice and moves twice.
Every micro-kernel is written twice: in numpy, which says what it does and stands in where the JIT is off, and as vectors.
Rows are addressed by their offset in floats from the start of the matrix, in int64: matrices pass 2**31 elements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import M_MAX, ROW_ALIGN, simd
from .simd import I64, LANES, Vec

SLOTS = 2 * M_MAX  # accumulators of a tile: 2 contexts x 8 outputs take half of the registers of AVX-512
LOG2_E = 1.4426950408889634
# Minimax polynomials, highest power first: 2**f for |f| <= 1/2, relative error 2.6e-6; log(1 + t) / t for 0 <= t <= 1, where
# log(1 + t) has absolute error 1.5e-6
EXP2 = (0.0095701, 0.05591786, 0.24024745, 0.69312181, 0.99999926)
LOG1P = (-0.0183389, 0.08557002, -0.19376104, 0.3176491, -0.49787508, 0.99990164)


# --- numpy: what each micro-kernel does -------------------------------------------------------------------------------


def _rows(w: Any, offsets: Any, size: int) -> Any:
    return [w.reshape(-1)[o : o + size] for o in offsets]


def _score_numpy(w_x, x_off, x_mask, n_x, w_y, y_off, y_at, n_y, sign, counts, column, lr, clamp, skip, size, g, g_at, loss):  # type: ignore[no-untyped-def]
    x = np.stack(_rows(w_x, x_off[:n_x], size))
    y = np.stack(_rows(w_y, y_off[y_at : y_at + n_y], size))
    s = sign[2 * y_at : 2 * y_at + n_y]
    n = counts[x_mask[:n_x], column : column + n_y]
    u = (x @ y.T) * s
    t = np.exp(-np.minimum(np.abs(u), np.float32(80)))
    rest = np.where(u > 0, t, np.float32(1)) / (1 + t)  # sigma(-u)
    rest = np.where(np.abs(u) > clamp, np.where(u > 0, np.float32(0), np.float32(1)), rest)
    rest = np.where(np.abs(u) > skip, np.float32(0), rest)
    g[g_at : g_at + n_x * M_MAX].reshape(n_x, M_MAX)[:, :n_y] = lr * n * s * rest
    loss[0] += np.sum(n * np.abs(s) * (np.maximum(-u, 0) + np.log1p(t)), dtype=np.float32)


def _update_numpy(w_x, w_to, x_off, n_x, x_lock, w_y, y_off, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    x, y = _rows(w_x, x_off[:n_x], size), _rows(w_y, y_off[y_at : y_at + n_y], size)
    to = x if w_to is None else _rows(w_to, x_off[:n_x], size)
    gs = g[g_at : g_at + n_x * M_MAX].reshape(n_x, M_MAX)[:, :n_y]
    x_step, y_step = gs @ np.stack(y), np.zeros((n_y, size), np.float32)
    for c in range(n_x):  # a word that is a context twice is the same row twice: y_m meets it as it then is
        y_step += np.outer(gs[c], x[c])
        to[c] += x_step[c] if x_lock is None else x_step[c] * x_lock[c]
    for m in range(n_y):
        y[m] += y_step[m]


def _update_one_numpy(w_x, w_to, x_at, w_y, y_off, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    _update_numpy(w_x, w_to, np.array([x_at]), 1, None, w_y, y_off, y_at, n_y, size, g, g_at)


def _gather_numpy(w_x, rows, first, gap, n_x, scale, size, hidden, error, at):  # type: ignore[no-untyped-def]
    offsets = np.delete(rows[first : first + n_x + 1], gap)
    hidden.reshape(-1)[at : at + size] = np.sum(_rows(w_x, offsets, size), axis=0) * scale
    error.reshape(-1)[at : at + size] = 0


def _scatter_numpy(w_x, rows, first, gap, n_x, locks, scale, size, error, at):  # type: ignore[no-untyped-def]
    for c in range(n_x):
        place = first + c + (c >= gap)
        weight = scale if locks is None else scale * locks[place]
        w_x.reshape(-1)[rows[place] : rows[place] + size] += error.reshape(-1)[at : at + size] * weight


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


def _polynomial(x: Vec, coefficients: tuple[float, ...]) -> Vec:
    p = x.like(coefficients[0])
    for coefficient in coefficients[1:]:
        p = p.fma(x, coefficient)
    return p


def _exp_minus(u: Vec) -> Vec:
    """exp(-|u|), relative error 3e-6: 2**n by the exponent bits times 2**f by a polynomial."""
    z = (u.abs() * -LOG2_E).max(-115.0)
    whole = z.round()
    return _polynomial(z - whole, EXP2).times_power_of_2(whole)


def _gradient(u: Vec, t: Vec, clamp: Vec, skip: Vec) -> Vec:
    """sigma(-u) with t = exp(-|u|): beyond `clamp` it is 0 or 1, beyond `skip` nothing is learnt."""
    size = u.abs()
    t = size.greater(clamp).select(0.0, t)
    rest = u.greater(0.0).select(t, 1.0) / (t + 1.0)
    return size.greater(skip).select(0.0, rest)


def _loss(u: Vec, t: Vec) -> Vec:
    """-log sigma(u) = max(-u, 0) + log(1 + exp(-|u|)); the first is written (|u| - u) / 2, which stays NaN where u is."""
    return _polynomial(t, LOG1P).fma(t, (u.abs() - u) * 0.5)


def _emit_score(b, w_x, x_off, x_mask, n_x, w_y, y_off, y_at, n_y, sign, counts, column, lr, clamp, skip, size, g, g_at, loss):  # type: ignore[no-untyped-def]
    g, last = b.gep(g, [g_at]), b.sub(n_x, I64(1))
    tiles = b.sdiv(b.add(n_x, I64(1)), I64(2))

    def contexts(t: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
        first = b.mul(t, I64(2))
        whole = b.icmp_signed("<", first, last)  # an odd context out is scored twice, the second time for nothing
        return first, b.select(whole, b.add(first, I64(1)), first), whole

    def multiply(rows: int, t: ir.Value, width: int) -> None:
        """Store <x_c, y_m> in g, for one or two contexts and all outputs."""
        first, second, _ = contexts(t)
        y = [_pointer_at(b, w_y, y_off, b.add(y_at, I64(m))) for m in range(rows)]

        def products(*xs: ir.Value) -> list[Vec]:
            def column(d: ir.Value, sums: Any) -> list[Vec]:
                at = b.mul(d, I64(LANES))
                x = [simd.load(b, p, at) for p in xs]
                ys = [simd.load(b, p, at) for p in y]
                return [x[i // rows].fma(ys[i % rows], total) for i, total in enumerate(sums)]

            return simd.loop(b, b.sdiv(size, I64(LANES)), [simd.constant(b, 0.0)] * (len(xs) * rows), column)

        x = [_pointer_at(b, w_x, x_off, c) for c in (first, second)[:width]]
        if len(x) * rows + 5 <= simd.REGISTERS:
            sums = products(*x)
        else:  # two contexts at once would spill their accumulators
            sums = [total for row in x for total in products(row)]
        slots: list[Vec | None] = [None] * SLOTS
        for i, total in enumerate(sums):
            slots[(i // rows) * M_MAX + i % rows] = total
        for start in range(0, SLOTS, LANES):
            if any(slots[start : start + LANES]):
                at = b.add(b.mul(first, I64(M_MAX)), I64(start))
                simd.store(b, simd.transposed_sums(slots[start : start + LANES]), g, at)

    def multiplicities(t: ir.Value, start: int) -> Vec:
        first, second, whole = contexts(t)
        at = [b.add(b.mul(b.load(b.gep(x_mask, [c])), counts.columns), column) for c in (first, second)]
        at[1] = b.select(whole, at[1], column)  # row 0 of counts is all zeros
        if LANES == SLOTS:
            return simd.load_two(b, counts.data, *at)
        return simd.load(b, counts.data, b.add(at[start // M_MAX], I64(start % M_MAX)))

    def judge(rows: int, t: ir.Value, total: Vec) -> Vec:
        """From dot products to gradients and loss."""
        for start in range(0, SLOTS, LANES):
            if start % M_MAX >= rows:
                continue
            s = simd.load(b, sign, b.add(b.mul(y_at, I64(2)), I64(start)))
            used = [float((start + i) % M_MAX < rows) for i in range(LANES)]
            s = s if all(used) else s * simd.constant(b, *used)  # a path's last block may leave old signs behind
            weight = s * multiplicities(t, start)
            at = b.add(b.mul(t, I64(SLOTS)), I64(start))
            u = simd.load(b, g, at) * s
            t_exp = _exp_minus(u)
            simd.store(b, weight * lr_all * _gradient(u, t_exp, clamp_all, skip_all), g, at)
            total = weight.fma(s * _loss(u, t_exp), total)
        return total

    def block(rows: int) -> None:
        # two loops: the long chain from a dot product to its gradient overlaps with those of other tiles
        with b.if_else(b.icmp_signed("==", n_x, I64(1))) as (alone, several):
            with alone:
                multiply(rows, I64(0), 1)
            with several:
                simd.loop(b, tiles, [], lambda t, _: multiply(rows, t, 2) or [])
        [total] = simd.loop(b, tiles, [simd.load(b, loss, I64(0))], lambda t, state: [judge(rows, t, state[0])])
        simd.store(b, total, loss, I64(0))

    lr_all, clamp_all, skip_all = (simd.splat(b, scalar) for scalar in (lr, clamp, skip))
    _switch(b, n_y, block)


def _emit_update(b, w_x, w_to, x_off, n_x, x_lock, w_y, y_off, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    g, vectors = b.gep(g, [g_at]), b.sdiv(size, I64(LANES))

    def block(rows: int) -> None:
        y = [_pointer_at(b, w_y, y_off, b.add(y_at, I64(m))) for m in range(rows)]

        def column(d: ir.Value, _: Any) -> list[Vec]:
            at = b.mul(d, I64(LANES))
            old = [simd.load(b, p, at) for p in y]

            def context(c: ir.Value, steps: Any) -> list[Vec]:
                x_at = b.load(b.gep(x_off, [c]))
                x = simd.load(b, b.gep(w_x, [x_at]), at)
                to = b.gep(w_x if w_to is None else w_to, [x_at])
                start = x if w_to is None else simd.load(b, to, at)
                g_row = b.mul(c, I64(M_MAX))
                gs = [simd.splat(b, b.load(b.gep(g, [b.add(g_row, I64(m))]))) for m in range(rows)]
                moved = start if x_lock is None else simd.constant(b, 0.0)
                for m in range(rows):
                    moved = gs[m].fma(old[m], moved)
                if x_lock is not None:
                    moved = moved.fma(simd.splat(b, b.load(b.gep(x_lock, [c]))), start)
                simd.store(b, moved, to, at)
                return [gs[m].fma(x, steps[m]) for m in range(rows)]

            steps = simd.loop(b, n_x, [simd.constant(b, 0.0)] * rows, context)
            for p, step in zip(y, steps, strict=True):  # read again: a word drawn twice as noise is the same row twice
                simd.store(b, simd.load(b, p, at) + step, p, at)
            return []

        simd.loop(b, vectors, [], column)

    _switch(b, n_y, block)


def _emit_update_one(b, w_x, w_to, x_at, w_y, y_off, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    x_row, to = b.gep(w_x, [x_at]), b.gep(w_to, [x_at])

    def block(rows: int) -> None:
        y = [_pointer_at(b, w_y, y_off, b.add(y_at, I64(m))) for m in range(rows)]
        gs = [simd.splat(b, b.load(b.gep(g, [b.add(g_at, I64(m))]))) for m in range(rows)]

        def column(d: ir.Value, _: Any) -> list[Vec]:
            at = b.mul(d, I64(LANES))
            x, moved = simd.load(b, x_row, at), simd.load(b, to, at)
            for m in range(rows):
                moved = gs[m].fma(simd.load(b, y[m], at), moved)
            simd.store(b, moved, to, at)
            for m in range(rows):  # read again: a word drawn twice as noise is the same row twice
                simd.store(b, gs[m].fma(x, simd.load(b, y[m], at)), y[m], at)
            return []

        simd.loop(b, b.sdiv(size, I64(LANES)), [], column)

    _switch(b, n_y, block)


def _columns(b: ir.IRBuilder, size: ir.Value, emit: Callable[[list[ir.Value]], None]) -> None:
    """Cut a row into stretches of up to M_MAX vectors, few enough for registers; emit is given the vectors' offsets."""
    vectors, most = b.sdiv(size, I64(LANES)), I64(M_MAX)

    def stretch(k: ir.Value, _: Any) -> list[Vec]:
        start = b.mul(k, most)
        left = b.sub(vectors, start)
        fewer = b.select(b.icmp_signed("<", left, most), left, most)
        offsets = lambda n: [b.mul(b.add(start, I64(i)), I64(LANES)) for i in range(n)]  # noqa: E731
        _switch(b, fewer, lambda n: emit(offsets(n)))
        return []

    simd.loop(b, b.sdiv(b.add(vectors, I64(M_MAX - 1)), most), [], stretch)


def _around(b: ir.IRBuilder, first: ir.Value, gap: ir.Value, c: ir.Value) -> ir.Value:
    """The place of context c among consecutive words, of which the one at `gap` is the centre and left out."""
    return b.add(first, b.add(c, b.zext(b.icmp_signed(">=", c, gap), I64)))


def _emit_gather(b, w_x, rows, first, gap, n_x, scale, size, hidden, error, to):  # type: ignore[no-untyped-def]
    def stretch(offsets: list[ir.Value]) -> None:
        def add(c: ir.Value, sums: Any) -> list[Vec]:
            row = _pointer_at(b, w_x, rows, _around(b, first, gap, c))
            return [total + simd.load(b, row, at) for total, at in zip(sums, offsets, strict=True)]

        factor = simd.splat(b, scale)
        sums = simd.loop(b, n_x, [simd.constant(b, 0.0)] * len(offsets), add)
        for total, at in zip(sums, offsets, strict=True):
            simd.store(b, total * factor, hidden, b.add(to, at))
            simd.store(b, simd.constant(b, 0.0), error, b.add(to, at))

    _columns(b, size, stretch)


def _emit_scatter(b, w_x, rows, first, gap, n_x, locks, scale, size, error, source):  # type: ignore[no-untyped-def]
    def stretch(offsets: list[ir.Value]) -> None:
        factor = simd.splat(b, scale)
        steps = [simd.load(b, error, b.add(source, at)) * factor for at in offsets]

        def add(c: ir.Value, _: Any) -> list[Vec]:
            place = _around(b, first, gap, c)
            row = _pointer_at(b, w_x, rows, place)
            weight = None if locks is None else simd.splat(b, b.load(b.gep(locks, [place])))
            for step, at in zip(steps, offsets, strict=True):
                x = simd.load(b, row, at)
                simd.store(b, x + step if weight is None else step.fma(weight, x), row, at)
            return []

        simd.loop(b, n_x, [], add)

    _columns(b, size, stretch)


def _emit_prefetch(b, w, offset, size):  # type: ignore[no-untyped-def]
    def line(k: ir.Value, _: Any) -> list[Vec]:
        simd.prefetch(b, w, b.add(offset, b.mul(k, I64(ROW_ALIGN))))
        return []

    simd.loop(b, b.sdiv(size, I64(ROW_ALIGN)), [], line)


# --- the two joined ---------------------------------------------------------------------------------------------------


class _Table:
    """A two-dimensional array handed to a code generator: its data pointer and its number of columns."""

    def __init__(self, array: Any, builder: ir.IRBuilder) -> None:
        self.data = array.data
        self.columns = builder.extract_value(array.shape, 1)


def _lower(emit: Callable[..., None], tables: tuple[int, ...] = ()) -> Callable[..., Any]:
    """A numba code generator that hands `emit` array pointers, plain values, and None for None."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        def plain(index: int, kind: Any, value: ir.Value) -> Any:
            if isinstance(kind, types.Array):
                array = context.make_array(kind)(context, builder, value)
                return _Table(array, builder) if index in tables else array.data
            return None if isinstance(kind, types.NoneType) else value

        emit(builder, *(plain(i, k, v) for i, (k, v) in enumerate(zip(signature.args, values, strict=True))))
        return context.get_dummy_value()

    return codegen


if numba.config.DISABLE_JIT:
    score, update, update_one = _score_numpy, _update_numpy, _update_one_numpy
    gather, scatter, prefetch = _gather_numpy, _scatter_numpy, _prefetch_numpy
else:
    f32, i64, void = types.float32, types.int64, types.void

    @intrinsic
    def score(  # type: ignore[no-untyped-def]
        typingctx, w_x, x_off, x_mask, n_x, w_y, y_off, y_at, n_y, sign, counts, column, lr, clamp, skip, size, g, g_at, loss
    ):
        """g_cm and the loss of one block; `g` holds M_MAX numbers a context, `sign` those of a block twice over."""
        kinds = (w_x, x_off, x_mask, i64, w_y, y_off, i64, i64, sign, counts, i64, f32, f32, f32, i64, g, i64, loss)
        return void(*kinds), _lower(_emit_score, tables=(9,))

    @intrinsic
    def update(typingctx, w_x, w_to, x_off, n_x, x_lock, w_y, y_off, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
        """x_c += lock_c sum_m g_cm y_m (in w_to, if given), y_m += sum_c g_cm x_c."""
        return void(w_x, w_to, x_off, i64, x_lock, w_y, y_off, i64, i64, i64, g, i64), _lower(_emit_update)

    @intrinsic
    def update_one(typingctx, w_x, w_to, x_at, w_y, y_off, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
        """`update` for a single input row at x_at and a w_to of its own."""
        return void(w_x, w_to, i64, w_y, y_off, i64, i64, i64, g, i64), _lower(_emit_update_one)

    @intrinsic
    def gather(typingctx, w_x, rows, first, gap, n_x, scale, size, hidden, error, to):  # type: ignore[no-untyped-def]
        """hidden[to:] = scale sum_c x_c over the n_x rows from rows[first] on without rows[first + gap]; error[to:] = 0."""
        return void(w_x, rows, i64, i64, i64, f32, i64, hidden, error, i64), _lower(_emit_gather)

    @intrinsic
    def scatter(typingctx, w_x, rows, first, gap, n_x, locks, scale, size, error, source):  # type: ignore[no-untyped-def]
        """x_c += scale lock_c error[source:] for the same rows."""
        return void(w_x, rows, i64, i64, i64, locks, f32, i64, error, i64), _lower(_emit_scatter)

    @intrinsic
    def prefetch(typingctx, w, offset, size):  # type: ignore[no-untyped-def]
        """Bring a row of `size` floats towards the core."""
        return void(w, i64, i64), _lower(_emit_prefetch)
