"""Micro-kernels: one block of input rows against one block of output rows, as float32 tiles in registers.

Owns the arithmetic of skip-gram's steps; who meets whom is decided in cpu.py. A block is C input rows x_c (contexts)
and M <= M_MAX output rows y_m. Each output has a sign s_m: +1 a true word, -1 noise, 0 leave alone. Each pair has a
multiplicity n_cm: how many centres of the block's group train it; 0 for none. Then

    u_cm = s_m <x_c, y_m>      loss = -sum n_cm log sigma(u_cm)      g_cm = lr n_cm s_m sigma(-u_cm)        (`score`)
    x_c += sum_m g_cm y_m      y_m += sum_c g_cm x_c           right-hand sides: the values before the block (`update`)

A word that stands twice among the contexts, or twice among the noise words, is the same row twice and moves twice.
A thread's copy of a row gives back a share s of its change. A step takes away a part of the distance from where the thread
wants the row, at most lr / 4 for a row met of length 1 (the curvature of log sigma); with a the sum of these parts, exp(-a) of
the distance is left by all steps of a thread, and exp(-T a) were left, were those of all T threads done one after another. The
sum of the threads' changes, times s, leaves as much: all of a change counts where steps are few, the threads' mean where many.

    s = (1 - exp(-T a)) / (T (1 - exp(-a)))                                                                       (`merge_rows`)

Every micro-kernel is written twice: in numpy, which says what it does and stands in where the JIT is off, and as vectors.
Words' rows are addressed by their offset in floats from the start of the matrix, in int64: matrices pass 2**31 elements, and a
thread's own copy of a row (own.borrow) lies outside of them. The nodes of a path are addressed by number, as the tree has
them; with `near`, those from number y_first on are the copies in it.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import M_MAX, ROW_ALIGN, simd
from .emit import exp_minus, gradient, gradient_numpy, loss_of, lower, pointer_at, row_at, rows_numpy, signs_numpy, switch
from .simd import I64, LANES, Vec

WIDE = max(LANES // M_MAX, 1)  # contexts whose gradients are one vector
SLOTS = WIDE * M_MAX
# Outputs of a block up to which two contexts meet it at once: an output's vector is read once for both. 2 x 8 sums take half of
# the registers of AVX-512, 2 x 6 nearly all without it; of 7 and 8 outputs, operands in memory then, a context comes alone.
PAIRED = M_MAX if simd.REGISTERS == 32 else 6
FEW = 1e-3  # steps that take away less than this count as so many: 1 - exp(-a) is exact to .003 of itself then


# --- numpy: what each micro-kernel does -------------------------------------------------------------------------------


def _score_numpy(  # type: ignore[no-untyped-def]
    w_x, x_off, x_mask, n_x, w_y, near, y_first, y_row, y_at, n_y, sign, counts, column, lr, clamp, skip, size, g, loss
):
    x = np.stack(rows_numpy(w_x, None, 0, x_off[:n_x], size))
    y = np.stack(rows_numpy(w_y, near, y_first, y_row[y_at : y_at + n_y], size))
    s = signs_numpy(sign[y_at : y_at + n_y])
    n = counts[x_mask[:n_x], column : column + n_y]
    u = (x @ y.T) * s
    t = np.exp(-np.minimum(np.abs(u), np.float32(80)))
    g[: n_x * M_MAX].reshape(n_x, M_MAX)[:, :n_y] = lr * n * s * gradient_numpy(u, t, clamp, skip)
    loss[0] += np.sum(n * np.abs(s) * (np.maximum(-u, 0) + np.log1p(t)), dtype=np.float32)


def _update_numpy(w_x, x_off, n_x, x_lock, w_y, near, y_first, y_row, y_at, n_y, size, g):  # type: ignore[no-untyped-def]
    x, y = rows_numpy(w_x, None, 0, x_off[:n_x], size), rows_numpy(w_y, near, y_first, y_row[y_at : y_at + n_y], size)
    gs = g[: n_x * M_MAX].reshape(n_x, M_MAX)[:, :n_y]
    x_step, y_step = gs @ np.stack(y), np.zeros((n_y, size), np.float32)
    for c in range(n_x):  # a word that is a context twice is the same row twice: y_m meets it as it then is
        y_step += np.outer(gs[c], x[c])
        x[c] += x_step[c] if x_lock is None else x_step[c] * x_lock[c]
    for m in range(n_y):
        y[m] += y_step[m]


def _merge_rows_numpy(w, first, rows, before, visits, way, threads, start, stop):  # type: ignore[no-untyped-def]
    a = np.maximum(visits[start:stop] * way, np.float32(FEW))
    share = np.expm1(-threads * a) / (threads * np.expm1(-a))
    w[first + start : first + stop] += share[:, np.newaxis] * (rows[start:stop] - before[start:stop])
    rows[start:stop] = before[start:stop] = w[first + start : first + stop]


def _ask_numpy(*_: Any) -> None:
    pass


def _floats_between_numpy(one: Any, other: Any) -> int:
    return int(other.ctypes.data - one.ctypes.data) // 4


# --- vectors ----------------------------------------------------------------------------------------------------------


def _emit_score(  # type: ignore[no-untyped-def]
    b, w_x, x_off, x_mask, n_x, w_y, near, y_first, y_row, y_at, n_y, sign, counts, column, lr, clamp, skip, size, g, loss
):
    last = b.sub(n_x, I64(1))
    of_path = sign.type.pointee != simd.F32

    def products(x: list[ir.Value], y: list[ir.Value]) -> list[Vec]:
        """<x_c, y_m>, still to be summed across lanes."""
        pairs = len(x) * len(y)
        step = 2 if pairs <= 4 else 1  # so few sums would wait for one another

        def columns(at: list[ir.Value], sums: Any) -> list[Vec]:
            new = list(sums)
            for i, where in enumerate(at):
                held = [simd.load(b, p, where) for p in x]
                for m, q in enumerate(y):  # one at a time: few registers
                    other = simd.load(b, q, where)
                    for k, v in enumerate(held):
                        number = (i * len(x) + k) * len(y) + m
                        new[number] = v.fma(other, new[number])
            return new

        sums = simd.sweep(b, size, step, [simd.constant(b, 0.0)] * (step * pairs), columns)
        return sums if step == 1 else [s + t for s, t in zip(sums[:pairs], sums[pairs:], strict=True)]

    def multiply(y: list[ir.Value], first: ir.Value, contexts: int) -> None:
        """Store <x_c, y_m> in g, for some contexts and all outputs."""
        x = [pointer_at(b, w_x, x_off, b.add(first, I64(k))) for k in range(contexts)]
        slots: list[Vec | None] = [None] * max(contexts * M_MAX, LANES)
        for k, total in enumerate(products(x, y)):
            slots[k // len(y) * M_MAX + k % len(y)] = total
        for start in range(0, len(slots), LANES):
            if any(slots[start : start + LANES]):
                at = b.add(b.mul(first, I64(M_MAX)), I64(start))
                simd.store(b, simd.transposed_sums(slots[start : start + LANES]), g, at)

    def multiplicities(t: ir.Value, start: int) -> Vec:
        def row(c: ir.Value) -> ir.Value:
            return b.add(b.mul(b.load(b.gep(x_mask, [c])), counts.columns), column)

        if WIDE == 1:
            return simd.load(b, counts.data, b.add(row(t), I64(start)))
        first = b.mul(t, I64(2))
        whole = b.icmp_signed("<", first, last)  # else an odd context out: the second half of its tile counts for nothing
        second = row(b.select(whole, b.add(first, I64(1)), first))
        return simd.load_two(b, counts.data, row(first), b.select(whole, second, column))  # row 0 of counts is all zeros

    def signs(rows: int, start: int) -> Vec:
        """The signs of a block, in as many lanes as contexts meet it; 0 behind its last output."""
        places = [(start + i) % M_MAX for i in range(LANES)]
        if of_path:  # the bits of a Huffman path
            return simd.load_signs(b, sign, y_at, [place if place < rows else None for place in places])
        s = simd.load_two(b, sign, y_at, y_at) if WIDE == 2 else simd.load(b, sign, b.add(y_at, I64(start)))
        return s if max(places) < rows else s * simd.constant(b, *(float(place < rows) for place in places))

    def judge(signs_at: dict[int, Vec], t: ir.Value, total: Vec) -> Vec:
        """From dot products to gradients and loss."""
        for start, s in signs_at.items():
            at = b.add(b.mul(t, I64(SLOTS)), I64(start))
            weight = s * multiplicities(t, start) if WIDE == 2 or not of_path else s  # nodes of a path count once
            u = simd.load(b, g, at) * s
            t_exp = exp_minus(u)
            simd.store(b, weight * lr_all * gradient(u, t_exp, clamp_all, skip_all), g, at)
            total = weight.fma(s * loss_of(u, t_exp), total)
        return total

    def block(rows: int) -> None:
        y = [row_at(b, w_y, near, y_first, y_row, b.add(y_at, I64(m))) for m in range(rows)]
        # two loops: the long chain from a dot product to its gradient overlaps with those of other contexts
        if rows <= PAIRED:
            simd.loop(b, b.lshr(n_x, I64(1)), [], lambda t, _: multiply(y, b.shl(t, I64(1)), 2) or [])
            with b.if_then(b.trunc(n_x, ir.IntType(1))):  # an odd one
                multiply(y, last, 1)
        else:
            simd.loop(b, n_x, [], lambda c, _: multiply(y, c, 1) or [])
        tiles = b.sdiv(b.add(n_x, I64(WIDE - 1)), I64(WIDE))
        s = {start: signs(rows, start) for start in range(0, SLOTS, LANES) if start % M_MAX < rows}
        [total] = simd.loop(b, tiles, [simd.load(b, loss, I64(0))], lambda t, state: [judge(s, t, state[0])])
        simd.store(b, total, loss, I64(0))

    lr_all, clamp_all, skip_all = (simd.splat(b, scalar) for scalar in (lr, clamp, skip))
    switch(b, n_y, M_MAX, block)


def _emit_update(b, w_x, x_off, n_x, x_lock, w_y, near, y_first, y_row, y_at, n_y, size, g):  # type: ignore[no-untyped-def]
    def block(rows: int) -> None:
        y = [row_at(b, w_y, near, y_first, y_row, b.add(y_at, I64(m))) for m in range(rows)]
        # two vectors a turn share a gradient's broadcast; one leaves registers for outputs, else read for each context
        step = 2 if simd.REGISTERS == 16 and rows <= 5 else 1
        chains = min(rows, 2) if step == 1 else 1  # a step of x is one sum a vector, or two that are not in each other's way
        most = simd.REGISTERS - rows - 4 if step == 1 else 0

        def columns(at: list[ir.Value], _: Any) -> list[Vec]:
            held = [simd.load(b, p, at[0]) for p in y[:most]]

            def context(c: ir.Value, steps: Any) -> list[Vec]:
                row, g_row, after = pointer_at(b, w_x, x_off, c), b.mul(c, I64(M_MAX)), list(steps)
                x = [simd.load(b, row, where) for where in at]
                moved = [[v if k == 0 and x_lock is None else simd.constant(b, 0.0) for v in x] for k in range(chains)]
                for m in range(rows):  # one gradient at a time: few registers
                    factor, chain = simd.splat(b, b.load(b.gep(g, [b.add(g_row, I64(m))]))), moved[m % chains]
                    for i, where in enumerate(at):
                        chain[i] = factor.fma(held[m] if m < most else simd.load(b, y[m], where), chain[i])
                        after[m * len(at) + i] = factor.fma(x[i], after[m * len(at) + i])
                for i, where in enumerate(at):
                    total = functools.reduce(Vec.__add__, [chain[i] for chain in moved])
                    if x_lock is not None:
                        total = total.fma(simd.splat(b, b.load(b.gep(x_lock, [c]))), x[i])
                    simd.store(b, total, row, where)
                return after

            steps = simd.loop(b, n_x, [simd.constant(b, 0.0)] * (rows * len(at)), context)
            for k, change in enumerate(steps):  # read again: a word drawn twice as noise is the same row twice
                p, where = y[k // len(at)], at[k % len(at)]
                simd.store(b, simd.load(b, p, where) + change, p, where)
            return []

        simd.sweep(b, size, step, [], columns)

    switch(b, n_y, M_MAX, block)


def _emit_merge_rows(b, w, first, rows, before, visits, way, threads, start, stop):  # type: ignore[no-untyped-def]
    size, many = rows.columns, simd.splat(b, b.sitofp(threads, simd.F32))

    def row(number: ir.Value, _: Any) -> list[Vec]:
        k = b.add(start, number)
        a = (simd.splat(b, b.load(b.gep(visits, [k]))) * simd.splat(b, way)).max(FEW)
        share = (exp_minus(a * many) - 1.0) / ((exp_minus(a) - 1.0) * many)
        own, there = b.mul(k, size), b.mul(b.add(first, k), size)

        def column(d: ir.Value, _: Any) -> list[Vec]:
            at, to = (b.add(begin, b.mul(d, I64(LANES))) for begin in (own, there))
            change = simd.load(b, rows.data, at) - simd.load(b, before, at)
            merged = share.fma(change, simd.load(b, w, to))
            for matrix, where in ((w, to), (rows.data, at), (before, at)):
                simd.store(b, merged, matrix, where)
            return []

        simd.loop(b, b.sdiv(size, I64(LANES)), [], column)
        return []

    simd.loop(b, b.sub(stop, start), [], row)


def _emit_ask_for_row(b, w, row, size):  # type: ignore[no-untyped-def]
    """Four lines a turn: one a turn, with the count of turns, took .05 of the time of CBOW with paths."""
    lines = b.sdiv(b.add(size, I64(ROW_ALIGN - 1)), I64(ROW_ALIGN))

    def ask(first: ir.Value, count: int) -> None:
        begin = b.gep(w, [b.add(row, b.mul(first, I64(ROW_ALIGN)))])
        for k in range(count):
            simd.prefetch(b, begin, I64(k * ROW_ALIGN), write=True)

    simd.loop(b, b.lshr(lines, I64(2)), [], lambda k, _: ask(b.shl(k, I64(2)), 4) or [])
    for rest in (2, 1):
        with b.if_then(b.icmp_signed("!=", b.and_(lines, I64(rest)), I64(0))):
            ask(b.and_(lines, I64(-2 * rest)), rest)


def _emit_ask_for(b, array, offset):  # type: ignore[no-untyped-def]
    simd.prefetch(b, array, offset, write=False)


def _emit_floats_between(b, one, other):  # type: ignore[no-untyped-def]
    return b.sdiv(b.sub(b.ptrtoint(other, I64), b.ptrtoint(one, I64)), I64(4))


# --- the two joined ---------------------------------------------------------------------------------------------------


if numba.config.DISABLE_JIT:
    score, update, merge_rows, floats_between = _score_numpy, _update_numpy, _merge_rows_numpy, _floats_between_numpy
    ask_for_row = ask_for = _ask_numpy
else:
    f32, i64, void = types.float32, types.int64, types.void

    @intrinsic
    def score(  # type: ignore[no-untyped-def]
        typingctx, w_x, x_off, x_mask, n_x, w_y, near, y_first, y_row, y_at, n_y, sign, counts, column, lr, clamp, skip, size,
        g, loss,
    ):  # fmt: skip
        """g_cm and the loss of one block; `g` holds M_MAX numbers a context."""
        kinds = (w_x, x_off, x_mask, i64, w_y, near, i64, y_row, i64, i64, sign, counts, i64, f32, f32, f32, i64, g, loss)
        return void(*kinds), lower(_emit_score, tables=(4, 11))

    @intrinsic
    def update(  # type: ignore[no-untyped-def]
        typingctx, w_x, x_off, n_x, x_lock, w_y, near, y_first, y_row, y_at, n_y, size, g
    ):
        """x_c += lock_c sum_m g_cm y_m, y_m += sum_c g_cm x_c."""
        kinds = (w_x, x_off, i64, x_lock, w_y, near, i64, y_row, i64, i64, i64, g)
        return void(*kinds), lower(_emit_update, tables=(4,))

    @intrinsic
    def merge_rows(typingctx, w, first, rows, before, visits, way, threads, start, stop):  # type: ignore[no-untyped-def]
        """w[first + k] += s_k (rows[k] - before[k]) for start <= k < stop, with s_k as said above; then rows[k] = before[k] =
        w[first + k].
        """
        return void(w, i64, rows, before, visits, f32, i64, i64, i64), lower(_emit_merge_rows, tables=(2,))

    @intrinsic
    def ask_for_row(typingctx, w, row, size):  # type: ignore[no-untyped-def]
        """Bring a row of `size` floats towards the core."""
        return void(w, i64, i64), lower(_emit_ask_for_row)

    @intrinsic
    def ask_for(typingctx, array, offset):  # type: ignore[no-untyped-def]
        """Bring the line of the item at `offset` from the start of an array towards the core, to be read."""
        return void(array, i64), lower(_emit_ask_for)

    @intrinsic
    def floats_between(typingctx, one, other):  # type: ignore[no-untyped-def]
        """From the start of an array to that of another, in floats."""
        return i64(one, other), lower(_emit_floats_between)
