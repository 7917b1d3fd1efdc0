"""The four training kernels on the CPU: skip-gram and CBOW, each with negative sampling and with hierarchical softmax.

Owns the walk over a chunk: subsampling, windows, noise, and which rows meet. The arithmetic of a step is in tiles.py,
the meaning of every array in kernels/__init__.py. All four walk alike and differ in two lines: what the outputs of a
centre word are (`noise_outputs`, `path_outputs`) and what its input is (`meet_contexts`, `meet_hidden`).

With negative sampling, `options.group` consecutive centres share one set of noise words and make one step together: a context
of several of them meets each noise row once, with the multiplicity as weight. Noise words come from a pool of the POOL latest
draws, one of which is renewed for each group: every use of a noise word is still distributed as count ** ns_exponent, but its
row is at hand from the use before. Hierarchical softmax takes centres one by one and has no noise.
Outputs are chosen AHEAD groups early, so that their rows are in the cache by the time they are needed.

Threads run these kernels at once on the same matrices, without locks: a row that two threads update at the same moment may lose
one of the updates. Sparse updates make that rare and harmless (Hogwild; Niu, Recht, Re, Wright 2011). One thread is repeatable.
"""

from __future__ import annotations

import numpy as np

from . import C_MAX, M_MAX, POOL, RING, ops
from .jit import helper, kernel
from .tiles import gather, prefetch, scatter, score, update, update_one

