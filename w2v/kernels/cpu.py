"""The four training kernels on the CPU: skip-gram and CBOW, each with negative sampling and with hierarchical softmax.

Owns which rows meet. The walk over a chunk is in walk.py, the arithmetic of a step in tiles.py and hidden.py, the meaning of
every array in kernels/__init__.py. All four walk alike and differ in two lines: what the outputs of a centre word are
(`noise_list`, `path_list`) and how they meet its contexts (`meet_contexts`, `meet_noise`, `meet_paths`).

`options.group` consecutive centres make one step together, with one window and one set of noise words. Of each centre alone the
window is distributed as if it were its own, and most contexts are common to all: a context of skip-gram meets each noise row
once, with the multiplicity as weight (three windows of 1 to 5, drawn apart, cover 10 words, one for three 9), and the sums
of CBOW's contexts go from a centre to the next by the words that come and go. Noise words come from a pool of the POOL latest
draws, one of which is renewed for each group: every use of a noise word is still distributed as count ** ns_exponent, but its
row is at hand from the use before. Skip-gram with hierarchical softmax shares windows only: no two centres have one path.
Noise is chosen, and the rows of outputs are asked for, AHEAD groups early: they are in the cache by the time they are needed.

A call goes over K consecutive chunks, each with a learning rate, random streams and totals of its own; over none, it is the
last. What Python does between two calls has left all caches by then: when every chunk was a call, it took .15 of CBOW's time.

Threads run these kernels at once on the same matrices, without locks: a row that two threads update at the same moment may lose
one of the updates. Sparse updates make that rare and harmless (Hogwild; Niu, Recht, Re, Wright 2011). One thread is repeatable.
The rows of the most frequent words and of the nodes nearest the Huffman root are no sparse updates: every thread would write
them all the time, and their lines would go to and fro between the caches. Each of several threads works on copies, and gives
back its changes from time to time, the last when its work ends: own.py, and w2v/copies.py.
"""

from __future__ import annotations

import numpy as np

from . import C_MAX, HIDDEN, PATH_MAX
from .hidden import gather, meet_path, scatter, score_hidden, update_hidden
from .jit import kernel, part
from .own import begin, count_centres, finish
from .tiles import score, update
from .walk import (
    AHEAD,
    NEXT,
    fill_pool,
    find_contexts,
    next_sentence,
    noise_list,
    noise_outputs,
    path_list,
    prefetch_context,
    prefetch_paths,
    window_of,
)


@kernel
def skipgram_ns(
    tokens,  # IN (T,) int32, -1 ends a sentence
    ends,  # IN (K,) int64
    keep,  # IN (V,) uint32
    alias,  # IN (V, 2) uint32
    w_in,  # INOUT (V, S) float32
    w_out,  # INOUT (V, S) float32
    lock,  # IN (V,) float32 | None
    rates,  # IN (K,) float32
    options,  # Options
    streams,  # INOUT (K, 2) uint64
    scratch,  # Scratch
    stats,  # INOUT (K, 3) float64
):
    """Skip-gram with negative sampling: for centre o, each context c and noise words n ~ count**ns_exponent,

        maximise  log sigma(w_in[c] . w_out[o]) + sum_n log sigma(-w_in[c] . w_out[n])

    (Mikolov et al. 2013b, eq. 4). All contexts of a centre share its noise words (Ji et al. 2016, arXiv:1604.04661).
    """
    at = 0
    begin(w_in, w_out, scratch)
    for chunk in range(ends.size):
        lr, rng, totals = rates[chunk], streams[chunk], stats[chunk]
        fill_pool(alias, rng, scratch)
        while at < ends[chunk]:
            n, at = next_sentence(tokens, at, ends[chunk], keep, w_in, lock, options, rng, scratch)
            for i in range(0, min(AHEAD * options.group, n), options.group):
                noise_outputs(i, n, alias, w_out, options, rng, scratch)
            for i in range(0, n, options.group):
                if i + AHEAD * options.group < n:
                    noise_outputs(i + AHEAD * options.group, n, alias, w_out, options, rng, scratch)
                outputs = noise_list(i, options, scratch)
                meet_contexts(i, n, options.group, scratch.reach[i], outputs, w_in, w_out, lock, lr, options, scratch, totals)
            close_sentence(n, scratch, totals)
    finish(w_in, w_out, ends, scratch)


