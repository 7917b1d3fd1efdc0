"""Micro-kernels of CBOW's hidden vectors: made of context rows, met with a Huffman path, their errors given back.

Owns what is done to hidden vectors; blocks of several inputs and outputs are in tiles.py, whose symbols are used here.
A hidden vector h lies in `hidden`, what flows back to it gathers in `error` at the same place. With a path of nodes y_m, whose
bits say the signs s_m, and g_m = lr s_m sigma(-u_m):

    u_m = s_m <h, y_m>      loss = -sum log sigma(u_m)      error += sum_m g_m y_m      y_m += g_m h

No node stands twice in a path. Noise words, which the hidden vectors h_c of a group meet together, are taken one after another:

    error_c += g_cm y_m     y_m += sum_c g_cm h_c

Every micro-kernel is written twice, as in tiles.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import HIDDEN, M_MAX, PATH_MAX, simd
from .emit import exp_minus, gradient, gradient_numpy, loss_of, lower, pointer_at, row_at, rows_numpy, signs_numpy, switch
from .simd import I64, LANES, Vec

# --- numpy: what each micro-kernel does -------------------------------------------------------------------------------


def _gather_numpy(w_x, rows, first, gap, n_x, scale, size, hidden, error, at):  # type: ignore[no-untyped-def]
    offsets = np.delete(rows[first : first + n_x + 1], gap)
    hidden.reshape(-1)[at : at + size] = np.sum([w_x.reshape(-1)[o : o + size] for o in offsets], axis=0) * scale
    error.reshape(-1)[at : at + size] = 0


def _scatter_numpy(w_x, rows, first, gap, n_x, locks, scale, size, error, at):  # type: ignore[no-untyped-def]
    for c in range(n_x):
        place = first + c + (c >= gap)
        weight = scale if locks is None else scale * locks[place]
        w_x.reshape(-1)[rows[place] : rows[place] + size] += error.reshape(-1)[at : at + size] * weight


def _score_path_numpy(x, w_y, near, y_first, points, codes, at, n_y, lr, clamp, skip, size, g, g_at, loss):  # type: ignore[no-untyped-def]
    s = signs_numpy(codes[at : at + n_y])
    u = (np.stack(rows_numpy(w_y, near, y_first, points[at : at + n_y], size)) @ x.reshape(-1)[:size]) * s
    t = np.exp(-np.minimum(np.abs(u), np.float32(80)))
    g[g_at : g_at + n_y] = lr * s * gradient_numpy(u, t, clamp, skip)
    loss[0] += np.sum(np.maximum(-u, 0) + np.log1p(t), dtype=np.float32)


def _update_hidden_numpy(x, error, x_off, first, n_x, w_y, y_row, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    offsets = x_off[first : first + n_x]
    hs, errors = ([part.reshape(-1)[o : o + size] for o in offsets] for part in (x, error))
    gs = g[g_at : g_at + (first + n_x) * M_MAX].reshape(-1, M_MAX)[first:]
    for m in range(n_y):
        y = w_y[y_row[y_at + m]][:size]
        for k in range(n_x):
            errors[k] += gs[k, m] * y
        y += gs[:, m] @ np.stack(hs)


def _update_path_numpy(x, error, w_y, near, y_first, points, at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    y, gs = rows_numpy(w_y, near, y_first, points[at : at + n_y], size), g[g_at : g_at + n_y]
    error.reshape(-1)[:size] += gs @ np.stack(y)
    for row, step in zip(y, np.outer(gs, x.reshape(-1)[:size]), strict=True):
        row += step


# --- vectors ----------------------------------------------------------------------------------------------------------


def _columns(b: ir.IRBuilder, size: ir.Value, emit: Callable[[list[ir.Value]], None]) -> None:
    """Cut a row into stretches of up to M_MAX vectors, few enough for registers; emit is given the vectors' offsets."""
    vectors, most = b.sdiv(size, I64(LANES)), I64(M_MAX)

    def stretch(k: ir.Value, _: Any) -> list[Vec]:
        start = b.mul(k, most)
        left = b.sub(vectors, start)
        fewer = b.select(b.icmp_signed("<", left, most), left, most)
        offsets = lambda n: [b.mul(b.add(start, I64(i)), I64(LANES)) for i in range(n)]  # noqa: E731
        switch(b, fewer, M_MAX, lambda n: emit(offsets(n)))
        return []

    simd.loop(b, b.sdiv(b.add(vectors, I64(M_MAX - 1)), most), [], stretch)


