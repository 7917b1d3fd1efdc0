"""Before a block trains a stretch: the random draws, and what subsampling leaves of the text.

Every function does the share of one thread, and touches only what no other thread touches before the next barrier; kernels.py
places the barriers. The results lie in `b.line`: the words that are kept, the window of each, and where sentences end.
"""

from __future__ import annotations

import numpy as np

from .. import ops
from .port import device, get, put, wrapping

below, is_kept = device(ops.below), device(ops.is_kept)


# --- random numbers -----------------------------------------------------------------------------------------------------


@device
def bits_at(start, index):
    """Draw number `index` of the stream that starts at `start`: ops.draw, which counts, without the counting."""
    z = wrapping(np.uint64(start)) + wrapping(ops.GOLDEN) * np.uint64(index + 1)
    z = (z ^ (z >> ops.S30)) * ops.MIX_1
    z = (z ^ (z >> ops.S27)) * ops.MIX_2
    return z ^ (z >> ops.S31)


# --- the thinned stretch ----------------------------------------------------------------------------------------------------


@device
def word_at(p, b):
    """The word at position p."""
    return np.int64(get(b.line, p))


@device
def reach_at(p, b):
    """Its window."""
    return np.int64(get(b.line, b.lay.longest + p))


@device
def end_of(sentence, b):
    """The position after the last word of a sentence."""
    return np.int64(get(b.line, 2 * b.lay.longest + sentence))


# --- thinning out ---------------------------------------------------------------------------------------------------------
# Each thread has a run of consecutive tokens. Draws are numbered by the words of the stretch, sentence ends left out.


@device
def count_ends(tokens, low, high):
    """How many sentences end among tokens[low:high]."""
    ends = 0
    t = low
    while t < high:
        ends += 1 if get(tokens, t) < 0 else 0
        t += 1
    return ends


@device
def sum_before(tid, at, b):
    """The sum of what the threads before this one have counted."""
    total = 0
    other = 0
    while other < tid:
        total += get(b.ints, at + other)
        other += 1
    return total


@device
def count_kept(tokens, low, high, draw, keep, start):
    """How many of tokens[low:high] are kept; `draw` is the number of the first one's draw."""
    kept = 0
    t = low
    while t < high:
        word = get(tokens, t)
        if word >= 0:
            kept += 1 if is_kept(bits_at(start, draw), get(keep, word)) else 0
            draw += 1
        t += 1
    return kept


@device
def write_words(tokens, low, high, draw, keep, start, options, kept, ended, b):
    """Write what is kept of tokens[low:high], from place `kept` on, with a window for each; return the words so far."""
    t = low
    while t < high:
        word = get(tokens, t)
        if word < 0:
            put(b.line, 2 * b.lay.longest + ended, kept)
            ended += 1
        else:
            bits = bits_at(start, draw)
            draw += 1
            if is_kept(bits, get(keep, word)):
                put(b.line, kept, word)
                # a draw has two independent halves: the low one keeps or drops, the high one makes the window
                put(b.line, b.lay.longest + kept, options.window - options.shrink * below(bits, options.window))
                kept += 1
        t += 1
    return kept
