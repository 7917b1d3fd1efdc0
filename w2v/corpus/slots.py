# mypy: ignore-errors
# (compiled code: numba infers these types, annotations would only repeat the comments)
"""The hash table of word types, compiled. Owns its layout and everything that touches it; what a word is, tokenize.py
says.

A word of up to 15 bytes is two machine words and *is* its own key, so that most look-ups are two loads and two
compares in half a cache line. Equal means equal byte for byte; nothing rests on a hash value being unique.

    slots   (S, 4) uint64, S a power of two, one row for each type, open addressing, linear probing:
            [LO]    bytes 0-7 of the word            long words: a hash of all bytes
            [HI]    length << 56 | bytes 8-14        long words: 0xFF << 56 | position in the arena; 0: the row is free
            [COUNT]
            [ID]    provisional id, and INVALID where the word is not UTF-8
    arena   (A,) uint8: each long word as its length (4 bytes) and its bytes
    state   (STATE_SIZE,) int64: TYPES used of LIMIT, bytes of the ARENA used; the rest is tokenize.py's
"""

from __future__ import annotations

import numpy as np

from ..kernels.jit import helper, kernel
from .lowlevel import load64, lowest_bit

PAD = 80  # bytes that may be read, and are ignored, behind the end of any text
TYPES, LIMIT, ARENA = range(3)

SHORT = 15  # bytes of a word that is its own key
LO, HI, COUNT, ID = range(4)
U = np.uint64
ONE, SHIFT56, SHIFT32, LONG_TAG, INVALID = U(1), U(56), U(32), U(0xFF << 56), U(1 << 32)
LOW56, LOW32 = U((1 << 56) - 1), U((1 << 32) - 1)
PRIME_1, PRIME_2 = U(0x9E3779B97F4A7C15), U(0xD6E8FEB86659FD93)
FIRST = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)  # masks of the first n bytes
SHORT_LO = np.array([(1 << 8 * min(n, 8)) - 1 for n in range(SHORT + 2)], np.uint64)
SHORT_HI = np.array([(1 << 8 * min(max(n - 8, 0), 7)) - 1 for n in range(SHORT + 2)], np.uint64)


@helper
def arena_length(arena, at):
    """Bytes of the long word at `at`."""
    return np.int64(load64(arena, at) & LOW32)


@helper
def mix(lo, hi):
    """64 well mixed bits of two words; the highest are the best."""
    h = (lo ^ (hi * PRIME_2)) * PRIME_1
    return h ^ (h >> SHIFT32)


@helper
def home(lo, hi, slots):
    """The row where the search for a key begins: the highest bits of its hash."""
    return mix(lo, min(hi, LONG_TAG)) >> (U(64) - lowest_bit(U(slots.shape[0])))


@helper
def long_key(buf, start, length):
    """A hash of all bytes of a word."""
    h = U(length) * PRIME_2
    for i in range(0, length - 7, 8):
        h = mix(h, load64(buf, start + i))
    rest = length & 7
    return mix(h, load64(buf, start + length - rest) & FIRST[rest])


@helper
def same_bytes(a, at, b, bt, length):
    """Whether two stretches of bytes are equal."""
    for i in range(0, length - 7, 8):
        if load64(a, at + i) != load64(b, bt + i):
            return False
    rest = length & 7
    return ((load64(a, at + length - rest) ^ load64(b, bt + length - rest)) & FIRST[rest]) == 0


@helper
def find_short(lo, hi, row, slots):
    """The row of a word of up to SHORT bytes, or the free row where it belongs; the search begins at `row`."""
    mask = U(slots.shape[0] - 1)
    while slots[row, HI] != 0 and (slots[row, LO] != lo or slots[row, HI] != hi):
        row = (row + ONE) & mask
    return row


@helper
def find_long(buf, start, length, slots, arena):
    """The row of a longer word, or the free row where it belongs."""
    lo = long_key(buf, start, length)
    row, mask = home(lo, LONG_TAG, slots), U(slots.shape[0] - 1)
    while slots[row, HI] != 0:
        if slots[row, LO] == lo and slots[row, HI] >= LONG_TAG:
            at = np.int64(slots[row, HI] & LOW56)
            if arena_length(arena, at) == length and same_bytes(buf, start, arena, at + 4, length):
                return row
        row = (row + ONE) & mask
    return row


@helper
def find(buf, start, length, slots, arena):
    """The row of a word, or the free row where it belongs."""
    if length > SHORT:
        return find_long(buf, start, length, slots, arena)
    lo = load64(buf, start) & SHORT_LO[length]
    hi = load64(buf, start + 8) & SHORT_HI[length] | U(length) << SHIFT56
    return find_short(lo, hi, home(lo, hi, slots), slots)


@helper
def is_utf8(buf, i, end):
    """Whether the bytes are UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF)."""
    while i < end:
        b = buf[i]
        if b < 0x80:
            i += 1
            continue
        more = 1 if 0xC2 <= b < 0xE0 else 2 if 0xE0 <= b < 0xF0 else 3 if 0xF0 <= b < 0xF5 else 0
        if more == 0 or i + more >= end:
            return False
        second = buf[i + 1]
        lowest = 0xA0 if b == 0xE0 else 0x90 if b == 0xF0 else 0x80
        highest = 0x9F if b == 0xED else 0x8F if b == 0xF4 else 0xBF
        if second < lowest or second > highest:
            return False
        for k in range(2, more + 1):
            if buf[i + k] & 0xC0 != 0x80:
                return False
        i += more + 1
    return True


