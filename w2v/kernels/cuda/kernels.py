"""The four training kernels on an NVIDIA GPU: the names, the order of arguments and the updates of cpu.py.

Owns the walk of a block over its stretches and the barriers between its steps. How it works, and how it differs from the
CPU, is told in __init__.py; what happens between two barriers is in thin.py and steps.py.

Launch with as many blocks as rows in scratch.line, THREADS threads a block, and scratch.layout.nbytes of dynamic shared memory.
Random draws are numbered, not counted: stretch s of a launch draws from two streams that begin at draw s of `rng`, so that any
block may take any stretch.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
from numba import cuda, float32, int32

from .. import Options
from . import Block, Layout
from .port import SIMULATED, device, get, kernel, put
from .steps import (
    fetch,
    fill_pool,
    gather,
    judge,
    multiply,
    plan_contexts,
    plan_hidden,
    plan_noise,
    plan_path,
    release,
    scatter,
    stage,
    update,
)
from .thin import bits_at, count_ends, count_kept, end_of, sum_before, write_words

WORDS, NOISE = 0, 1  # the two streams of `rng`: words kept and windows; noise words


@kernel
def skipgram_ns(
    tokens,  # IN (T,) int32, -1 ends a sentence
    keep,  # IN (V,) uint32
    alias,  # IN (V, 2) uint32
    w_in,  # INOUT (V, S) float32
    w_out,  # INOUT (V, S) float32
    lock,  # IN (V,) float32: ones where rows are free
    lr,  # float32
    options,  # Options
    rng,  # IN (2,) uint64
    scratch,  # Scratch
    stats,  # INOUT (3,) float64
):
    """Skip-gram with negative sampling: for centre o, each context c and noise words n ~ count**ns_exponent,

        maximise  log sigma(w_in[c] . w_out[o]) + sum_n log sigma(-w_in[c] . w_out[n])

    (Mikolov et al. 2013b, eq. 4). A group of centres shares its noise words (Ji et al. 2016, arXiv:1604.04661).
    """
    lay, options = settled(scratch.layout, options)
    b = enter(lay, scratch)
    loss, pairs, slot, group, s = np.float64(0), 0, 0, options.group, cuda.blockIdx.x
    while s < scratch.stretches.size - 1:
        sentences = thin_out(s, tokens, keep, options, rng, scratch, stats, b)
        noise, turn, first, sentence = bits_at(get(rng, NOISE), s), 0, 0, 0
        fill_pool(alias, noise, b)
        cuda.syncthreads()
        while sentence < sentences:
            last, i = end_of(sentence, b), first - group
            while i < last:
                if i + group < last:
                    plan_noise(i + group, last, 1 - slot, turn, alias, noise, scratch.calm_y, options, b)
                    turn += 1
                    pairs += plan_contexts(i + group, first, last, group, 1 - slot, b)
                if i >= first:
                    slide(i, first, last, group, options, w_in, lock, scratch.calm_in, b)
                    loss += meet_contexts(slot, group, w_out, lr, options, b)
                else:
                    cuda.syncthreads()
                slot, i = 1 - slot, i + group
            release(max(first, i - group - options.window), last, w_in, scratch.calm_in, b)
            first, sentence = last, sentence + 1
        s += cuda.gridDim.x
    report(loss, pairs, stats)


@kernel
def skipgram_hs(
    tokens,  # IN (T,) int32, -1 ends a sentence
    keep,  # IN (V,) uint32
    tree,  # Tree
    w_in,  # INOUT (V, S) float32
    w_node,  # INOUT (V-1, S) float32
    lock,  # IN (V,) float32: ones where rows are free
    lr,  # float32
    options,  # Options
    rng,  # IN (2,) uint64
    scratch,  # Scratch
    stats,  # INOUT (3,) float64
):
    """Skip-gram with hierarchical softmax: for centre o with Huffman path (node j, bit b_j) and each context c,

        maximise  sum_j log sigma((1 - 2 b_j) w_in[c] . w_node[j])

    (Mikolov et al. 2013b, eq. 3).
    """
    lay, options = settled(scratch.layout, options)
    b = enter(lay, scratch)
    loss, pairs, slot, s = np.float64(0), 0, 0, cuda.blockIdx.x
    while s < scratch.stretches.size - 1:
        sentences = thin_out(s, tokens, keep, options, rng, scratch, stats, b)
        first, sentence = 0, 0
        while sentence < sentences:
            last, i = end_of(sentence, b), first - 1
            while i < last:
                if i + 1 < last:
                    plan_path(i + 1, 1 - slot, tree, scratch.calm_y, b)
                    pairs += plan_contexts(i + 1, first, last, 1, 1 - slot, b)
                if i >= first:
                    slide(i, first, last, 1, options, w_in, lock, scratch.calm_in, b)
                    loss += meet_contexts(slot, 0, w_node, lr, options, b)
                else:
                    cuda.syncthreads()
                slot, i = 1 - slot, i + 1
            release(max(first, i - 1 - options.window), last, w_in, scratch.calm_in, b)
            first, sentence = last, sentence + 1
        s += cuda.gridDim.x
    report(loss, pairs, stats)


@kernel
def cbow_ns(
    tokens,  # IN (T,) int32, -1 ends a sentence
    keep,  # IN (V,) uint32
    alias,  # IN (V, 2) uint32
    w_in,  # INOUT (V, S) float32
    w_out,  # INOUT (V, S) float32
    lock,  # IN (V,) float32: ones where rows are free
    lr,  # float32
    options,  # Options
    rng,  # IN (2,) uint64
    scratch,  # Scratch
    stats,  # INOUT (3,) float64
):
    """CBOW with negative sampling: for centre o and the mean (or sum) h of its context rows,

        maximise  log sigma(h . w_out[o]) + sum_n log sigma(-h . w_out[n])          (Mikolov et al. 2013a; 2013b, eq. 4)

    The error of h goes back to every context row whole, or divided by their number: config.CbowGradient.
    """
    lay, options = settled(scratch.layout, options)
    b = enter(lay, scratch)
    loss, pairs, slot, group, s = np.float64(0), 0, 0, options.group, cuda.blockIdx.x
    while s < scratch.stretches.size - 1:
        sentences = thin_out(s, tokens, keep, options, rng, scratch, stats, b)
        noise, turn, first, sentence = bits_at(get(rng, NOISE), s), 0, 0, 0
        fill_pool(alias, noise, b)
        cuda.syncthreads()
        while sentence < sentences:
            last, i = end_of(sentence, b), first - group
            while i < last:
                if i + group < last:
                    plan_noise(i + group, last, 1 - slot, turn, alias, noise, scratch.calm_y, options, b)
                    turn += 1
                    pairs += plan_hidden(i + group, first, last, group, 1 - slot, b)
                if i >= first:
                    slide(i, first, last, group, options, w_in, lock, scratch.calm_in, b)
                    cuda.syncthreads()  # a row is fetched by one warp, and gathered by all
                    gather(i, first, last, group, options, b)
                    loss += meet_hidden(slot, group, w_out, lr, options, b)
                    scatter(i, first, last, group, options, b)
                else:
                    cuda.syncthreads()
                slot, i = 1 - slot, i + group
            release(max(first, i - group - options.window), last, w_in, scratch.calm_in, b)
            first, sentence = last, sentence + 1
        s += cuda.gridDim.x
    report(loss, pairs, stats)


@kernel
def cbow_hs(
    tokens,  # IN (T,) int32, -1 ends a sentence
    keep,  # IN (V,) uint32
    tree,  # Tree
    w_in,  # INOUT (V, S) float32
    w_node,  # INOUT (V-1, S) float32
    lock,  # IN (V,) float32: ones where rows are free
    lr,  # float32
    options,  # Options
    rng,  # IN (2,) uint64
    scratch,  # Scratch
    stats,  # INOUT (3,) float64
):
    """CBOW with hierarchical softmax: for centre o with Huffman path (node j, bit b_j) and the context mean (or sum) h,

        maximise  sum_j log sigma((1 - 2 b_j) h . w_node[j])

    (Mikolov et al. 2013a; 2013b, eq. 3).
    """
    lay, options = settled(scratch.layout, options)
    b = enter(lay, scratch)
    loss, pairs, slot, s = np.float64(0), 0, 0, cuda.blockIdx.x
    while s < scratch.stretches.size - 1:
        sentences = thin_out(s, tokens, keep, options, rng, scratch, stats, b)
        first, sentence = 0, 0
        while sentence < sentences:
            last, i = end_of(sentence, b), first - 1
            while i < last:
                if i + 1 < last:
                    plan_path(i + 1, 1 - slot, tree, scratch.calm_y, b)
                    pairs += plan_hidden(i + 1, first, last, 1, 1 - slot, b)
                if i >= first:
                    slide(i, first, last, 1, options, w_in, lock, scratch.calm_in, b)
                    cuda.syncthreads()  # a row is fetched by one warp, and gathered by all
                    gather(i, first, last, 1, options, b)
                    loss += meet_hidden(slot, 0, w_node, lr, options, b)
                    scatter(i, first, last, 1, options, b)
                else:
                    cuda.syncthreads()
                slot, i = 1 - slot, i + 1
            release(max(first, i - 1 - options.window), last, w_in, scratch.calm_in, b)
            first, sentence = last, sentence + 1
        s += cuda.gridDim.x
    report(loss, pairs, stats)


# --- compile-time constants -------------------------------------------------------------------------------------------


@device
def settled(layout, options):
    """The numbers a kernel is made for. `specialise` puts a function of constants in this one's place."""
    return layout, options


