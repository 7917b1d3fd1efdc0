# mypy: ignore-errors
# (compiled code: numba infers these types, annotations would only repeat the comments)
"""The compiled byte tokeniser: one walk over a block of text finds the words, counts them and emits their provisional
ids.

Owns the walk. The rules are those of words.py, its plain twin; how words are stored is in slots.py, how memory is
bounded in table.py. In lists of tokens, made into bytes by tokens.py, 0xFF ends a word, 0xFE a sentence, and every
other byte is part of a word. A sentence of more than state[MAX_SENTENCE] words is cut there.

How it is fast: 64 bytes are compared at once, and the rows of a batch of about 256 words are prefetched before the
first is looked up (measured on 102 MB of English: 0.14-0.17 s, without the prefetch 0.20 s, finding the separators
alone 0.02 s).
"""

from __future__ import annotations

import numpy as np

from ..kernels.jit import helper, kernel
from .lowlevel import count_bits, load64, lowest_bit, prefetch_row, within64
from .slots import (
    COUNT,
    HI,
    ID,
    LOW32,
    ONE,
    SHIFT56,
    SHORT,
    SHORT_HI,
    SHORT_LO,
    U,
    admit,
    find,
    find_long,
    find_short,
    home,
)
from .words import MAX_WORD

BATCH = 256  # words hashed before the first is looked up
COLUMNS = BATCH + 64 + 16
ROOM = 3 * COLUMNS  # ids that one batch may write: of each word an end of sentence before, the id, an end of sentence behind

# state: (STATE_SIZE,) int64; the first three belong to slots.py. Where the walk is; what was counted; the rules.
POS, END, OUT, OPEN = range(3, 7)
WORDS, LINES, BLANK, CUTS, LONG, NULS = range(7, 13)
TEXT, LOW, SPAN, SPACE, NEWLINE, MAX_SENTENCE = range(13, 19)
STATE_SIZE = 19

DONE, FULL_TABLE, FULL_OUT = range(3)


@helper
def space_width(buf, i, end):
    """Bytes of the Unicode space at `i`, 0 if none is there: those of str.isspace beyond ASCII (U+0085 ... U+3000)."""
    b = buf[i]
    if b == 0xC2 and i + 1 < end:  # U+0085 next line, U+00A0 no-break space
        return 2 if buf[i + 1] == 0x85 or buf[i + 1] == 0xA0 else 0
    if not 0xE1 <= b <= 0xE3 or i + 2 >= end:
        return 0
    second, third = buf[i + 1], buf[i + 2]
    if b == 0xE1:  # U+1680 ogham space
        return 3 if second == 0x9A and third == 0x80 else 0
    if b == 0xE3:  # U+3000 ideographic space
        return 3 if second == 0x80 and third == 0x80 else 0
    if second == 0x81:  # U+205F mathematical space
        return 3 if third == 0x9F else 0
    # U+2000-200A em, thin, ... spaces; U+2028, 2029 separators; U+202F narrow no-break space
    return 3 if second == 0x80 and (0x80 <= third <= 0x8A or 0xA8 <= third <= 0xA9 or third == 0xAF) else 0


@helper
def emit(word, out, state):
    """Count one word of the open sentence, and write its id; -1: a word without an id."""
    if state[OPEN] == state[MAX_SENTENCE]:
        out[state[OUT]] = -1
        state[OUT] += 1
        state[CUTS] += 1
        state[OPEN] = 0
    state[OPEN] += 1
    state[WORDS] += 1
    if word >= 0:
        out[state[OUT]] = word
        state[OUT] += 1


@helper
def next_space(buf, i, end, text):
    """Where the piece that begins at `i` ends, and the width of the Unicode space there (0: the end of the run)."""
    while text and i < end:
        width = space_width(buf, i, end)
        if width > 0:
            return i, width
        i += 1
    return end, 0


@helper
def rare(buf, start, end, closed, slots, arena, state, out):
    """The careful path, for a run of bytes without ASCII separator that is not a known word: a new one, several with
    Unicode spaces between them, or one too long. Not `closed`: the run may go on behind `end`. Leaves state[POS]
    where to go on.
    """
    i = start
    while i < end:
        state[POS] = i
        stop, width = next_space(buf, i, end, state[TEXT] != 0)
        if stop == end and not closed:
            break
        if state[OUT] + 2 + ROOM > out.size:
            return FULL_OUT
        if stop - i > MAX_WORD:
            state[LONG] += 1
            emit(-1, out, state)
        elif stop > i:
            row = find(buf, i, stop - i, slots, arena)
            if slots[row, HI] == 0 and not admit(buf, i, stop - i, row, slots, arena, state):
                return FULL_TABLE
            slots[row, COUNT] += ONE
            emit(np.int64(slots[row, ID] & LOW32), out, state)
        i = stop + width
    state[POS] = i
    return DONE


