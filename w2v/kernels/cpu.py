"""The four training kernels on the CPU: skip-gram and CBOW, each with negative sampling and with hierarchical softmax.

Owns the walk over a chunk: subsampling, windows, noise, and which rows meet. The arithmetic of a step is in tiles.py, the meaning
of every array in kernels/__init__.py. All four walk alike and differ in two lines: what the outputs of a centre word are
(`noise_outputs`, `path_outputs`) and what its input is (`meet_contexts`, `meet_hidden`).

Outputs are chosen AHEAD centres early, so that their rows are in the cache by the time they are needed.

Threads run these kernels at once on the same matrices, without locks: a row that two threads update at the same moment may lose
one of the updates. Sparse updates make that rare and harmless (Hogwild; Niu, Recht, Re, Wright 2011). One thread is repeatable.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import ops
from .jit import helper, kernel
from .tiles import M_MAX, gather, prefetch, scatter, score, update, update_hidden

AHEAD = 2  # centres between choosing output rows and using them
RING = 4  # output lists alive at once: a power of two above AHEAD
HOT_NODES = 512  # inner nodes nearest the Huffman root stay in the cache: not worth a prefetch
WORDS, NOISE = 0, 1  # the two streams of `rng`: words kept and windows; noise words

draw, below, is_kept, alias_draw = helper(ops.draw), helper(ops.below), helper(ops.is_kept), helper(ops.alias_draw)


@kernel
def skipgram_ns(
    tokens,  # IN (T,) int32, -1 ends a sentence
    keep,  # IN (V,) uint32
    alias,  # IN (V, 2) uint32
    w_in,  # INOUT (V, S) float32
    w_out,  # INOUT (V, S) float32
    lock,  # IN (V,) float32 | None
    lr,  # float32
    options,  # Options
    rng,  # INOUT (2,) uint64
    scratch,  # Scratch
    stats,  # INOUT (3,) float64
):
    """Skip-gram with negative sampling: for centre o, each context c and noise words n ~ count**ns_exponent,

        maximise  log sigma(w_in[c] . w_out[o]) + sum_n log sigma(-w_in[c] . w_out[n])

    (Mikolov et al. 2013b, eq. 4). The noise words of a centre are shared by its contexts (Ji et al. 2016, HogBatch).
    """
    at = 0
    while at < tokens.size:
        n, at = next_sentence(tokens, at, keep, options, rng, scratch)
        for i in range(min(AHEAD, n)):
            noise_outputs(i, alias, w_out, options, rng, scratch)
        for i in range(n):
            if i + AHEAD < n:
                noise_outputs(i + AHEAD, alias, w_out, options, rng, scratch)
            meet_contexts(i, n, w_in, w_out, lock, lr, options, scratch, stats)
        close_sentence(n, scratch, stats)


@kernel
def skipgram_hs(
    tokens,  # IN (T,) int32, -1 ends a sentence
    keep,  # IN (V,) uint32
    tree,  # Tree
    w_in,  # INOUT (V, S) float32
    w_node,  # INOUT (V-1, S) float32
    lock,  # IN (V,) float32 | None
    lr,  # float32
    options,  # Options
    rng,  # INOUT (2,) uint64
    scratch,  # Scratch
    stats,  # INOUT (3,) float64
):
    """Skip-gram with hierarchical softmax: for centre o with Huffman path (node j, bit b_j), each context c,

        maximise  sum_j log sigma((1 - 2 b_j) w_in[c] . w_node[j])          (Mikolov et al. 2013b, eq. 3)
    """
    at = 0
    while at < tokens.size:
        n, at = next_sentence(tokens, at, keep, options, rng, scratch)
        for i in range(min(AHEAD, n)):
            path_outputs(i, tree, w_node, scratch)
        for i in range(n):
            if i + AHEAD < n:
                path_outputs(i + AHEAD, tree, w_node, scratch)
            meet_contexts(i, n, w_in, w_node, lock, lr, options, scratch, stats)
        close_sentence(n, scratch, stats)


@kernel
def cbow_ns(
    tokens,  # IN (T,) int32, -1 ends a sentence
    keep,  # IN (V,) uint32
    alias,  # IN (V, 2) uint32
    w_in,  # INOUT (V, S) float32
    w_out,  # INOUT (V, S) float32
    lock,  # IN (V,) float32 | None
    lr,  # float32
    options,  # Options
    rng,  # INOUT (2,) uint64
    scratch,  # Scratch
    stats,  # INOUT (3,) float64
):
    """CBOW with negative sampling: for centre o and the mean (or sum) h of its context rows,

        maximise  log sigma(h . w_out[o]) + sum_n log sigma(-h . w_out[n])          (Mikolov et al. 2013a; 2013b, eq. 4)

    The error of h goes back to every context row whole, or divided by their number: config.CbowGradient.
    """
    at = 0
    while at < tokens.size:
        n, at = next_sentence(tokens, at, keep, options, rng, scratch)
        for i in range(min(AHEAD, n)):
            noise_outputs(i, alias, w_out, options, rng, scratch)
        for i in range(n):
            if i + AHEAD < n:
                noise_outputs(i + AHEAD, alias, w_out, options, rng, scratch)
            meet_hidden(i, n, w_in, w_out, lock, lr, options, scratch, stats)
        close_sentence(n, scratch, stats)


@kernel
def cbow_hs(
    tokens,  # IN (T,) int32, -1 ends a sentence
    keep,  # IN (V,) uint32
    tree,  # Tree
    w_in,  # INOUT (V, S) float32
    w_node,  # INOUT (V-1, S) float32
    lock,  # IN (V,) float32 | None
    lr,  # float32
    options,  # Options
    rng,  # INOUT (2,) uint64
    scratch,  # Scratch
    stats,  # INOUT (3,) float64
):
    """CBOW with hierarchical softmax: for centre o with Huffman path (node j, bit b_j) and the context mean (or sum) h,

    maximise  sum_j log sigma((1 - 2 b_j) h . w_node[j])          (Mikolov et al. 2013a; 2013b, eq. 3)
    """
    at = 0
    while at < tokens.size:
        n, at = next_sentence(tokens, at, keep, options, rng, scratch)
        for i in range(min(AHEAD, n)):
            path_outputs(i, tree, w_node, scratch)
        for i in range(n):
            if i + AHEAD < n:
                path_outputs(i + AHEAD, tree, w_node, scratch)
            meet_hidden(i, n, w_in, w_node, lock, lr, options, scratch, stats)
        close_sentence(n, scratch, stats)


# --- the walk ---------------------------------------------------------------------------------------------------------


@helper
def next_sentence(tokens, at, keep, options, rng, scratch):
    """Subsample the sentence that starts at `at` into scratch.words, with a window for each word; return length and end."""
    n = 0
    while at < tokens.size:
        word = np.int64(tokens[at])
        at += 1
        if word < 0:
            break
        bits = draw(rng, WORDS)
        if is_kept(bits, keep[word]):
            scratch.words[n] = word
            # each draw has two independent halves: the low one keeps or drops, the high one makes the window
            scratch.reach[n] = options.window - below(bits, options.window) if options.shrink else options.window
            n += 1
    return n, at


@helper
def noise_outputs(i, alias, w_out, options, rng, scratch):
    """Outputs of centre i: the word itself (sign +1) and `negative` noise words (-1, or 0 where noise is the word itself)."""
    word = np.int64(scratch.words[i])
    stride = w_out.shape[1]
    total = options.negative + 1
    slot = i & (RING - 1)
    scratch.total[slot] = total
    at, m = slot * scratch.blocks * M_MAX, 0
    for k in range(total):
        other, sign = word, np.float32(1)
        if k > 0:
            other = alias_draw(draw(rng, NOISE), alias)
            sign = np.float32(-1) if other != word else np.float32(0)
        prefetch(w_out, other * stride, stride)
        at, m = put_output(at, m, scratch.per[total], other * stride, sign, scratch)


@helper
def path_outputs(i, tree, w_node, scratch):
    """Outputs of centre i: the inner nodes of its Huffman path, with sign +1 for bit 0 and -1 for bit 1."""
    word = np.int64(scratch.words[i])
    stride = w_node.shape[1]
    first = tree.offsets[word]
    total = tree.offsets[word + 1] - first
    slot = i & (RING - 1)
    scratch.total[slot] = total
    at, m = slot * scratch.blocks * M_MAX, 0
    for k in range(total):
        node = np.int64(tree.points[first + k])
        sign = np.float32(1) - np.float32(2) * np.float32(tree.codes[first + k])
        if node < w_node.shape[0] - HOT_NODES:
            prefetch(w_node, node * stride, stride)
        at, m = put_output(at, m, scratch.per[total], node * stride, sign, scratch)


@helper
def put_output(at, m, per, offset, sign, scratch):
    """Write output m of the block at `at`, sign for both contexts of a tile; return the place of the next output."""
    scratch.y_off[at + m] = offset
    scratch.sign[2 * at + m] = sign
    scratch.sign[2 * at + M_MAX + m] = sign
    if m + 1 < per:
        return at, m + 1
    return at + M_MAX, 0


@helper
def find_contexts(i, n, w_in, lock, scratch):
    """Collect the rows (and locks) of the words around centre i, its own position left out; return their number."""
    reach, stride = scratch.reach[i], w_in.shape[1]
    count = 0
    for j in range(max(i - reach, 0), min(i + reach + 1, n)):
        if j != i:
            word = np.int64(scratch.words[j])
            scratch.x_off[count] = word * stride
            if lock is not None:
                scratch.x_lock[count] = lock[word]
            count += 1
    return count


@helper
def meet_contexts(i, n, w_in, w_y, lock, lr, options, scratch, stats):
    """Skip-gram: every context row meets every output row, block by block."""
    if i + AHEAD + options.window < n:
        prefetch(w_in, np.int64(scratch.words[i + AHEAD + options.window]) * w_in.shape[1], w_in.shape[1])
    count = find_contexts(i, n, w_in, lock, scratch)
    slot = i & (RING - 1)
    total = scratch.total[slot]
    if count == 0 or total == 0:
        return
    stats[1] += count
    x_lock = None if lock is None else scratch.x_lock
    per, size = scratch.per[total], w_in.shape[1]
    at = slot * scratch.blocks * M_MAX
    for first in range(0, total, per):
        rows = min(per, total - first)
        score(w_in, scratch.x_off, count, w_y, scratch.y_off, at, rows, scratch.sign, lr, options.clamp,
              options.skip, size, scratch.g, scratch.loss)  # fmt: skip
        update(w_in, scratch.x_off, count, x_lock, w_y, scratch.y_off, at, rows, size, scratch.g)
        at += M_MAX


@helper
def meet_hidden(i, n, w_in, w_y, lock, lr, options, scratch, stats):
    """CBOW: the mean or sum of the context rows meets every output row; its error goes back to the context rows."""
    if i + AHEAD + options.window < n:
        prefetch(w_in, np.int64(scratch.words[i + AHEAD + options.window]) * w_in.shape[1], w_in.shape[1])
    count = find_contexts(i, n, w_in, lock, scratch)
    slot = i & (RING - 1)
    total = scratch.total[slot]
    if count == 0 or total == 0:
        return
    stats[1] += 1
    x_lock = None if lock is None else scratch.x_lock
    share = np.float32(1) / np.float32(count)
    per, size = scratch.per[total], w_in.shape[1]
    gather(w_in, scratch.x_off, count, share if options.mean else np.float32(1), size, scratch.hidden, scratch.error)
    at = slot * scratch.blocks * M_MAX
    for first in range(0, total, per):
        rows = min(per, total - first)
        score(scratch.hidden, scratch.zero, 1, w_y, scratch.y_off, at, rows, scratch.sign, lr, options.clamp,
              options.skip, size, scratch.g, scratch.loss)  # fmt: skip
        update_hidden(scratch.hidden, scratch.error, w_y, scratch.y_off, at, rows, size, scratch.g)
        at += M_MAX
    scatter(w_in, scratch.x_off, count, x_lock, share if options.divide else np.float32(1), size, scratch.error)


@helper
def close_sentence(n, scratch, stats):
    """Add the sentence's loss to the float64 totals: half the linear part, the product's log, log 2 for each exponent."""
    loss, lanes = scratch.loss, scratch.loss.size // 3
    exponents = loss.view(np.int32)
    logs, twos = 0.0, 0.0
    for lane in range(lanes):
        logs += 0.5 * np.float64(loss[lane]) + np.log(np.float64(loss[lanes + lane]))
        twos += np.float64(exponents[2 * lanes + lane])
        loss[lane], loss[lanes + lane], exponents[2 * lanes + lane] = 0, 1, 0
    stats[0] += logs + twos * np.log(2.0)
    stats[2] += n