def _around(b: ir.IRBuilder, first: ir.Value, gap: ir.Value, c: ir.Value) -> ir.Value:
    """The place of context c among consecutive words, of which the one at `gap` is the centre and left out."""
    return b.add(first, b.add(c, b.zext(b.icmp_signed(">=", c, gap), I64)))


def _emit_gather(b, w_x, rows, first, gap, n_x, scale, size, hidden, error, to):  # type: ignore[no-untyped-def]
    def stretch(offsets: list[ir.Value]) -> None:
        def add(c: ir.Value, sums: Any) -> list[Vec]:
            row = pointer_at(b, w_x, rows, _around(b, first, gap, c))
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
            row = pointer_at(b, w_x, rows, place)
            weight = None if locks is None else simd.splat(b, b.load(b.gep(locks, [place])))
            for step, at in zip(steps, offsets, strict=True):
                x = simd.load(b, row, at)
                simd.store(b, x + step if weight is None else step.fma(weight, x), row, at)
            return []

        simd.loop(b, n_x, [], add)

    _columns(b, size, stretch)


def _emit_score_path(b, x, w_y, near, y_first, points, codes, at, n_y, lr, clamp, skip, size, g, g_at, loss):  # type: ignore[no-untyped-def]
    def products(y: list[ir.Value]) -> list[Vec]:
        def column(d: ir.Value, sums: Any) -> list[Vec]:
            where = b.mul(d, I64(LANES))
            h = simd.load(b, x, where)
            return [h.fma(simd.load(b, p, where), total) for p, total in zip(y, sums, strict=True)]

        return simd.loop(b, b.sdiv(size, I64(LANES)), [simd.constant(b, 0.0)] * len(y), column)

    def block(rows: int) -> None:
        y = [row_at(b, w_y, near, y_first, points, b.add(at, I64(m))) for m in range(rows)]
        most = simd.REGISTERS - 5  # more accumulators at once would leave the registers
        sums: list[Vec | None] = [total for k in range(0, rows, most) for total in products(y[k : k + most])]
        sums += [None] * (-rows % LANES)
        total = simd.load(b, loss, I64(0))
        for start in range(0, rows, LANES):
            places = [i if start + i < rows else None for i in range(LANES)]
            s = simd.load_signs(b, codes, b.add(at, I64(start)), places)
            u = simd.transposed_sums(sums[start : start + LANES]) * s
            t = exp_minus(u)
            rest = gradient(u, t, simd.splat(b, clamp), simd.splat(b, skip))
            simd.store(b, s * simd.splat(b, lr) * rest, g, b.add(g_at, I64(start)))
            total = (s * s).fma(loss_of(u, t), total)
        simd.store(b, total, loss, I64(0))

    switch(b, n_y, PATH_MAX, block)


