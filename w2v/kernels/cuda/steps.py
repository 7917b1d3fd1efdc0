"""What one thread of a block does between two barriers: planning, sliding, and the arithmetic of a step.

Every function does the share of one thread, and touches only what no other thread touches before the next barrier; kernels.py
places the barriers. `slot` is 0 or 1: which of two plans, this group's and the next one's. The arithmetic is that of
kernels/tiles.py:

    u_cm = s_m <x_c, y_m>      loss = -sum n_cm log sigma(u_cm)      g_cm = lr n_cm s_m sigma(-u_cm)
    x_c += sum_m g_cm y_m      y_m += sum_c g_cm x_c                 right-hand sides: the values before the block
"""

from __future__ import annotations

import math

import numpy as np

from .. import M_MAX, POOL, ops
from . import QUAD, TEAM
from .port import add, device, fetch4, get, load4, put, registers, store4
from .thin import bits_at, reach_at, word_at

WARP, WARP_BITS = 32, 5
ZERO, ONE = np.float32(0), np.float32(1)
PLACE_BITS = np.uint64(POOL - 1)

alias_draw = device(ops.alias_draw)


# Loops are written with `while`: numba's `range` takes three registers where one will do, and divides where it has a step.


# --- planning: the outputs and inputs of a group, one group ahead -----------------------------------------------------------


