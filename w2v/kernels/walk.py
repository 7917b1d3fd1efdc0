"""The walk of the CPU's kernels over a chunk: subsampling, windows, noise, and which rows are needed next.

Owns the choice of words and the asking for their rows ahead of time; what becomes of rows that meet is in cpu.py and below.
"""

from __future__ import annotations

import numpy as np

from . import POOL, RING, ROW_ALIGN, Outputs, ops
from .jit import helper, part
from .own import offset_of
from .tiles import ask_for, ask_for_row

AHEAD = 2  # groups between choosing output rows and using them: below RING
NEXT = 2  # centres between asking for the rows of a path and using them
HOT_NODES = 512  # inner nodes nearest the Huffman root stay in the cache: not worth a prefetch
SOON = 8  # tokens between asking for the share kept of a word and using it
PLACE_BITS = np.uint64(POOL - 1)
WORDS, NOISE = 0, 1  # the two streams of `rng`: words kept and windows; noise words

draw, below, is_kept, alias_draw = helper(ops.draw), helper(ops.below), helper(ops.is_kept), helper(ops.alias_draw)


@part
def next_sentence(tokens, at, end, keep, w_in, lock, options, rng, scratch):
    """Subsample the sentence at `at`, of a chunk up to `end`, into scratch.words, each with a window, its row and lock; return
    its length and where it ends.
    """
    n, stride = 0, w_in.shape[1]
    while at < end:
        word = np.int64(tokens[at])
        at += 1
        if word < 0:
            break
        if at + SOON < tokens.size:  # the rows of the last step have driven `keep` out of the nearer caches
            ask_for(keep, np.int64(tokens[at + SOON]))
        # a draw has two independent halves: the low one keeps or drops, the high one makes the window
        bits = draw(rng, WORDS)
        scratch.words[n] = word
        scratch.rows[n] = offset_of(word, stride, scratch.own_in)
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
def fill_pool(alias, rng, scratch):
    """Draw the pool of noise words that a chunk begins with."""
    for k in range(POOL):
        scratch.pool[k] = alias_draw(draw(rng, NOISE), alias)
    scratch.turn[0] = 0


@helper
def ask_for_noise(alias, rng):
    """Ask for the place in the table of the next noise word: its draw is looked at, and put back."""
    ask_for(alias, below(draw(rng, NOISE), alias.shape[0]) * 2)
    rng[NOISE] -= ops.GOLDEN


@helper
def noise_outputs(i, n, alias, w_out, options, rng, scratch):
    """Outputs of the group of centres from i: the words themselves (+1), then its noise (-1; 0 if it is one of the words)."""
    group, stride = options.group, w_out.shape[1]
    at, seen = ring_slot(i, group) * scratch.room, 0
    for k in range(group):
        word = np.int64(scratch.words[min(i + k, n - 1)])
        seen |= 1 << (word & 63)
        row = offset_of(word, stride, scratch.own_y)
        ask_for_row(w_out, row, stride)
        scratch.y_row[at + k] = row
        scratch.sign[at + k] = np.float32(i + k < n)
    fresh = alias_draw(draw(rng, NOISE), alias)
    scratch.pool[scratch.turn[0] & (POOL - 1)] = fresh  # the oldest makes room
    scratch.turn[0] += 1
    ask_for_row(w_out, offset_of(fresh, stride, scratch.own_y), stride)
    bits = draw(rng, NOISE)
    ask_for_noise(alias, rng)
    place, step = np.int64(bits & PLACE_BITS), np.int64((bits >> ops.S32) & PLACE_BITS) | 1  # odd: no place comes twice
    for k in range(at + group, at + group + options.negative):
        word, clash = scratch.pool[place & (POOL - 1)], False
        place += step
        if (seen >> (word & 63)) & 1:  # few others have the same last bits
            for j in range(i, min(i + group, n)):
                clash |= word == scratch.words[j]
        scratch.y_row[k] = offset_of(word, stride, scratch.own_y)
        scratch.sign[k] = np.float32(0) if clash else np.float32(-1)


@helper
def noise_list(i, options, scratch):
    """What `noise_outputs` has chosen for the group of centres from i."""
    at = ring_slot(i, options.group) * scratch.room
    return Outputs(scratch.y_row, scratch.sign, at, options.group + options.negative, None, 0)


@helper
def path_list(i, tree, w_node, scratch):
    """Outputs of centre i: the inner nodes of its Huffman path, as they stand in the tree."""
    word = np.int64(scratch.words[i])
    at, nodes = tree.offsets[word], tree.offsets[word + 1] - tree.offsets[word]
    return Outputs(tree.points, tree.codes, at, nodes, scratch.near, scratch.own_y.first)


@helper
def prefetch_paths(i, n, tree, w_node, scratch):
    """Ask for the rows of the path NEXT centres from i; well before that for the path itself, and where it stands."""
    stride = w_node.shape[1]
    if i + 3 * NEXT < n:
        ask_for(tree.offsets, np.int64(scratch.words[i + 3 * NEXT]))
    if 0 <= i + 2 * NEXT < n:
        first = tree.offsets[np.int64(scratch.words[i + 2 * NEXT])]
        ask_for(tree.points, first)
        ask_for(tree.points, first + ROW_ALIGN)
        ask_for(tree.codes, first)
    if 0 <= i + NEXT < n:
        word = np.int64(scratch.words[i + NEXT])
        for k in range(tree.offsets[word + 1] - 1, tree.offsets[word] - 1, -1):  # from the leaf towards the root
            node = np.int64(tree.points[k])
            if node >= w_node.shape[0] - HOT_NODES:
                break
            ask_for_row(w_node, offset_of(node, stride, scratch.own_y), stride)


@helper
def window_of(k, reach, n):
    """Where the window of centre k begins, and how many contexts are in it; k itself stands among them, uncounted."""
    first = max(k - reach, 0)
    return first, min(k + reach, n - 1) - first


@helper
def find_contexts(start, stop, i, last, reach, group, lock, scratch):
    """Collect the rows at places start .. stop-1 around centres i .. last, each with its mask of the centres that it is a
    context of; return their number.
    """
    count = 0
    for j in range(start, stop):
        scratch.x_off[count] = scratch.rows[j]
        if lock is not None:
            scratch.x_lock[count] = scratch.locks[j]
        if group == 1:  # no mask: x_mask is 1 from the start
            count += np.int64(j != i)
        else:  # bits low .. high, and not its own
            low, high, own = max(j - reach, i) - i, min(j + reach, last) - i, np.int64((i <= j) & (j <= last))
            mask = (2 << high) - (1 << low) - (own << (max(j, i) - i))
            scratch.x_mask[count] = mask
            count += np.int64(mask != 0)
    return count


@helper
def prefetch_context(i, n, group, w_in, options, scratch):
    """Ask for the input rows that come into reach AHEAD groups from now."""
    j = i + AHEAD * group + options.window
    for k in range(j, min(j + group, n)):
        ask_for_row(w_in, scratch.rows[k], w_in.shape[1])