@helper
def admit(buf, start, length, row, slots, arena, state):
    """Enter a new word with count 0 in the free row `row`; False when the table or the arena is full."""
    if state[TYPES] >= state[LIMIT] or (length > SHORT and state[ARENA] + 4 + length + PAD > arena.size):
        return False
    if length > SHORT:
        at = state[ARENA]
        for k in range(4):
            arena[at + k] = length >> 8 * k & 255
        for k in range(length):
            arena[at + 4 + k] = buf[start + k]
        slots[row, LO], slots[row, HI] = long_key(buf, start, length), LONG_TAG | U(at)
        state[ARENA] = at + 4 + length
    else:
        slots[row, LO] = load64(buf, start) & SHORT_LO[length]
        slots[row, HI] = load64(buf, start + 8) & SHORT_HI[length] | U(length) << SHIFT56
    slots[row, COUNT] = 0
    slots[row, ID] = U(state[TYPES]) if is_utf8(buf, start, start + length) else U(state[TYPES]) | INVALID
    state[TYPES] += 1
    return True


@kernel
def add_words(
    blob,  # IN (>= offsets[-1] + PAD,) uint8
    offsets,  # IN (n + 1,) int64: word i is blob[offsets[i]:offsets[i + 1]]
    weights,  # IN (n,) int64: added to its count
    enter,  # bool: unknown words become types (there must be room); otherwise they get the id -1
    slots,  # INOUT (S, 4) uint64
    arena,  # INOUT (A,) uint8
    state,  # INOUT (STATE_SIZE,) int64
    ids,  # OUT (n,) int32
):
    """Look up, or enter, given words."""
    for i in range(ids.size):
        start, length = offsets[i], offsets[i + 1] - offsets[i]
        row = find(blob, start, length, slots, arena)
        ids[i] = -1
        if slots[row, HI] != 0 or (enter and admit(blob, start, length, row, slots, arena, state)):
            slots[row, COUNT] += U(weights[i])
            ids[i] = np.int32(slots[row, ID] & LOW32)


@helper
def free_row(lo, hi, slots):
    """The first free row for a key that is not in the table."""
    row, mask = home(lo, hi, slots), U(slots.shape[0] - 1)
    while slots[row, HI] != 0:
        row = (row + ONE) & mask
    return row


@kernel
def move_slots(
    old,  # IN (S, 4) uint64
    new,  # OUT (S', 4) uint64, zeros
):
    """The same types in a table of another size."""
    for i in range(old.shape[0]):
        if old[i, HI] != 0:
            row = free_row(old[i, LO], old[i, HI], new)
            for k in range(4):
                new[row, k] = old[i, k]


@kernel
def keep_slots(
    old,  # IN (S, 4) uint64
    old_arena,  # IN (A,) uint8
    new_ids,  # IN (types,) int32: -1 drops the type
    new,  # OUT (S', 4) uint64, zeros
    new_arena,  # OUT (A,) uint8
):
    """The types that stay, renumbered, in a fresh table and arena; returns the bytes used of the arena."""
    used = 0
    for i in range(old.shape[0]):
        if old[i, HI] == 0 or new_ids[np.int64(old[i, ID] & LOW32)] < 0:
            continue
        lo, hi = old[i, LO], old[i, HI]
        row = free_row(lo, hi, new)
        if hi >= LONG_TAG:
            at = np.int64(hi & LOW56)
            size = 4 + arena_length(old_arena, at)
            for k in range(size):
                new_arena[used + k] = old_arena[at + k]
            hi = LONG_TAG | U(used)
            used += size
        new[row, LO], new[row, HI], new[row, COUNT] = lo, hi, old[i, COUNT]
        new[row, ID] = U(new_ids[np.int64(old[i, ID] & LOW32)]) | (old[i, ID] & INVALID)
    return used


@kernel
def read_slots(
    slots,  # IN (S, 4) uint64
    arena,  # IN (A,) uint8
    lengths,  # OUT (types,) int64: bytes
    counts,  # OUT (types,) int64
    invalid,  # OUT (types,) bool: not UTF-8
):
    """What the table knows of each type, by provisional id."""
    for i in range(slots.shape[0]):
        hi = slots[i, HI]
        if hi == 0:
            continue
        word = np.int64(slots[i, ID] & LOW32)
        at = np.int64(hi & LOW56)
        lengths[word] = np.int64(hi >> SHIFT56) if hi < LONG_TAG else arena_length(arena, at)
        counts[word] = slots[i, COUNT]
        invalid[word] = (slots[i, ID] & INVALID) != 0


@kernel
def write_words(
    slots,  # IN (S, 4) uint64
    arena,  # IN (A,) uint8
    starts,  # IN (types,) int64: where in the blob each type goes; -1: nowhere
    lengths,  # IN (types,) int64
    blob,  # OUT (>= bytes,) uint8
):
    """The bytes of chosen types."""
    for i in range(slots.shape[0]):
        hi = slots[i, HI]
        if hi == 0:
            continue
        word = np.int64(slots[i, ID] & LOW32)
        to, at = starts[word], np.int64(hi & LOW56) + 4
        if to < 0:
            continue
        for k in range(lengths[word]):
            if hi >= LONG_TAG:
                blob[to + k] = arena[at + k]
            else:
                blob[to + k] = (slots[i, LO] >> U(8 * k) if k < 8 else hi >> U(8 * (k - 8))) & U(255)