@kernel
def skipgram_hs(
    tokens,  # IN (T,) int32, -1 ends a sentence
    ends,  # IN (K,) int64
    keep,  # IN (V,) uint32
    tree,  # Tree
    w_in,  # INOUT (V, S) float32
    w_node,  # INOUT (V-1, S) float32
    lock,  # IN (V,) float32 | None
    rates,  # IN (K,) float32
    options,  # Options
    streams,  # INOUT (K, 2) uint64
    scratch,  # Scratch
    stats,  # INOUT (K, 3) float64
):
    """Skip-gram with hierarchical softmax: for centre o with Huffman path (node j, bit b_j) and each context c, maximise

    sum_j log sigma((1 - 2 b_j) w_in[c] . w_node[j])          (Mikolov et al. 2013b, eq. 3)
    """
    at = 0
    begin(w_in, w_node, scratch)
    for chunk in range(ends.size):
        lr, rng, totals = rates[chunk], streams[chunk], stats[chunk]
        while at < ends[chunk]:
            n, at = next_sentence(tokens, at, ends[chunk], keep, w_in, lock, options, rng, scratch)
            for i in range(-3 * NEXT, 0):
                prefetch_paths(i, n, tree, w_node, scratch)
            for i in range(n):
                prefetch_paths(i, n, tree, w_node, scratch)
                outputs, reach = path_list(i, tree, w_node, scratch), scratch.reach[i - i % options.group]
                meet_contexts(i, n, 1, reach, outputs, w_in, w_node, lock, lr, options, scratch, totals)
            close_sentence(n, scratch, totals)
    finish(w_in, w_node, ends, scratch)


@kernel
def cbow_ns(
    tokens,  # IN (T,) int32, -1 ends a sentence
    ends,  # IN (K,) int64
    keep,  # IN (V,) uint32
    alias,  # IN (V, 2) uint32
    w_in,  # INOUT (V, S) float32
    w_out,  # INOUT (V, S) float32
    lock,  # IN (V,) float32 | None
    rates,  # IN (K,) float32
    options,  # Options
    streams,  # INOUT (K, 2) uint64
    scratch,  # Scratch
    stats,  # INOUT (K, 3) float64
):
    """CBOW with negative sampling: for centre o and the mean (or sum) h of its context rows,

        maximise  log sigma(h . w_out[o]) + sum_n log sigma(-h . w_out[n])          (Mikolov et al. 2013a; 2013b, eq. 4)

    The error of h goes back to every context row whole, or divided by their number: config.CbowGradient.
    """
    at = 0
    begin(w_in, w_out, scratch)
    for chunk in range(ends.size):
        lr, rng, totals = rates[chunk], streams[chunk], stats[chunk]
        fill_pool(alias, rng, scratch)
        while at < ends[chunk]:
            n, at = next_sentence(tokens, at, ends[chunk], keep, w_in, lock, options, rng, scratch)
            for i in range(0, min(AHEAD * options.group, n), options.group):
                noise_outputs(i, n, alias, w_out, options, rng, scratch)
            for i in range(0, n, options.group):
                if i + AHEAD * options.group < n:
                    noise_outputs(i + AHEAD * options.group, n, alias, w_out, options, rng, scratch)
                outputs = noise_list(i, options, scratch)
                meet_noise(i, n, outputs, w_in, w_out, lock, lr, options, scratch, totals)
            close_sentence(n, scratch, totals)
    finish(w_in, w_out, ends, scratch)


@kernel
def cbow_hs(
    tokens,  # IN (T,) int32, -1 ends a sentence
    ends,  # IN (K,) int64
    keep,  # IN (V,) uint32
    tree,  # Tree
    w_in,  # INOUT (V, S) float32
    w_node,  # INOUT (V-1, S) float32
    lock,  # IN (V,) float32 | None
    rates,  # IN (K,) float32
    options,  # Options
    streams,  # INOUT (K, 2) uint64
    scratch,  # Scratch
    stats,  # INOUT (K, 3) float64
):
    """CBOW with hierarchical softmax: for centre o with Huffman path (node j, bit b_j), h from its contexts, maximise

    sum_j log sigma((1 - 2 b_j) h . w_node[j])          (Mikolov et al. 2013a; 2013b, eq. 3)
    """
    at = 0
    begin(w_in, w_node, scratch)
    for chunk in range(ends.size):
        lr, rng, totals = rates[chunk], streams[chunk], stats[chunk]
        while at < ends[chunk]:
            n, at = next_sentence(tokens, at, ends[chunk], keep, w_in, lock, options, rng, scratch)
            for i in range(-3 * NEXT, 0):
                prefetch_paths(i, n, tree, w_node, scratch)
            for i in range(0, n, options.group):
                meet_paths(i, n, tree, w_in, w_node, lock, lr, options, scratch, totals)
            close_sentence(n, scratch, totals)
    finish(w_in, w_node, ends, scratch)


# --- who meets whom ---------------------------------------------------------------------------------------------------


@part
def meet_contexts(i, n, group, reach, outputs, w_in, w_y, lock, lr, options, scratch, totals):
    """Skip-gram: every context row meets every output row; of a wide window C_MAX places at a time."""
    prefetch_context(i, n, group, w_in, options, scratch)
    last = min(i + group, n) - 1
    stop = min(last + reach + 1, n)
    for start in range(max(i - reach, 0), stop, C_MAX):
        count = find_contexts(start, min(start + C_MAX, stop), i, last, reach, group, lock, scratch)
        if count > 0:
            meet(outputs, count, w_in, w_y, lock, lr, options, scratch)
    for k in range(i, last + 1):
        totals[1] += window_of(k, reach, n)[1]
    count_centres(last + 1 - i, w_in, w_y, lr, scratch)


