"""Micro-kernels: one block of input rows against one block of output rows, as float32 tiles in registers.

Owns the arithmetic of a training step; who meets whom is decided in cpu.py. A block is C input rows x_c (contexts, or hidden
vectors) and M <= M_MAX output rows y_m. Each output has a sign s_m: +1 a true word, -1 noise, 0 leave alone. Each pair has a
multiplicity n_cm: how many centres of the block's group train it; 0 for none. Then

    u_cm = s_m <x_c, y_m>      loss = -sum n_cm log sigma(u_cm)      g_cm = lr n_cm s_m sigma(-u_cm)        (`score`)
    x_c += sum_m g_cm y_m      y_m += sum_c g_cm x_c           right-hand sides: the values before the block (`update`)

A word that stands twice among the contexts, or twice among the noise words, is the same row twice and moves twice.
Every micro-kernel is written twice: in numpy, which says what it does and stands in where the JIT is off, and as vectors.
Input rows are addressed by their offset in floats from the start of the matrix, output rows by their number, which is turned
into such an offset here; both in int64: matrices pass 2**31 elements. With `near`, output rows from number y_first on are the
copies in it.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import M_MAX, ROW_ALIGN, simd
from .emit import exp_minus, gradient, gradient_numpy, loss_of, lower, pointer_at, row_at, rows_numpy, signs_numpy, switch
from .simd import I64, LANES, Vec

SLOTS = 2 * M_MAX  # accumulators of a tile: 2 contexts x 8 outputs take half of the registers of AVX-512


# --- numpy: what each micro-kernel does -------------------------------------------------------------------------------


def _rows(w: Any, offsets: Any, size: int) -> Any:
    return [w.reshape(-1)[o : o + size] for o in offsets]


def _score_numpy(  # type: ignore[no-untyped-def]
    w_x, x_off, x_mask, n_x, w_y, near, y_first, y_row, y_at, n_y, sign, counts, column, lr, clamp, skip, size, g, g_at, loss
):
    x = np.stack(_rows(w_x, x_off[:n_x], size))
    y = np.stack(rows_numpy(w_y, near, y_first, y_row[y_at : y_at + n_y], size))
    s = signs_numpy(sign[y_at : y_at + n_y])
    n = counts[x_mask[:n_x], column : column + n_y]
    u = (x @ y.T) * s
    t = np.exp(-np.minimum(np.abs(u), np.float32(80)))
    g[g_at : g_at + n_x * M_MAX].reshape(n_x, M_MAX)[:, :n_y] = lr * n * s * gradient_numpy(u, t, clamp, skip)
    loss[0] += np.sum(n * np.abs(s) * (np.maximum(-u, 0) + np.log1p(t)), dtype=np.float32)


def _update_numpy(w_x, x_off, n_x, x_lock, w_y, near, y_first, y_row, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    x, y = _rows(w_x, x_off[:n_x], size), rows_numpy(w_y, near, y_first, y_row[y_at : y_at + n_y], size)
    gs = g[g_at : g_at + n_x * M_MAX].reshape(n_x, M_MAX)[:, :n_y]
    x_step, y_step = gs @ np.stack(y), np.zeros((n_y, size), np.float32)
    for c in range(n_x):  # a word that is a context twice is the same row twice: y_m meets it as it then is
        y_step += np.outer(gs[c], x[c])
        x[c] += x_step[c] if x_lock is None else x_step[c] * x_lock[c]
    for m in range(n_y):
        y[m] += y_step[m]


def _prefetch_numpy(w, offset, size):  # type: ignore[no-untyped-def]
    pass


# --- vectors ----------------------------------------------------------------------------------------------------------


def _emit_score(  # type: ignore[no-untyped-def]
    b, w_x, x_off, x_mask, n_x, w_y, near, y_first, y_row, y_at, n_y, sign, counts, column, lr, clamp, skip, size, g, g_at, loss
):
    g, last = b.gep(g, [g_at]), b.sub(n_x, I64(1))
    tiles = b.sdiv(b.add(n_x, I64(1)), I64(2))

    def multiply(rows: int, t: ir.Value, width: int) -> None:
        """Store <x_c, y_m> in g, for one or two contexts and all outputs."""
        first = b.mul(t, I64(2))
        y = [row_at(b, w_y, near, y_first, y_row, b.add(y_at, I64(m))) for m in range(rows)]

        x = [pointer_at(b, w_x, x_off, b.add(first, I64(k))) for k in range(width)]

        def products(ys: list[ir.Value]) -> list[Vec]:
            def column(d: ir.Value, sums: Any) -> list[Vec]:
                at = b.mul(d, I64(LANES))
                xs, old = [simd.load(b, p, at) for p in x], [simd.load(b, p, at) for p in ys]
                return [xs[i // len(ys)].fma(old[i % len(ys)], total) for i, total in enumerate(sums)]

            return simd.loop(b, b.sdiv(size, I64(LANES)), [simd.constant(b, 0.0)] * (width * len(ys)), column)

        slots: list[Vec | None] = [None] * SLOTS
        # more accumulators at once would leave the registers; four outputs at once still hide the latency of their sums
        per = rows if width * rows + 5 <= simd.REGISTERS else simd.REGISTERS // 4
        for start in range(0, rows, per):
            ys = y[start : start + per]
            for i, total in enumerate(products(ys)):
                slots[(i // len(ys)) * M_MAX + start + i % len(ys)] = total
        for start in range(0, SLOTS, LANES):
            if any(slots[start : start + LANES]):
                at = b.add(b.mul(first, I64(M_MAX)), I64(start))
                simd.store(b, simd.transposed_sums(slots[start : start + LANES]), g, at)

    def multiplicities(t: ir.Value, start: int) -> Vec:
        first = b.mul(t, I64(2))
        whole = b.icmp_signed("<", first, last)  # else an odd context out: the second half of its tile counts for nothing
        second = b.select(whole, b.add(first, I64(1)), first)
        at = [b.add(b.mul(b.load(b.gep(x_mask, [c])), counts.columns), column) for c in (first, second)]
        at[1] = b.select(whole, at[1], column)  # row 0 of counts is all zeros
        if LANES == SLOTS:
            return simd.load_two(b, counts.data, *at)
        return simd.load(b, counts.data, b.add(at[start // M_MAX], I64(start % M_MAX)))

    def signs(rows: int, start: int) -> Vec:
        """The signs of a block, in as many lanes as contexts meet it; 0 behind its last output."""
        places = [(start + i) % M_MAX for i in range(LANES)]
        if sign.type.pointee != simd.F32:  # the bits of a Huffman path
            return simd.load_signs(b, sign, y_at, [place if place < rows else None for place in places])
        s = simd.load_two(b, sign, y_at, y_at) if LANES == SLOTS else simd.load(b, sign, b.add(y_at, I64(places[0])))
        return s if max(places) < rows else s * simd.constant(b, *(float(place < rows) for place in places))

    def judge(rows: int, t: ir.Value, total: Vec) -> Vec:
        """From dot products to gradients and loss."""
        for start in range(0, SLOTS, LANES):
            if start % M_MAX >= rows:
                continue
            s = signs(rows, start)
            weight = s * multiplicities(t, start)
            at = b.add(b.mul(t, I64(SLOTS)), I64(start))
            u = simd.load(b, g, at) * s
            t_exp = exp_minus(u)
            simd.store(b, weight * lr_all * gradient(u, t_exp, clamp_all, skip_all), g, at)
            total = weight.fma(s * loss_of(u, t_exp), total)
        return total

    def block(rows: int) -> None:
        # two loops: the long chain from a dot product to its gradient overlaps with those of other tiles
        pairs = b.sdiv(n_x, I64(2))
        with b.if_then(b.icmp_signed(">", pairs, I64(0))):
            simd.loop(b, pairs, [], lambda t, _: multiply(rows, t, 2) or [])
        with b.if_then(b.icmp_signed("<", pairs, tiles)):
            multiply(rows, pairs, 1)
        [total] = simd.loop(b, tiles, [simd.load(b, loss, I64(0))], lambda t, state: [judge(rows, t, state[0])])
        simd.store(b, total, loss, I64(0))

    lr_all, clamp_all, skip_all = (simd.splat(b, scalar) for scalar in (lr, clamp, skip))
    switch(b, n_y, M_MAX, block)


def _emit_update(b, w_x, x_off, n_x, x_lock, w_y, near, y_first, y_row, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    g, vectors = b.gep(g, [g_at]), b.sdiv(size, I64(LANES))

    def block(rows: int) -> None:
        y = [row_at(b, w_y, near, y_first, y_row, b.add(y_at, I64(m))) for m in range(rows)]

        def column(d: ir.Value, _: Any) -> list[Vec]:
            at = b.mul(d, I64(LANES))
            # beside their steps, where registers do; else each context reads them again: spilling would read and write
            old = [simd.load(b, p, at) for p in y] if 2 * rows + 4 <= simd.REGISTERS else None

            def context(c: ir.Value, steps: Any) -> list[Vec]:
                row = pointer_at(b, w_x, x_off, c)
                x = simd.load(b, row, at)
                g_row, after = b.mul(c, I64(M_MAX)), []
                chains = [x if x_lock is None else simd.constant(b, 0.0), simd.constant(b, 0.0)]
                for m in range(rows):  # one gradient at a time: few registers
                    factor = simd.splat(b, b.load(b.gep(g, [b.add(g_row, I64(m))])))
                    chains[m % 2] = factor.fma(simd.load(b, y[m], at) if old is None else old[m], chains[m % 2])
                    after.append(factor.fma(x, steps[m]))
                moved = chains[0] + chains[1] if rows > 1 else chains[0]
                if x_lock is not None:
                    moved = moved.fma(simd.splat(b, b.load(b.gep(x_lock, [c]))), x)
                simd.store(b, moved, row, at)
                return after

            steps = simd.loop(b, n_x, [simd.constant(b, 0.0)] * rows, context)
            for p, step in zip(y, steps, strict=True):  # read again: a word drawn twice as noise is the same row twice
                simd.store(b, simd.load(b, p, at) + step, p, at)
            return []

        simd.loop(b, vectors, [], column)

    switch(b, n_y, M_MAX, block)


def _emit_prefetch(b, w, offset, size):  # type: ignore[no-untyped-def]
    def line(k: ir.Value, _: Any) -> list[Vec]:
        simd.prefetch(b, w, b.add(offset, b.mul(k, I64(ROW_ALIGN))))
        return []

    simd.loop(b, b.sdiv(b.add(size, I64(ROW_ALIGN - 1)), I64(ROW_ALIGN)), [], line)


# --- the two joined ---------------------------------------------------------------------------------------------------


if numba.config.DISABLE_JIT:
    score, update, prefetch = _score_numpy, _update_numpy, _prefetch_numpy
else:
    f32, i64, void = types.float32, types.int64, types.void

    @intrinsic
    def score(  # type: ignore[no-untyped-def]
        typingctx, w_x, x_off, x_mask, n_x, w_y, near, y_first, y_row, y_at, n_y, sign, counts, column, lr, clamp, skip, size,
        g, g_at, loss,
    ):  # fmt: skip
        """g_cm and the loss of one block; `g` holds M_MAX numbers a context."""
        kinds = (w_x, x_off, x_mask, i64, w_y, near, i64, y_row, i64, i64, sign, counts, i64, f32, f32, f32, i64, g, i64, loss)
        return void(*kinds), lower(_emit_score, tables=(4, 11))

    @intrinsic
    def update(  # type: ignore[no-untyped-def]
        typingctx, w_x, x_off, n_x, x_lock, w_y, near, y_first, y_row, y_at, n_y, size, g, g_at
    ):
        """x_c += lock_c sum_m g_cm y_m, y_m += sum_c g_cm x_c."""
        kinds = (w_x, x_off, i64, x_lock, w_y, near, i64, y_row, i64, i64, i64, g, i64)
        return void(*kinds), lower(_emit_update, tables=(4,))

    @intrinsic
    def prefetch(typingctx, w, offset, size):  # type: ignore[no-untyped-def]
        """Bring a row of `size` floats towards the core."""
        return void(w, i64, i64), lower(_emit_prefetch)