AHEAD = 2  # groups between choosing output rows and using them: below RING
HOT_NODES = 512  # inner nodes nearest the Huffman root stay in the cache: not worth a prefetch
PLACE_BITS = np.uint64(POOL - 1)
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

    (Mikolov et al. 2013b, eq. 4). All contexts of a centre share its noise words (Ji et al. 2016, arXiv:1604.04661).
    """
    at = 0
    fill_pool(alias, rng, scratch)
    while at < tokens.size:
        n, at = next_sentence(tokens, at, keep, w_in, lock, options, rng, scratch)
        for i in range(0, min(AHEAD * options.group, n), options.group):
            noise_outputs(i, n, alias, w_out, options, rng, scratch)
        for i in range(0, n, options.group):
            if i + AHEAD * options.group < n:
                noise_outputs(i + AHEAD * options.group, n, alias, w_out, options, rng, scratch)
            meet_contexts(i, n, options.group, w_in, w_out, lock, lr, options, scratch, stats)
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
    """Skip-gram with hierarchical softmax: for centre o with Huffman path (node j, bit b_j) and each context c, maximise

    sum_j log sigma((1 - 2 b_j) w_in[c] . w_node[j])          (Mikolov et al. 2013b, eq. 3)
    """
    at = 0
    while at < tokens.size:
        n, at = next_sentence(tokens, at, keep, w_in, lock, options, rng, scratch)
        for i in range(min(AHEAD, n)):
            path_outputs(i, tree, w_node, scratch)
        for i in range(n):
            if i + AHEAD < n:
                path_outputs(i + AHEAD, tree, w_node, scratch)
            meet_contexts(i, n, 1, w_in, w_node, lock, lr, options, scratch, stats)
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
    fill_pool(alias, rng, scratch)
    while at < tokens.size:
        n, at = next_sentence(tokens, at, keep, w_in, lock, options, rng, scratch)
        for i in range(0, min(AHEAD * options.group, n), options.group):
            noise_outputs(i, n, alias, w_out, options, rng, scratch)
        for i in range(0, n, options.group):
            if i + AHEAD * options.group < n:
                noise_outputs(i + AHEAD * options.group, n, alias, w_out, options, rng, scratch)
            meet_hidden(i, n, options.group, w_in, w_out, lock, lr, options, scratch, stats)
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
    """CBOW with hierarchical softmax: for centre o with Huffman path (node j, bit b_j), h from its contexts, maximise

    sum_j log sigma((1 - 2 b_j) h . w_node[j])          (Mikolov et al. 2013a; 2013b, eq. 3)
    """
    at = 0
    while at < tokens.size:
        n, at = next_sentence(tokens, at, keep, w_in, lock, options, rng, scratch)
        for i in range(min(AHEAD, n)):
            path_outputs(i, tree, w_node, scratch)
        for i in range(n):
            if i + AHEAD < n:
                path_outputs(i + AHEAD, tree, w_node, scratch)
            meet_hidden(i, n, 1, w_in, w_node, lock, lr, options, scratch, stats)
        close_sentence(n, scratch, stats)


# --- the walk ---------------------------------------------------------------------------------------------------------


@helper
def next_sentence(tokens, at, keep, w_in, lock, options, rng, scratch):
    """Subsample the sentence at `at` into scratch.words, each with its window, row and lock; return length and end."""
    n, stride = 0, w_in.shape[1]
    while at < tokens.size:
        word = np.int64(tokens[at])
        at += 1
        if word < 0:
            break
        # a draw has two independent halves: the low one keeps or drops, the high one makes the window
        bits = draw(rng, WORDS)
        scratch.words[n] = word
        scratch.rows[n] = word * stride
        scratch.reach[n] = options.window - options.shrink * below(bits, options.window)
        if lock is not None:
            scratch.locks[n] = lock[word]
        n += np.int64(is_kept(bits, keep[word]))  # no branch: it would be mispredicted
    return n, at


@helper
def ring_slot(i, group):
    """The place in the ring for the outputs of the group that starts at centre i."""
    return (i // group) & (RING - 1)


@helper
def put_output(at, m, per, offset, sign, scratch):
    """Write output m of the block at `at`, its sign for both contexts of a tile; return the place of the next output."""
    scratch.y_off[at + m] = offset
    scratch.sign[2 * at + m] = sign
    scratch.sign[2 * at + M_MAX + m] = sign
    if m + 1 < per:
        return at, m + 1
    return at + M_MAX, 0


@helper
def fill_pool(alias, rng, scratch):
    """Draw the pool of noise words that a chunk begins with."""
    for k in range(POOL):
        scratch.pool[k] = alias_draw(draw(rng, NOISE), alias)
    scratch.turn[0] = 0


@helper
def noise_outputs(i, n, alias, w_out, options, rng, scratch):
    """Outputs of the group of centres from i: the words themselves (+1), then its noise (-1; 0 if it is one of the words)."""
    group, stride = options.group, w_out.shape[1]
    slot, total = ring_slot(i, group), group + options.negative
    scratch.total[slot] = total
    at, m, per = slot * scratch.blocks * M_MAX, 0, scratch.per[total]
    for k in range(i, i + group):
        word = np.int64(scratch.words[min(k, n - 1)])
        prefetch(w_out, word * stride, stride)
        at, m = put_output(at, m, per, word * stride, np.float32(1) if k < n else np.float32(0), scratch)
    fresh = alias_draw(draw(rng, NOISE), alias)
    scratch.pool[scratch.turn[0] & (POOL - 1)] = fresh  # the oldest makes room
    scratch.turn[0] += 1
    prefetch(w_out, fresh * stride, stride)
    bits = draw(rng, NOISE)
    place, step = np.int64(bits & PLACE_BITS), np.int64((bits >> ops.S32) & PLACE_BITS) | 1  # odd: no place comes twice
    for _ in range(options.negative):
        word, clash = scratch.pool[place & (POOL - 1)], False
        place += step
        for k in range(i, min(i + group, n)):
            clash |= word == scratch.words[k]
        sign = np.float32(0) if clash else np.float32(-1)
        at, m = put_output(at, m, per, word * stride, sign, scratch)


@helper
def path_outputs(i, tree, w_node, scratch):
    """Outputs of centre i: the inner nodes of its Huffman path, with sign +1 for bit 0 and -1 for bit 1."""
    word, stride = np.int64(scratch.words[i]), w_node.shape[1]
    first = tree.offsets[word]
    slot, total = ring_slot(i, 1), tree.offsets[word + 1] - first
    scratch.total[slot] = total
    at, m, per = slot * scratch.blocks * M_MAX, 0, scratch.per[total]
    for k in range(first, first + total):
        node = np.int64(tree.points[k])
        if node < w_node.shape[0] - HOT_NODES:
            prefetch(w_node, node * stride, stride)
        sign = np.float32(1) - np.float32(2) * np.float32(tree.codes[k])
        at, m = put_output(at, m, per, node * stride, sign, scratch)


@helper
def reach_of_group(i, group, n, scratch):
    """The places that centres i .. i+group-1 reach: from the first to before the second."""
    start, stop = n, 0
    for k in range(i, min(i + group, n)):
        start, stop = min(start, k - scratch.reach[k]), max(stop, k + scratch.reach[k] + 1)
    return max(start, 0), min(stop, n)


@helper
def find_contexts(start, stop, i, group, n, lock, scratch):
    """Collect the rows at places start .. stop-1 around centres i .. i+group-1, each with its mask of the centres that it is a
    context of.

    Returns their number, and the number of (centre, context) pairs.
    """
    count, pairs = 0, 0
    for j in range(start, stop):
        mask = 0
        for k in range(i, min(i + group, n)):
            met = np.int64((j != k) & (abs(j - k) <= scratch.reach[k]))
            mask |= met << (k - i)
            pairs += met
        scratch.x_off[count] = scratch.rows[j]
        scratch.x_mask[count] = mask
        if lock is not None:
            scratch.x_lock[count] = scratch.locks[j]
        count += np.int64(mask != 0)
    return count, pairs


@helper
def prefetch_context(i, n, group, w_in, options, scratch):
    """Ask for the input rows that come into reach AHEAD groups from now."""
    j = i + AHEAD * group + options.window
    for k in range(j, min(j + group, n)):
        prefetch(w_in, scratch.rows[k], w_in.shape[1])


@helper
def meet_contexts(i, n, group, w_in, w_y, lock, lr, options, scratch, stats):
    """Skip-gram: every context row meets every output row, block by block; of a wide window C_MAX places at a time."""
    prefetch_context(i, n, group, w_in, options, scratch)
    first, last = reach_of_group(i, group, n, scratch)
    for start in range(first, last, C_MAX):
        count, pairs = find_contexts(start, min(start + C_MAX, last), i, group, n, lock, scratch)
        if count == 0:
            continue
        stats[1] += pairs
        if lock is None:  # decided at compile time, by the type
            meet(i, group, w_in, None, count, None, w_y, lr, options, scratch)
        else:
            meet(i, group, w_in, None, count, scratch.x_lock, w_y, lr, options, scratch)


@helper
def meet_hidden(i, n, group, w_in, w_y, lock, lr, options, scratch, stats):
    """CBOW: the mean or sum of each centre's context rows meets every output row; its error goes back to the context rows."""
    prefetch_context(i, n, group, w_in, options, scratch)
    size, hidden = w_in.shape[1], 0
    for k in range(i, min(i + group, n)):
        first = max(k - scratch.reach[k], 0)
        count = min(k + scratch.reach[k], n - 1) - first
        if count > 0:
            scale = np.float32(1) / np.float32(count) if options.mean else np.float32(1)
            gather(w_in, scratch.rows, first, k - first, count, scale, size, scratch.hidden, scratch.error, hidden * size)
            scratch.x_off[hidden], scratch.x_mask[hidden] = hidden * size, 1 << (k - i)
            hidden += 1
    if hidden == 0:
        return
    stats[1] += hidden
    meet(i, group, scratch.hidden, scratch.error, hidden, None, w_y, lr, options, scratch)
    hidden = 0
    for k in range(i, min(i + group, n)):
        first = max(k - scratch.reach[k], 0)
        count = min(k + scratch.reach[k], n - 1) - first
        if count > 0:
            scale = np.float32(1) / np.float32(count) if options.divide else np.float32(1)
            if lock is None:
                scatter(w_in, scratch.rows, first, k - first, count, None, scale, size, scratch.error, hidden * size)
            else:
                scatter(w_in, scratch.rows, first, k - first, count, scratch.locks, scale, size, scratch.error, hidden * size)
            hidden += 1