def _emit_update_hidden(b, x, error, x_off, first, n_x, w_y, y_row, y_at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    def block(count: int) -> None:
        places = [b.add(first, I64(k)) for k in range(count)]
        hidden, errors = ([pointer_at(b, base, x_off, place) for place in places] for base in (x, error))
        gs = [b.gep(g, [b.add(g_at, b.mul(place, I64(M_MAX)))]) for place in places]

        def columns(at: list[ir.Value], _: Any) -> list[Vec]:
            def output(m: ir.Value, moved: Any) -> list[Vec]:
                row, after = row_at(b, w_y, None, I64(0), y_row, b.add(y_at, m)), list(moved)
                old = [simd.load(b, row, where) for where in at]
                new = list(old)
                for k, p in enumerate(hidden):
                    factor = simd.splat(b, b.load(b.gep(gs[k], [m])))
                    for i, where in enumerate(at):
                        new[i] = factor.fma(simd.load(b, p, where), new[i])
                        after[k * len(at) + i] = factor.fma(old[i], after[k * len(at) + i])
                for v, where in zip(new, at, strict=True):
                    simd.store(b, v, row, where)
                return after

            places = [(p, where) for p in errors for where in at]
            moved = simd.loop(b, n_y, [simd.load(b, p, where) for p, where in places], output)
            for total, (p, where) in zip(moved, places, strict=True):
                simd.store(b, total, p, where)
            return []

        simd.sweep(b, size, 2, [], columns)

    switch(b, n_x, HIDDEN, block)


def _emit_update_path(b, x, error, w_y, near, y_first, points, at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
    def block(rows: int) -> None:
        y = [row_at(b, w_y, near, y_first, points, b.add(at, I64(m))) for m in range(rows)]
        gs = [simd.splat(b, b.load(b.gep(g, [b.add(g_at, I64(m))]))) for m in range(rows)]

        def column(d: ir.Value, _: Any) -> list[Vec]:
            where = b.mul(d, I64(LANES))
            h, moved = simd.load(b, x, where), simd.load(b, error, where)
            for factor, row in zip(gs, y, strict=True):
                old = simd.load(b, row, where)
                moved = factor.fma(old, moved)
                simd.store(b, factor.fma(h, old), row, where)
            simd.store(b, moved, error, where)
            return []

        simd.loop(b, b.sdiv(size, I64(LANES)), [], column)

    switch(b, n_y, PATH_MAX, block)


# --- the two joined ---------------------------------------------------------------------------------------------------

if numba.config.DISABLE_JIT:
    gather, scatter, score_path, update_path = _gather_numpy, _scatter_numpy, _score_path_numpy, _update_path_numpy
    update_hidden = _update_hidden_numpy
else:
    f32, i64, void = types.float32, types.int64, types.void

    @intrinsic
    def gather(typingctx, w_x, rows, first, gap, n_x, scale, size, hidden, error, to):  # type: ignore[no-untyped-def]
        """hidden[to:] = scale sum_c x_c over the n_x rows from rows[first] on without rows[first + gap]; error[to:] = 0."""
        return void(w_x, rows, i64, i64, i64, f32, i64, hidden, error, i64), lower(_emit_gather)

    @intrinsic
    def scatter(typingctx, w_x, rows, first, gap, n_x, locks, scale, size, error, source):  # type: ignore[no-untyped-def]
        """x_c += scale lock_c error[source:] for the same rows."""
        return void(w_x, rows, i64, i64, i64, locks, f32, i64, error, i64), lower(_emit_scatter)

    @intrinsic
    def update_hidden(  # type: ignore[no-untyped-def]
        typingctx, x, error, x_off, first, n_x, w_y, y_row, y_at, n_y, size, g, g_at
    ):
        """Of the hidden vectors from number `first` on, HIDDEN at most: one output after another,

        error_c += g_cm y_m, y_m += sum_c g_cm h_c.
        """
        return void(x, error, x_off, i64, i64, w_y, y_row, i64, i64, i64, g, i64), lower(_emit_update_hidden, tables=(5,))

    @intrinsic
    def score_path(  # type: ignore[no-untyped-def]
        typingctx, x, w_y, near, y_first, points, codes, at, n_y, lr, clamp, skip, size, g, g_at, loss
    ):
        """g[g_at:] = g_m, and the loss, of the first hidden vector with up to PATH_MAX nodes from points[at] on."""
        kinds = (x, w_y, near, i64, points, codes, i64, i64, f32, f32, f32, i64, g, i64, loss)
        return void(*kinds), lower(_emit_score_path, tables=(1,))

    @intrinsic
    def update_path(typingctx, x, error, w_y, near, y_first, points, at, n_y, size, g, g_at):  # type: ignore[no-untyped-def]
        """Error += sum_m g_m y_m, y_m += g_m h."""
        return void(x, error, w_y, near, i64, points, i64, i64, i64, g, i64), lower(_emit_update_path, tables=(2,))