def specialise(name: str, layout: Layout, options: Options) -> Any:
    """The kernel of this name for one layout and one set of options: their numbers become constants of the compiled code.

    It takes the arguments of the general kernel; what it is given in `scratch.layout` and `options` is not looked at.
    """
    general = globals()[name]
    if SIMULATED:
        return general

    @device
    def constants(_layout, _options):
        return layout, options

    code = general.py_func
    return kernel(FunctionType(code.__code__, {**code.__globals__, "settled": constants}, name))


# --- the walk ---------------------------------------------------------------------------------------------------------


if SIMULATED:

    def shared_memory():
        """All of a block's shared memory twice, as floats and as integers; no place is read as other than it was written."""
        return cuda.shared.array(0, float32), cuda.shared.array(0, int32)

else:

    @device
    def shared_memory():
        """The same, aligned to 16 bytes, which the simulator does not know."""
        return cuda.shared.array(0, float32, alignment=16), cuda.shared.array(0, int32, alignment=16)


@device
def enter(lay, scratch):
    """Who this thread is, and where its block works."""
    pool, ints = shared_memory()
    return Block(pool, ints, lay, cuda.threadIdx.x, lay.threads, scratch.line[cuda.blockIdx.x])


@device
def thin_out(s, tokens, keep, options, rng, scratch, stats, b):
    """Subsample stretch s into b.line, each word with its window; return the number of its sentences."""
    start, stop = get(scratch.stretches, s), get(scratch.stretches, s + 1)
    each = (stop - start + b.threads - 1) // b.threads
    low, draws, work = min(start + b.tid * each, stop), bits_at(get(rng, WORDS), s), b.lay.work
    high = min(low + each, stop)
    put(b.ints, work + b.tid, count_ends(tokens, low, high))
    cuda.syncthreads()
    ended = sum_before(b.tid, work, b)
    draw = low - start - ended
    put(b.ints, work + b.threads + b.tid, count_kept(tokens, low, high, draw, keep, draws))
    cuda.syncthreads()
    before = sum_before(b.tid, work + b.threads, b)
    write_words(tokens, low, high, draw, keep, draws, options, before, ended, b)
    sentences = sum_before(b.threads, work, b)
    words = sum_before(b.threads, work + b.threads, b)
    if b.tid == 0:
        put(b.line, 2 * b.lay.longest + sentences, words)  # a stretch may end within a sentence
        cuda.atomic.add(stats, 2, np.float64(words))
    cuda.syncthreads()
    return sentences + 1