@part
def meet(outputs, count, w_in, w_y, lock, lr, options, scratch):
    """`count` context rows meet the outputs block by block, and are moved by each."""
    size, per = scratch.width, scratch.per[outputs.total]
    near, y_first = outputs.near, outputs.first
    for first in range(0, outputs.total, per):
        at, rows = outputs.at + first, min(per, outputs.total - first)
        score(w_in, scratch.x_off, scratch.x_mask, count, w_y, near, y_first, outputs.rows, at, rows, outputs.signs,
              scratch.counts, first, lr, options.clamp, options.skip, size, scratch.g, scratch.loss)  # fmt: skip
        if lock is None:  # decided at compile time, by the type
            update(w_in, scratch.x_off, count, None, w_y, near, y_first, outputs.rows, at, rows, size, scratch.g)
        else:
            update(w_in, scratch.x_off, count, scratch.x_lock, w_y, near, y_first, outputs.rows, at, rows, size,
                   scratch.g)  # fmt: skip


@part
def meet_noise(i, n, outputs, w_in, w_out, lock, lr, options, scratch, totals):
    """CBOW: the hidden vector of every centre of the group meets its own word and the noise.

    Hidden vectors stay as they are and their steps gather in `error`, so all are scored before anything is updated:
    the long chain from a dot product to its gradient hides behind those of others.
    """
    prefetch_context(i, n, options.group, w_in, options, scratch)
    count, size = gather_contexts(i, n, w_in, options, scratch), scratch.width
    noise, total = outputs.at + options.group, 1 + options.negative
    room = -(-total // PATH_MAX) * PATH_MAX
    for c in range(count):
        score_noise(c, outputs, noise, total, c * room, w_out, lr, options, scratch)
    for c in range(0, count, HIDDEN):
        update_hidden(scratch.hidden, scratch.error, c, min(HIDDEN, count - c), w_out, outputs.rows, outputs.at, noise,
                      options.negative, size, scratch.g, room)  # fmt: skip
    scatter_errors(i, count, n, w_in, lock, options, scratch)
    totals[1] += count
    count_centres(count, w_in, w_out, lr, scratch)


@part
def meet_paths(i, n, tree, w_in, w_node, lock, lr, options, scratch, totals):
    """CBOW: the hidden vectors of the group meet the nodes of their paths, one after another."""
    prefetch_context(i, n, options.group, w_in, options, scratch)
    count, size = gather_contexts(i, n, w_in, options, scratch), scratch.width
    for c in range(count):
        prefetch_paths(i + c, n, tree, w_node, scratch)
        path = path_list(i + c, tree, w_node, scratch)
        for first in range(0, path.total, PATH_MAX):
            meet_path(scratch.hidden, scratch.error, c, w_node, path.near, path.first, path.rows, path.signs, path.at + first,
                      min(PATH_MAX, path.total - first), lr, options.clamp, options.skip, size, scratch.g, first,
                      scratch.loss)  # fmt: skip
    scatter_errors(i, count, n, w_in, lock, options, scratch)
    totals[1] += count
    count_centres(count, w_in, w_node, lr, scratch)


@part
def score_noise(c, outputs, at, total, g_at, w_out, lr, options, scratch):
    """Hidden vector c of the group meets its own word, and the total - 1 noise words from place `at` on."""
    head = outputs.at + c
    for first in range(0, total, PATH_MAX):
        score_hidden(scratch.hidden, c, w_out, outputs.rows, outputs.signs, head, at + first, min(PATH_MAX, total - first), lr,
                     options.clamp, options.skip, scratch.width, scratch.g, g_at + first, scratch.loss)  # fmt: skip
        head = at + first + PATH_MAX - 1


@part
def gather_contexts(i, n, w_in, options, scratch):
    """The mean or sum of the context rows of each centre of the group; returns how many: none where a word stands alone."""
    count, reach = min(options.group, n - i) if n > 1 else 0, scratch.reach[i]
    for c in range(count):
        scratch.scale[1, c] = np.float32(1) / np.float32(window_of(i + c, reach, n)[1])
    if count > 0:
        gather(w_in, scratch.rows, i, count, reach, n, scratch.scale[options.mean], scratch.width, scratch.hidden)
    return count


@part
def scatter_errors(i, count, n, w_in, lock, options, scratch):
    """The error of each hidden vector goes back to its context rows, whole or divided by their number."""
    reach, scale, size = scratch.reach[i], scratch.scale[options.divide], scratch.width
    most = 2 * reach + 2  # so few that some row is a context of all
    for c in range(0, count, most):
        few = min(most, count - c)
        if lock is None:  # decided at compile time, by the type
            scatter(w_in, scratch.rows, i + c, few, reach, n, None, scale[c:], size, scratch.error[c:])
        else:
            scatter(w_in, scratch.rows, i + c, few, reach, n, scratch.locks, scale[c:], size, scratch.error[c:])


@part
def close_sentence(n, scratch, totals):
    """Add the sentence's loss to the float64 total."""
    for lane in range(scratch.loss.size):
        totals[0] += np.float64(scratch.loss[lane])
        scratch.loss[lane] = 0
    totals[2] += n