@helper
def find_ends(buf, base, end, ends, state):
    """Positions of the next separators, about BATCH of them, into `ends`; how many, and where to go on."""
    low, span, k = np.uint8(state[LOW]), np.uint8(state[SPAN]), 0
    while base < end and k < BATCH:
        bits, b = within64(buf, base, low, span), U(base)
        if end - base < 64:
            bits &= (ONE << U(end - base)) - ONE
        n = count_bits(bits)
        for t in range(8):  # writing eight whether there are or not spares a branch that no predictor guesses
            ends[k + t] = b + lowest_bit(bits)
            bits &= bits - ONE
        for t in range(8, n):
            ends[k + t] = b + lowest_bit(bits)
            bits &= bits - ONE
        k += n
        base += 64
    return k, base


@helper
def hash_batch(buf, start, n, slots, scratch):
    """Keys and home rows of the n words that end at scratch[0]; their rows are asked for."""
    for j in range(n):
        end = np.int64(scratch[0, j])
        length = min(end - start, SHORT + 1)
        lo = load64(buf, start) & SHORT_LO[length]
        hi = load64(buf, start + 8) & SHORT_HI[length] | U(length) << SHIFT56
        row = home(lo, hi, slots)
        prefetch_row(slots, row)
        scratch[1, j], scratch[2, j], scratch[3, j] = lo, hi, row
        start = end + 1


@helper
def look_up(buf, n, slots, arena, state, out, scratch):
    """Count and emit the n words of a batch, from state[POS] on."""
    start, o, opened, words = state[POS], state[OUT], state[OPEN], 0
    longest, space, newline = state[MAX_SENTENCE], state[SPACE], state[NEWLINE]
    for j in range(n):
        stop = np.int64(scratch[0, j])
        length = stop - start
        if length > 0:
            if length <= SHORT:
                row = find_short(scratch[1, j], scratch[2, j], scratch[3, j], slots)
            elif length <= MAX_WORD:
                row = find_long(buf, start, length, slots, arena)
            if length <= MAX_WORD and slots[row, HI] != 0:
                if opened == longest:
                    out[o] = -1
                    o += 1
                    opened = 0
                    state[CUTS] += 1
                slots[row, COUNT] += ONE
                out[o] = np.int32(slots[row, ID] & LOW32)
                o += 1
                opened += 1
                words += 1
            else:
                state[OUT], state[OPEN] = o, opened
                status = rare(buf, start, stop, True, slots, arena, state, out)
                o, opened = state[OUT], state[OPEN]
                if status != DONE:
                    state[WORDS] += words
                    return status
        if buf[stop] != space:
            if buf[stop] == newline:
                state[LINES] += 1
                if opened > 0:
                    out[o] = -1
                    o += 1
                    opened = 0
                else:
                    state[BLANK] += 1
            elif buf[stop] == 0:
                state[NULS] += 1
        start = stop + 1
    state[POS], state[OUT], state[OPEN] = start, o, opened
    state[WORDS] += words
    return DONE


@kernel
def tokenise(
    buf,  # IN (>= state[END] + PAD,) uint8: text
    slots,  # INOUT (S, 4) uint64
    arena,  # INOUT (A,) uint8
    state,  # INOUT (STATE_SIZE,) int64
    out,  # OUT (N,) int32: provisional ids, -1 after each sentence
    scratch,  # TMP (4, COLUMNS) uint64
):
    """Walk buf[state[POS]:state[END]]; ids go to out[state[OUT]:]. Returns DONE: only an unfinished word is left at
    state[POS]; FULL_TABLE or FULL_OUT: make room and call again.
    """
    end, start = state[END], state[POS]
    base = start
    while base < end:
        if state[OUT] + ROOM > out.size:
            return FULL_OUT
        n, base = find_ends(buf, base, end, scratch[0], state)
        hash_batch(buf, start, n, slots, scratch)
        status = look_up(buf, n, slots, arena, state, out, scratch)
        if status != DONE:
            return status
        start = state[POS]
    return rare(buf, start, end, False, slots, arena, state, out)