@device
def slide(i, first, last, group, options, w_in, lock, calm_in, b):
    """Move the ring to the group from i: rows out of reach are written back, rows that come into reach are read."""
    release(max(first, i - options.window - group), i - options.window, w_in, calm_in, b)
    cuda.syncthreads()  # rows that come take the places of those that leave, and may be rows of the same words
    low = i if i == first else i + options.window
    fetch(low, min(i + options.window + group, last), w_in, lock, b)


@device
def meet_contexts(slot, own, w_y, lr, options, b):
    """Skip-gram: every context row meets every output row."""
    return meet(b.lay.x, 0, get(b.ints, b.lay.first + slot), b.lay.ring - 1, True, slot, own, w_y, lr, options, b)


@device
def meet_hidden(slot, own, w_y, lr, options, b):
    """CBOW: every hidden row meets every output row; what flows back gathers in the errors."""
    return meet(b.lay.hidden, b.lay.error - b.lay.hidden, 0, -1, False, slot, own, w_y, lr, options, b)


@device
def meet(inputs, shift, head, wrap, locks, slot, own, w_y, lr, options, b):
    """The planned input rows meet the planned output rows, block by block; return the loss that this thread has seen.

    Input row c is row (head + c) & wrap from `inputs` on.
    """
    total, loss = get(b.ints, b.lay.total + slot), np.float32(0)
    each = get(b.ints, b.lay.each + slot)
    if total == 0:  # a path of no nodes, in a vocabulary of one word: the next plan has to be seen all the same
        cuda.syncthreads()
    o = 0
    while o < total:
        rows = min(each, total - o)
        stage(o, rows, slot, w_y, b)
        cuda.syncthreads()
        multiply(inputs, head, wrap, rows, slot, b)
        cuda.syncthreads()
        loss += judge(o, rows, own, slot, lr, options, b)
        cuda.syncthreads()
        update(inputs, shift, head, wrap, o, rows, slot, locks, w_y, b)
        cuda.syncthreads()
        o += each
    return loss


@device
def report(loss, pairs, stats):
    """Add what this thread has counted to the totals."""
    cuda.atomic.add(stats, 0, loss)
    cuda.atomic.add(stats, 1, np.float64(pairs))
