"""Micro-kernels of CBOW's hidden vectors: made of context rows, met with their outputs, their errors given back.

Owns what is done to hidden vectors; blocks of several inputs and outputs are in tiles.py, whose symbols are used here.
A step has `count` consecutive centres k = i, i+1, .. of a sentence of n words, with one window, `reach`, for all. Number c of
them has the hidden vector h_c, row c of `hidden`, and what flows back to it is row c of `error`:

    h_c = scale_c (sum of x_j over |j - k| <= reach, without x_k)        x_j += scale_c lock_j error_c for the same j

The windows of neighbours differ by two words: sums are carried from one to the next. h_c meets outputs y_m, whose signs or bits
say s_m; with g_m = lr s_m sigma(-u_m)

    u_m = s_m <h_c, y_m>      loss = -sum log sigma(u_m)      error_c = sum_m g_m y_m      y_m += g_m h_c

No node stands twice in a Huffman path. With negative sampling every centre has its own word, and all share the noise words,
which are taken one after another:    error_c += g_cm y_m      y_m += sum_c g_cm h_c.

Every micro-kernel is written twice, as in tiles.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import HIDDEN, PATH_MAX, simd
from .emit import exp_minus, gradient, gradient_numpy, loss_of, lower, pointer_at, row_at, rows_numpy, signs_numpy, switch
from .simd import I64, LANES, Vec

# --- numpy: what each micro-kernel does -------------------------------------------------------------------------------


def _windows_numpy(i, count, reach, n):  # type: ignore[no-untyped-def]
    """The places of the contexts of each centre."""
    near = [range(max(k - reach, 0), min(k + reach + 1, n)) for k in range(i, i + count)]
    return [[j for j in places if j != k] for k, places in enumerate(near, i)]


def _gather_numpy(w_x, rows, i, count, reach, n, scale, size, hidden):  # type: ignore[no-untyped-def]
    for c, places in enumerate(_windows_numpy(i, count, reach, n)):
        hidden[c, :size] = np.sum(rows_numpy(w_x, None, 0, rows[places], size), axis=0) * scale[c]


def _scatter_numpy(w_x, rows, i, count, reach, n, locks, scale, size, error):  # type: ignore[no-untyped-def]
    for c, places in enumerate(_windows_numpy(i, count, reach, n)):
        for j, x in zip(places, rows_numpy(w_x, None, 0, rows[places], size), strict=True):
            weight = scale[c] if locks is None else scale[c] * locks[j]
            x += error[c, :size] * weight


def _score_hidden_numpy(hidden, c, w_y, y_row, sign, head, at, n_y, lr, clamp, skip, size, g, g_at, loss):  # type: ignore[no-untyped-def]
    places = [head, *range(at, at + n_y - 1)]
    y = rows_numpy(w_y, None, 0, y_row[places], size)
    _scores_numpy(hidden[c, :size], y, sign[places], lr, clamp, skip, g[g_at:], loss)


def _scores_numpy(h, y, s, lr, clamp, skip, g, loss):  # type: ignore[no-untyped-def]
    u = (np.stack(y) @ h) * s
    t = np.exp(-np.minimum(np.abs(u), np.float32(80)))
    g[: len(y)] = lr * s * gradient_numpy(u, t, clamp, skip)
    loss[0] += np.sum(np.abs(s) * (np.maximum(-u, 0) + np.log1p(t)), dtype=np.float32)


def _update_hidden_numpy(hidden, error, first, count, w_y, y_row, own, at, n_y, size, g, room):  # type: ignore[no-untyped-def]
    gs = g[: (first + count) * room].reshape(-1, room)[first:]
    h, errors = hidden[first : first + count, :size], error[first : first + count, :size]
    for c, y in enumerate(rows_numpy(w_y, None, 0, y_row[own + first : own + first + count], size)):
        errors[c] = gs[c, 0] * y
        y += gs[c, 0] * h[c]
    for m, y in enumerate(rows_numpy(w_y, None, 0, y_row[at : at + n_y], size)):
        errors += np.outer(gs[:, 1 + m], y)
        y += gs[:, 1 + m] @ h


def _meet_path_numpy(  # type: ignore[no-untyped-def]
    hidden, error, c, w_y, near, y_first, points, codes, at, n_y, lr, clamp, skip, size, g, first, loss
):
    y, h, nodes = rows_numpy(w_y, near, y_first, points[at : at + n_y], size), hidden[c, :size], slice(at, at + n_y)
    _scores_numpy(h, y, signs_numpy(codes[nodes]), lr, clamp, skip, g, loss)
    error[c, :size] = g[:n_y] @ np.stack(y) + (error[c, :size] if first else 0)
    for row, step in zip(y, np.outer(g[:n_y], h), strict=True):
        row += step


# --- vectors ----------------------------------------------------------------------------------------------------------


def _least(b: ir.IRBuilder, one: ir.Value, other: ir.Value) -> ir.Value:
    return b.select(b.icmp_signed("<", one, other), one, other)


def _most(b: ir.IRBuilder, one: ir.Value, other: ir.Value) -> ir.Value:
    return b.select(b.icmp_signed(">", one, other), one, other)


def _columns(b: ir.IRBuilder, size: ir.Value, emit: Callable[[list[ir.Value]], None]) -> None:
    """Cut a row into stretches of 8 vectors, few enough for registers, and 5, 4, 3, 2, 1; emit is given the vectors' offsets.

    A copy for each length up to 8 would take half as long again to compile. Rows of 100 are 8 + 5 vectors of 8 floats.
    """
    vectors = b.sdiv(size, I64(LANES))
    stretches = b.sdiv(vectors, I64(8))
    simd.loop(b, stretches, [], lambda k, _: emit(simd.places(b, b.mul(k, I64(8)), 8)) or [])
    start = b.mul(stretches, I64(8))
    many = b.icmp_signed(">=", b.sub(vectors, start), I64(5))
    with b.if_then(many):
        emit(simd.places(b, start, 5))
    start = b.add(start, b.select(many, I64(5), I64(0)))
    switch(b, b.sub(vectors, start), 4, lambda n: emit(simd.places(b, start, n)))


def _emit_gather(b, w_x, rows, i, count, reach, n, scale, size, hidden):  # type: ignore[no-untyped-def]
    end = b.sub(n, I64(1))
    low, high = _most(b, b.sub(i, reach), I64(0)), _least(b, b.add(i, reach), end)
    row = functools.partial(pointer_at, b, w_x, rows)

    def stretch(offsets: list[ir.Value]) -> None:
        def add(j: ir.Value, sums: Any) -> list[Vec]:
            p = row(b.add(low, j))
            return [total + simd.load(b, p, at) for total, at in zip(sums, offsets, strict=True)]

        def keep(c: ir.Value, sums: Any) -> None:
            """The hidden vector of centre c, whose window was summed."""
            own, factor = row(b.add(i, c)), simd.splat(b, b.load(b.gep(scale, [c])))
            for total, at in zip(sums, offsets, strict=True):
                simd.store(b, (total - simd.load(b, own, at)) * factor, hidden.data, b.add(b.mul(c, hidden.columns), at))

        def centre(c: ir.Value, sums: Any) -> list[Vec]:
            """Keep its own, and go on to the window of the next; at the ends of the sentence no word comes or goes."""
            keep(c, sums)
            k, after = b.add(i, c), []
            coming, going = b.add(b.add(k, reach), I64(1)), b.sub(k, reach)
            plus = simd.splat(b, b.select(b.icmp_signed("<=", coming, end), simd.F32(1), simd.F32(0)))
            minus = simd.splat(b, b.select(b.icmp_signed(">=", going, I64(0)), simd.F32(-1), simd.F32(0)))
            new, old = row(_least(b, coming, end)), row(_most(b, going, I64(0)))
            for total, at in zip(sums, offsets, strict=True):
                after.append(plus.fma(simd.load(b, new, at), minus.fma(simd.load(b, old, at), total)))
            return after

        others, none = b.sub(count, I64(1)), [simd.constant(b, 0.0)] * len(offsets)
        keep(others, simd.loop(b, others, simd.loop(b, b.add(b.sub(high, low), I64(1)), none, add), centre))

    _columns(b, size, stretch)


def _emit_scatter(b, w_x, rows, i, count, reach, n, locks, scale, size, error):  # type: ignore[no-untyped-def]
    one, end = I64(1), b.sub(n, I64(1))
    last = b.sub(b.add(i, count), one)
    low, high = _most(b, b.sub(i, reach), I64(0)), _least(b, b.add(i, reach), end)
    begun = _least(b, b.add(low, reach), last)  # the last centre that has the lowest row in reach
    whole = b.add(low, b.sub(last, begun))  # from here to `high` the rows are in reach of all centres

    def stretch(offsets: list[ir.Value]) -> None:
        def errors(k: ir.Value, sums: Any, sign: float) -> list[Vec]:
            c = b.sub(k, i)
            factor, at_row = simd.splat(b, b.load(b.gep(scale, [c]))) * sign, b.mul(c, error.columns)
            return [factor.fma(simd.load(b, error.data, b.add(at_row, at)), t) for t, at in zip(sums, offsets, strict=True)]

        def give(j: ir.Value, steps: list[Vec]) -> None:
            p = pointer_at(b, w_x, rows, j)
            weight = None if locks is None else simd.splat(b, b.load(b.gep(locks, [j])))
            for step, at in zip(steps, offsets, strict=True):
                x = simd.load(b, p, at)
                simd.store(b, x + step if weight is None else step.fma(weight, x), p, at)

        def rise(m: ir.Value, sums: Any) -> list[Vec]:
            give(b.add(low, m), sums)
            return errors(b.add(b.add(begun, m), one), sums, 1.0)

        def stay(m: ir.Value, sums: Any) -> list[Vec]:
            give(b.add(whole, m), sums)
            return list(sums)

        def fall(m: ir.Value, sums: Any) -> list[Vec]:
            rest = errors(b.add(i, m), sums, -1.0)
            give(b.add(b.add(high, one), m), rest)
            return rest

        none = [simd.constant(b, 0.0)] * len(offsets)
        sums = simd.loop(b, b.add(b.sub(begun, i), one), none, lambda m, s: errors(b.add(i, m), s, 1.0))
        sums = simd.loop(b, b.sub(last, begun), sums, rise)
        sums = simd.loop(b, b.add(b.sub(high, whole), one), sums, stay)
        simd.loop(b, b.sub(_least(b, b.add(last, reach), end), high), sums, fall)
        simd.loop(b, count, [], lambda m, _: give(b.add(i, m), errors(b.add(i, m), none, -1.0)) or [])  # no context of itself

    _columns(b, size, stretch)


def _emit_scores(b, x, y, signs, lr, clamp, skip, size, g, g_at, loss):  # type: ignore[no-untyped-def]
    """h, which stands at x, meets the rows y; `signs` emits those of LANES of them from a number on, 0 behind the last."""

    def products(y: list[ir.Value]) -> list[Vec]:
        def column(d: ir.Value, sums: Any) -> list[Vec]:
            where = b.mul(d, I64(LANES))
            h = simd.load(b, x, where)
            return [h.fma(simd.load(b, p, where), total) for p, total in zip(y, sums, strict=True)]

        return simd.loop(b, b.sdiv(size, I64(LANES)), [simd.constant(b, 0.0)] * len(y), column)

    most = simd.REGISTERS - 5  # more accumulators at once would leave the registers
    sums: list[Vec | None] = [total for k in range(0, len(y), most) for total in products(y[k : k + most])]
    sums += [None] * (-len(y) % LANES)
    total = simd.load(b, loss, I64(0))
    for start in range(0, len(y), LANES):
        s = signs(start)
        u = simd.transposed_sums(sums[start : start + LANES]) * s
        t = exp_minus(u)
        rest = gradient(u, t, simd.splat(b, clamp), simd.splat(b, skip))
        simd.store(b, s * simd.splat(b, lr) * rest, g, b.add(g_at, I64(start)))
        total = (s * s).fma(loss_of(u, t), total)
    simd.store(b, total, loss, I64(0))


def _emit_score_hidden(b, hidden, c, w_y, y_row, sign, head, at, n_y, lr, clamp, skip, size, g, g_at, loss):  # type: ignore[no-untyped-def]
    x, before = b.gep(hidden.data, [b.mul(c, hidden.columns)]), b.sub(at, I64(1))

    def block(rows: int) -> None:
        def signs(start: int) -> Vec:
            s = simd.load(b, sign, b.add(before, I64(start)))
            if start == 0:
                s = s.insert(b.load(b.gep(sign, [head])), 0)
            return s if start + LANES <= rows else s * simd.constant(b, *(float(start + i < rows) for i in range(LANES)))

        y = [pointer_at(b, w_y, y_row, place) for place in (head, *(b.add(before, I64(m)) for m in range(1, rows)))]
        _emit_scores(b, x, y, signs, lr, clamp, skip, size, g, g_at, loss)

    switch(b, n_y, PATH_MAX, block)


def _emit_meet_path(  # type: ignore[no-untyped-def]
    b, hidden, error, c, w_y, near, y_first, points, codes, at, n_y, lr, clamp, skip, size, g, first, loss
):
    x, moved_at = (b.gep(t.data, [b.mul(c, t.columns)]) for t in (hidden, error))
    more = b.icmp_signed(">", first, I64(0))

    def block(rows: int) -> None:
        def signs(start: int) -> Vec:
            places = [i if start + i < rows else None for i in range(LANES)]
            return simd.load_signs(b, codes, b.add(at, I64(start)), places)

        def column(d: ir.Value, _: Any) -> list[Vec]:
            where = b.mul(d, I64(LANES))
            h, before = simd.load(b, x, where), simd.load(b, moved_at, where)
            moved = Vec(b, b.select(more, before.value, before.like(0.0).value))
            for factor, row in zip(gs, y, strict=True):
                old = simd.load(b, row, where)
                moved = factor.fma(old, moved)
                simd.store(b, factor.fma(h, old), row, where)
            simd.store(b, moved, moved_at, where)
            return []

        y = [row_at(b, w_y, near, y_first, points, b.add(at, I64(m))) for m in range(rows)]
        _emit_scores(b, x, y, signs, lr, clamp, skip, size, g, I64(0), loss)
        gs = [simd.splat(b, b.load(b.gep(g, [I64(m)]))) for m in range(rows)]
        simd.loop(b, b.sdiv(size, I64(LANES)), [], column)

    switch(b, n_y, PATH_MAX, block)


def _emit_update_hidden(b, hidden, error, first, count, w_y, y_row, own, at, n_y, size, g, room):  # type: ignore[no-untyped-def]
    def block(centres: int) -> None:
        numbers = [b.add(first, I64(k)) for k in range(centres)]
        h, errors = ([b.gep(t.data, [b.mul(c, t.columns)]) for c in numbers] for t in (hidden, error))
        gs = [b.gep(g, [b.mul(c, room)]) for c in numbers]

        def meet(y: ir.Value, who: Sequence[int], m: ir.Value, moved: list[Any], columns: list[ir.Value]) -> None:
            """Move y by these centres, and what goes back to them by y as it was."""
            old = [simd.load(b, y, where) for where in columns]
            new = list(old)
            for k in who:
                factor = simd.splat(b, b.load(b.gep(gs[k], [m])))
                for i, where in enumerate(columns):
                    new[i] = factor.fma(simd.load(b, h[k], where), new[i])
                    before = moved[k * len(columns) + i]
                    moved[k * len(columns) + i] = factor * old[i] if before is None else factor.fma(old[i], before)
            for v, where in zip(new, columns, strict=True):
                simd.store(b, v, y, where)

        def columns(where: list[ir.Value], _: Any) -> list[Vec]:
            moved: list[Any] = [None] * (centres * len(where))
            for k, c in enumerate(numbers):
                meet(pointer_at(b, w_y, y_row, b.add(own, c)), [k], I64(0), moved, where)

            def noise(m: ir.Value, state: Any) -> list[Vec]:
                after = list(state)
                row = pointer_at(b, w_y, y_row, b.add(at, m))
                meet(row, range(centres), b.add(m, I64(1)), after, where)
                return after

            moved = simd.loop(b, n_y, moved, noise)
            for total, (p, offset) in zip(moved, [(p, offset) for p in errors for offset in where], strict=True):
                simd.store(b, total, p, offset)
            return []

        simd.sweep(b, size, 2, [], columns)

    switch(b, count, HIDDEN, block)


# --- the two joined ---------------------------------------------------------------------------------------------------

if numba.config.DISABLE_JIT:
    gather, scatter, score_hidden, meet_path = _gather_numpy, _scatter_numpy, _score_hidden_numpy, _meet_path_numpy
    update_hidden = _update_hidden_numpy
else:
    f32, i64, void = types.float32, types.int64, types.void

    @intrinsic
    def gather(typingctx, w_x, rows, i, count, reach, n, scale, size, hidden):  # type: ignore[no-untyped-def]
        """Make the hidden vectors of `count` centres from place i of a sentence of n words, whose rows are `rows`."""
        return void(w_x, rows, i64, i64, i64, i64, scale, i64, hidden), lower(_emit_gather, tables=(8,))

    @intrinsic
    def scatter(typingctx, w_x, rows, i, count, reach, n, locks, scale, size, error):  # type: ignore[no-untyped-def]
        """Give their errors back to the same rows; at most 2 reach + 2 centres, so that some row belongs to all of them."""
        kinds = (w_x, rows, i64, i64, i64, i64, locks, scale, i64, error)
        return void(*kinds), lower(_emit_scatter, tables=(9,))

    @intrinsic
    def score_hidden(  # type: ignore[no-untyped-def]
        typingctx, hidden, c, w_y, y_row, sign, head, at, n_y, lr, clamp, skip, size, g, g_at, loss
    ):
        """g[g_at:] = g_m, and the loss, of h_c with up to PATH_MAX outputs: that at place `head`, and n_y - 1 from `at` on."""
        kinds = (hidden, i64, w_y, y_row, sign, i64, i64, i64, f32, f32, f32, i64, g, i64, loss)
        return void(*kinds), lower(_emit_score_hidden, tables=(0,))

    @intrinsic
    def update_hidden(typingctx, hidden, error, first, count, w_y, y_row, own, at, n_y, size, g, room):  # type: ignore[no-untyped-def]
        """Of `count` centres, HIDDEN at most, from number `first` on, with their own words from place `own`, of the first of
        the group, and n_y noise words from `at` on; g has `room` numbers a centre, that of its own word first.
        """
        kinds = (hidden, error, i64, i64, w_y, y_row, i64, i64, i64, i64, g, i64)
        return void(*kinds), lower(_emit_update_hidden, tables=(0, 1))

    @intrinsic
    def meet_path(  # type: ignore[no-untyped-def]
        typingctx, hidden, error, c, w_y, near, y_first, points, codes, at, n_y, lr, clamp, skip, size, g, first, loss
    ):
        """error_c = sum_m g_m y_m, y_m += g_m h_c, and the loss, of up to PATH_MAX nodes from points[at] on, the path's from
        number `first` on: added to the error where there were some before.
        """
        kinds = (hidden, error, i64, w_y, near, i64, points, codes, i64, i64, f32, f32, f32, i64, g, i64, loss)
        return void(*kinds), lower(_emit_meet_path, tables=(0, 1, 3))