@helper
def meet(i, group, w_x, w_to, count, x_lock, w_y, lr, options, scratch):
    """`count` input rows meet the outputs of the group from i.

    Contexts (w_to is None) are moved block by block. Hidden vectors stay as they are and their steps gather in w_to, so all
    blocks are scored first: the latency of one hides behind the next.
    """
    slot, size = ring_slot(i, group), w_y.shape[1]
    total = scratch.total[slot]
    per, at, column, g_at = scratch.per[total], slot * scratch.blocks * M_MAX, 0, 0
    g_step = 0 if w_to is None else (count + 1) * M_MAX
    for first in range(0, total, per):
        rows = min(per, total - first)
        score(w_x, scratch.x_off, scratch.x_mask, count, w_y, scratch.y_off, at + column, rows, scratch.sign, scratch.counts,
              column, lr, options.clamp, options.skip, size, scratch.g, g_at, scratch.loss)  # fmt: skip
        if w_to is None:
            update(w_x, None, scratch.x_off, count, x_lock, w_y, scratch.y_off, at + column, rows, size, scratch.g, 0)
        column += M_MAX
        g_at += g_step
    if w_to is not None:
        update_hidden(count, w_x, w_to, w_y, at, total, per, size, g_step, scratch)


@helper
def update_hidden(count, w_x, w_to, w_y, at, total, per, size, g_step, scratch):
    """The second half of a step of `count` hidden vectors: all blocks are updated."""
    g_at = 0
    for first in range(0, total, per):
        rows = min(per, total - first)
        if count == 1:
            update_one(w_x, w_to, scratch.x_off[0], w_y, scratch.y_off, at, rows, size, scratch.g, g_at)
        else:
            update(w_x, w_to, scratch.x_off, count, None, w_y, scratch.y_off, at, rows, size, scratch.g, g_at)
        at += M_MAX
        g_at += g_step


@helper
def close_sentence(n, scratch, stats):
    """Add the sentence's loss to the float64 total."""
    for lane in range(scratch.loss.size):
        stats[0] += np.float64(scratch.loss[lane])
        scratch.loss[lane] = 0
    stats[2] += n