@device
def plan_blocks(total, slot, b):
    """As few blocks of outputs as will do, as even as can be."""
    blocks = max((total + M_MAX - 1) >> 3, 1)
    put(b.ints, b.lay.total + slot, total)
    put(b.ints, b.lay.each + slot, max((total + blocks - 1) // blocks, 1))


@device
def fill_pool(alias, start, b):
    """Draw the noise words that a stretch begins with."""
    k = b.tid
    while k < POOL:
        put(b.ints, b.lay.pool + k, alias_draw(bits_at(start, k), alias))
        k += b.threads


@device
def plan_noise(i, last, slot, turn, alias, start, calm_y, options, b):
    """Outputs of the group from i: the words themselves (+1), then its noise (-1; 0 if it is one of the words).

    As cpu.noise_outputs: the oldest word of the pool is drawn anew, and the pool gone through in odd strides.
    """
    total = options.group + options.negative
    fresh = alias_draw(bits_at(start, POOL + 2 * turn), alias)  # by every thread: there is no barrier after the change below
    bits = bits_at(start, POOL + 2 * turn + 1)
    place, stride = np.int64(bits & PLACE_BITS), np.int64((bits >> ops.S32) & PLACE_BITS) | 1
    o = b.tid
    while o < total:
        at = slot * b.lay.outputs + o
        if o < options.group:
            word = word_at(min(i + o, last - 1), b)
            sign = ONE if i + o < last else ZERO
        else:
            k = (place + (o - options.group) * stride) & (POOL - 1)
            word = fresh if k == turn & (POOL - 1) else np.int64(get(b.ints, b.lay.pool + k))
            sign = -ONE
            k, k_stop = i, min(i + options.group, last)
            while k < k_stop:
                if word == word_at(k, b):
                    sign = ZERO
                k += 1
        put(b.ints, b.lay.row + at, word)
        put(b.pool, b.lay.sign + at, sign)
        put(b.pool, b.lay.calm + at, get(calm_y, word))
        o += b.threads
    if b.tid == 0:
        plan_blocks(total, slot, b)
        put(b.ints, b.lay.pool + (turn & (POOL - 1)), fresh)


@device
def plan_path(i, slot, tree, calm_y, b):
    """Outputs of centre i: the inner nodes of its Huffman path, with sign +1 for bit 0 and -1 for bit 1."""
    first = get(tree.offsets, word_at(i, b))
    total = get(tree.offsets, word_at(i, b) + 1) - first
    o = b.tid
    while o < total:
        at, node = slot * b.lay.outputs + o, np.int64(get(tree.points, first + o))
        put(b.ints, b.lay.row + at, node)
        put(b.pool, b.lay.sign + at, ONE - np.float32(2) * np.float32(get(tree.codes, first + o)))
        put(b.pool, b.lay.calm + at, get(calm_y, node))
        o += b.threads
    if b.tid == 0:
        plan_blocks(total, slot, b)


@device
def plan_contexts(i, first, last, group, slot, b):
    """Skip-gram: every position in reach is an input row. Returns the pairs that this thread has seen to."""
    low, high, pairs = last, first, 0
    k, k_stop = i, min(i + group, last)
    while k < k_stop:
        low, high = min(low, k - reach_at(k, b)), max(high, k + reach_at(k, b) + 1)
        k += 1
    low, high = max(low, first), min(high, last)
    c, c_stop = b.tid, high - low
    while c < c_stop:
        mask = 0
        k, k_stop = i, min(i + group, last)
        while k < k_stop:
            if k != low + c and abs(k - low - c) <= reach_at(k, b):
                mask |= 1 << (k - i)
                pairs += 1
            k += 1
        put(b.ints, b.lay.mask + slot * b.lay.rows + c, mask)
        c += b.threads
    if b.tid == 0:
        put(b.ints, b.lay.first + slot, low)
        put(b.ints, b.lay.count + slot, high - low)
    return pairs


@device
def contexts_of(k, first, last, b):
    """How many contexts centre k has."""
    return min(k + reach_at(k, b), last - 1) - max(k - reach_at(k, b), first)


@device
def plan_hidden(i, first, last, group, slot, b):
    """CBOW: every centre with a context has an input row. Returns the rows that this thread has seen to."""
    rows = 0
    c = b.tid
    while c < group:
        mask = 0
        if i + c < last and contexts_of(i + c, first, last, b) > 0:
            mask = 1 << c
            rows += 1
        put(b.ints, b.lay.mask + slot * b.lay.rows + c, mask)
        c += b.threads
    if b.tid == 0:
        put(b.ints, b.lay.first + slot, 0)
        put(b.ints, b.lay.count + slot, group)
    return rows


# --- the ring of context rows -----------------------------------------------------------------------------------------------


@device
def place(p, b):
    """Where the row of position p lies in the ring, in floats."""
    return (p & (b.lay.ring - 1)) * b.lay.stride


@device
def offset(row, size):
    """Where a row of a matrix starts, in floats: matrices pass 2**31 of them."""
    return np.int64(row) * np.int64(size)


@device
def release(low, high, w_in, calm_in, b):
    """Add what has changed in the rows of positions low..high-1 to the matrix, a thread for each column, as in update.

    A warp adds to 128 bytes that lie side by side; additions of 16 bytes a thread exist from sm_90 on only.
    """
    p = low
    while p < high:
        word, at = word_at(p, b), place(p, b)
        calm = get(calm_in, word)
        d = b.tid
        while d < b.lay.size:
            change = get(b.pool, b.lay.x + at + d) - get(b.pool, b.lay.start + at + d)
            if change != ZERO:
                add(w_in, offset(word, b.lay.size) + d, calm * change)
            d += b.threads
        p += 1


@device
def fetch(low, high, w_in, lock, b):
    """Read the rows of positions low..high-1 into the ring, a warp for each, 16 bytes a thread."""
    p = low + (b.tid >> WARP_BITS)
    while p < high:
        word, at = word_at(p, b), place(p, b)
        d = QUAD * (b.tid & (WARP - 1))
        while d < b.lay.size:
            x0, x1, x2, x3 = load4(w_in, offset(word, b.lay.size) + d)
            store4(b.pool, b.lay.x + at + d, x0, x1, x2, x3)
            store4(b.pool, b.lay.start + at + d, x0, x1, x2, x3)
            d += QUAD * WARP
        if b.tid & (WARP - 1) == 0:
            put(b.pool, b.lay.lock + (p & (b.lay.ring - 1)), get(lock, word))
        p += b.threads >> WARP_BITS


# --- the step ---------------------------------------------------------------------------------------------------------------


@device
def stage(o, rows, slot, w_y, b):
    """Copy output rows o..o+rows-1 to shared memory, a warp for each, 16 bytes a thread."""
    m = b.tid >> WARP_BITS
    while m < rows:
        at = offset(get(b.ints, b.lay.row + slot * b.lay.outputs + o + m), b.lay.size)
        d = QUAD * (b.tid & (WARP - 1))
        while d < b.lay.size:
            y0, y1, y2, y3 = load4(w_y, at + d)
            store4(b.pool, b.lay.y + m * b.lay.stride + d, y0, y1, y2, y3)
            d += QUAD * WARP
        m += b.threads >> WARP_BITS


@device
def multiply(inputs, head, wrap, rows, slot, b):
    """Dot products of input and output rows, in TEAM parts: a warp takes a context, a team of its threads an output."""
    item, items = b.tid, get(b.ints, b.lay.count + slot) * (M_MAX * TEAM)
    while item < items:
        lane, m, c = item & (TEAM - 1), (item >> 2) & (M_MAX - 1), item >> 5
        if m < rows and get(b.ints, b.lay.mask + slot * b.lay.rows + c) != 0:
            x_at = inputs + ((head + c) & wrap) * b.lay.stride
            y_at = b.lay.y + m * b.lay.stride
            s0, s1, s2, s3 = ZERO, ZERO, ZERO, ZERO
            d = QUAD * lane
            while d < b.lay.size:
                x0, x1, x2, x3 = fetch4(b.pool, x_at + d)
                y0, y1, y2, y3 = fetch4(b.pool, y_at + d)
                s0 += x0 * y0
                s1 += x1 * y1
                s2 += x2 * y2
                s3 += x3 * y3
                d += QUAD * TEAM
            put(b.pool, b.lay.work + item, (s0 + s1) + (s2 + s3))
        item += b.threads


@device
def multiplicity(mask, o, group, own):
    """How many centres of `mask` train output o: the first `own` outputs belong to one centre each, the others to all."""
    if o < own:
        return np.float32(mask >> o & 1)
    count = 0
    k = 0
    while k < group:
        count += mask >> k & 1
        k += 1
    return np.float32(count)


@device
def judge(o, rows, own, slot, lr, options, b):
    """From dot products to gradients, a thread each; return the loss this thread has seen."""
    loss = ZERO
    pair, pairs = b.tid, get(b.ints, b.lay.count + slot) * M_MAX
    while pair < pairs:
        m, g = pair & (M_MAX - 1), ZERO
        mask = get(b.ints, b.lay.mask + slot * b.lay.rows + (pair >> 3))
        if m < rows and mask != 0:
            s0, s1, s2, s3 = fetch4(b.pool, b.lay.work + pair * TEAM)
            sign = get(b.pool, b.lay.sign + slot * b.lay.outputs + o + m)
            n = multiplicity(mask, o + m, options.group, own) * abs(sign)
            u = sign * ((s0 + s1) + (s2 + s3))
            t = np.float32(math.exp(-abs(u)))
            rest = (t if u > ZERO else ONE) / (ONE + t)
            if abs(u) > options.clamp:
                rest = ZERO if u > ZERO else ONE
            if abs(u) > options.skip:
                rest = ZERO
            g = lr * n * sign * rest
            loss += n * (max(-u, ZERO) + np.float32(math.log1p(t)))
        put(b.pool, b.lay.g + pair, g)
        pair += b.threads
    return loss


@device
def update(inputs, shift, head, wrap, o, rows, slot, locks, w_y, b):
    """Move input and output rows, a thread for each column. Input rows move `shift` further on, CBOW's into their errors."""
    d = b.tid
    while d < b.lay.size:
        y, step = registers(), registers()
        for m in range(M_MAX):
            y[m] = get(b.pool, b.lay.y + m * b.lay.stride + d) if m < rows else ZERO
            step[m] = ZERO
        c, count = 0, get(b.ints, b.lay.count + slot)
        while c < count:
            if get(b.ints, b.lay.mask + slot * b.lay.rows + c) != 0:
                row = (head + c) & wrap
                at = inputs + row * b.lay.stride + d
                x, move = get(b.pool, at), ZERO
                for m in range(0, M_MAX, QUAD):
                    g0, g1, g2, g3 = fetch4(b.pool, b.lay.g + c * M_MAX + m)
                    move += (g0 * y[m] + g1 * y[m + 1]) + (g2 * y[m + 2] + g3 * y[m + 3])
                    step[m] += g0 * x
                    step[m + 1] += g1 * x
                    step[m + 2] += g2 * x
                    step[m + 3] += g3 * x
                free = get(b.pool, b.lay.lock + row) if locks else ONE
                put(b.pool, at + shift, get(b.pool, at + shift) + free * move)
            c += 1
        for m in range(M_MAX):
            if m < rows and step[m] != ZERO:
                at = slot * b.lay.outputs + o + m
                to = offset(get(b.ints, b.lay.row + at), b.lay.size) + d
                add(w_y, to, get(b.pool, b.lay.calm + at) * step[m])
        d += b.threads


# --- CBOW's hidden rows -------------------------------------------------------------------------------------------------------


@device
def gather(i, first, last, group, options, b):
    """hidden_k = mean or sum of the context rows of centre k, error_k = 0, for the group from i."""
    c, c_stop = 0, min(group, last - i)
    while c < c_stop:
        k = i + c
        count = contexts_of(k, first, last, b)
        scale = ONE / np.float32(count) if options.mean and count > 0 else ONE
        d = b.tid
        while d < b.lay.size:
            total = ZERO
            p, p_stop = max(k - reach_at(k, b), first), min(k + reach_at(k, b) + 1, last)
            while p < p_stop:
                if p != k:
                    total += get(b.pool, b.lay.x + place(p, b) + d)
                p += 1
            put(b.pool, b.lay.hidden + c * b.lay.stride + d, scale * total)
            put(b.pool, b.lay.error + c * b.lay.stride + d, ZERO)
            d += b.threads
        c += 1


@device
def scatter(i, first, last, group, options, b):
    """x_p += scale lock_p error_k for every context p of centre k, for the group from i."""
    c, c_stop = 0, min(group, last - i)
    while c < c_stop:
        k = i + c
        count = contexts_of(k, first, last, b)
        scale = ONE / np.float32(count) if options.divide and count > 0 else ONE
        d = b.tid
        while d < b.lay.size:
            error = scale * get(b.pool, b.lay.error + c * b.lay.stride + d)
            p, p_stop = max(k - reach_at(k, b), first), min(k + reach_at(k, b) + 1, last)
            while p < p_stop:
                if p != k:
                    lock = get(b.pool, b.lay.lock + (p & (b.lay.ring - 1)))
                    put(b.pool, b.lay.x + place(p, b) + d, get(b.pool, b.lay.x + place(p, b) + d) + lock * error)
                p += 1
            d += b.threads
        c += 1
