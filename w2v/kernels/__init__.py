"""Compiled code, and the glossary of every array it touches. The kernels import nothing else of w2v, this module only numpy.

V words, D numbers a word, S = D padded to whole 64-byte lines (pads stay 0), L longest chunk, C = C_MAX.

name      shape          dtype    what it is                                              elsewhere
--------  -------------  -------  ------------------------------------------------------  ----------------------------
w_in      (V, S)         float32  input rows: the word vectors                            syn0 (word2vec.c), wv.vectors
w_out     (V, S)         float32  output rows for negative sampling                       syn1neg
w_node    (V-1, S)       float32  output rows of the Huffman tree's inner nodes           syn1
tokens    (T,)           int32    K chunks of the corpus: ids, -1 after each sentence     sen
ends      (K,)           int64    where each chunk ends
rates     (K,)           float32  the learning rate of each                               alpha
streams   (K, 2)         uint64   its random streams, `rng`: words and windows; noise     next_random
keep      (V,)           uint32   subsampling: share of 2**32 of a word's tokens kept     sample_int
alias     (V, 2)         uint32   noise distribution as an alias table                    table, cum_table
lock      (V,) | None    float32  how far each input row may move: 0 frozen, 1 free       vectors_lockf
stats     (K, 3)         float64  its totals: loss; pairs (CBOW: centres) trained; words  running_training_loss

A pair's loss is its whole objective: the true word's term and all its noise words', or all nodes of the path.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROW_ALIGN = 16  # floats in a 64-byte line
M_MAX, PATH_MAX, RING = 8, 16, 4  # outputs in a block, outputs that one hidden vector meets at once, noise lists alive
# Places of a window whose words make one step. They meet the outputs as these were, so an output moves by the sum of what all
# of them ask for: in one step of 200 and more the loss of skip-gram grew beyond all bounds at the default learning rate.
C_MAX = 32
HIDDEN = 3  # hidden vectors that an output meets at once: those of a group, by default
POOL = 64  # noise words at hand, a power of two; see cpu.noise_outputs
LIMIT = 6.0  # logits beyond this are saturated (MAX_EXP of word2vec.c)
TICK, TIERS = 1024, 8  # centres between two looks at a thread's copies of rows; rarest rows wait for 2 ** (TIERS - 1) looks
BLOCK = 1 << 16  # words whose paths are looked at at once


class Tree(NamedTuple):
    """Huffman paths: word w passes nodes points[offsets[w]:offsets[w+1]], root first, with the bits of `codes`."""

    points: Any  # (P,) int32
    codes: Any  # (P,) uint8
    offsets: Any  # (V+1,) int64


class Options(NamedTuple):
    """What a kernel needs of the configuration; all numbers, so that one compiled kernel serves every setting."""

    window: int
    shrink: int  # 1: each group draws its window from 1..window
    negative: int
    group: int  # consecutive centres that share a window, noise words and a step
    clamp: np.float32  # beyond a logit of this size the sigmoid is taken as 0 or 1
    skip: np.float32  # beyond a logit of this size nothing is learnt
    mean: int  # CBOW: 1 mean of the context rows, 0 their sum
    divide: int  # CBOW: 1 the error is divided among the context rows


class Outputs(NamedTuple):
    """The output rows that a step meets: `total` of them, from place `at` of two lists on."""

    rows: Any  # (..,) int64: rows of w_out, as offsets in floats | int32: numbers of rows of w_node
    signs: Any  # (..,) float32: +1, -1, 0 leave alone | uint8: bits of a Huffman path
    at: Any  # int64
    total: Any  # int64
    near: Any  # (H, S) float32 | None: this thread's copies of the last rows
    first: Any  # int64: the number of the first of these


class Copies(NamedTuple):
    """Copies that one of several threads has of H rows of a matrix, from row `first` on; alone it has none: H = 0."""

    first: int
    rows: Any  # (H, S) float32
    before: Any  # (H, S) float32: the same as they were when they were last merged, or borrowed
    visits: Any  # (H,) float32: how often a thread meets each, for every centre that it trains
    tiers: Any  # (TIERS, 2) int64: which of them are merged at every look, every 2nd, 4th ..: from, to
    way: Any  # (TIERS,) float32: how far a row has gone since then that every centre meets
    threads: int
    shift: Any  # (2,) int64: floats from a row of the matrix to where it is worked on: 0 without a copy, else to the copy


class Scratch(NamedTuple):
    """Working memory of one thread, the same for every window. C counts the input rows of a step, M its outputs."""

    words: Any  # (L,) int32: the sentence after subsampling
    reach: Any  # (L,) int32: the window of each of them; a group has its first's b (word2vec.c)
    rows: Any  # (L,) int64: their input rows, as offsets in floats
    locks: Any  # (L,) float32: their locks
    x_off: Any  # (C,) int64: input rows of a step, as offsets in floats
    x_mask: Any  # (C,) int64: bit k set where the row belongs to centre k of the group
    x_lock: Any  # (C,) float32
    y_row: Any  # (RING * room,) int64: noise outputs of the next groups: rows, as offsets in floats
    sign: Any  # (RING * room,) float32: and signs
    room: int  # M + PATH_MAX: whole blocks are read, whatever is behind the last output
    per: Any  # (M + 1,) int64: how many of so many outputs go into each block
    pool: Any  # (POOL,) int64: the latest draws from the noise distribution
    turn: Any  # (1,) int64: how many of them this chunk has renewed
    counts: Any  # (2**group, M + M_MAX) float32: multiplicity of (mask, output)
    g: Any  # float32: lr * gradient of each logit, M_MAX a context, or whole PATH_MAX a hidden vector
    loss: Any  # (16,) float32: loss of the sentence so far
    clock: Any  # (3,) int64: centres since the last look at the copies; looks; whether there are copies
    way: Any  # (1,) float32: how far a row has gone since that look that every centre meets
    own_in: Copies  # of the input rows of the most frequent words
    own_y: Copies  # of their output rows, or of the nodes nearest the Huffman root
    near: Any  # (H, S) float32 | None: these nodes, where there are any
    width: int  # floats of a row that take part: D, rounded up to whole vectors
    scale: Any  # (2, group) float32: 1, and 1 / contexts of a centre of the group
    hidden: Any  # (group, S) float32: CBOW's hidden vectors                      neu1
    error: Any  # (group, S) float32: and what flows back to them                 neu1e


def padded(size: int) -> int:
    """S for D: the row length in floats, rounded up to whole cache lines."""
    return -(-size // ROW_ALIGN) * ROW_ALIGN


def aligned(shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
    """A zeroed array that starts on a 64-byte line, and has its lines, and their neighbours, to itself.

    Small arrays lie side by side otherwise: where those of two threads met in a line (the random streams, of 16 bytes), each
    write of one took it from the other, and two threads were no faster than one.
    """
    count = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    raw = np.zeros(-(-count // 128) * 128 + 128, np.uint8)
    start = -raw.ctypes.data % 128
    return raw[start : start + count].view(dtype).reshape(shape)


def _apart(array: Any) -> Any:
    """A copy on lines of its own."""
    out = aligned(array.shape, array.dtype)
    out[...] = array
    return out


def count_passes(tree: Tree, shares: Any, nodes: int) -> NDArray[np.float64]:
    """(nodes,): the sum of the words' `shares` (V,) over all whose path passes each of the tree's inner nodes."""
    passed = np.zeros(nodes)
    for word in range(0, len(shares), BLOCK):
        offsets = tree.offsets[word : word + BLOCK + 1]
        visits = np.repeat(shares[word : word + BLOCK], np.diff(offsets))
        passed += np.bincount(tree.points[offsets[0] : offsets[-1]], visits, nodes)
    return passed


def make_counts(group: int, negative: int, outputs: int) -> Any:
    """counts[mask, output]: how many centres of `mask` train an output row with a context of theirs.

    Outputs are the group's centres, then the noise words: a centre's own row counts if the centre is in the mask, a noise row
    once for every centre in it. With negative=0 (Huffman paths) all count once.
    """
    counts = np.zeros((1 << group, outputs + M_MAX), np.float32)
    for mask in range(1, 1 << group):
        counts[mask] = bin(mask).count("1")
        if negative:
            counts[mask, :group] = [mask >> k & 1 for k in range(group)]
    return counts


def make_copies(size: int, first: int = 0, own: Any = ((), ((0, 0),)), threads: int = 1) -> Copies:
    """Room for copies of rows of `size` floats from row `first` on; own: their visits, as many as there are rows, and tiers."""
    visits, tiers = own
    rows, before = aligned((len(visits), size)), aligned((len(visits), size))
    visits, tiers = _apart(np.array(visits, np.float32)), _apart(np.array(tiers, np.int64))
    return Copies(first, rows, before, visits, tiers, aligned((len(tiers),)), threads, aligned((2,), np.int64))


def make_scratch(
    longest: int,
    outputs: int,
    size: int,
    group: int = 1,
    negative: int = 0,
    own_in: Copies | None = None,
    own_y: Copies | None = None,
    width: int | None = None,
) -> Scratch:
    """Working memory for chunks of up to `longest` tokens, rows of `size` floats and up to `outputs` output rows a group.

    own_in, own_y: the copies that this thread works on; default: none.
    width: floats of a row that are not padding, rounded up to whole vectors; default: all.
    """
    own_in, own_y = (make_copies(size) if copies is None else copies for copies in (own_in, own_y))
    pieces = -(-outputs // PATH_MAX)  # of the outputs of one of CBOW's hidden vectors
    made = Scratch(
        words=np.zeros(max(longest, 1), np.int32),
        reach=np.zeros(max(longest, 1), np.int32),
        rows=np.zeros(max(longest, 1), np.int64),
        locks=np.ones(max(longest, 1), np.float32),
        x_off=np.zeros(C_MAX, np.int64),
        x_mask=np.ones(C_MAX, np.int64),
        x_lock=np.ones(C_MAX, np.float32),
        y_row=np.zeros(RING * (outputs + PATH_MAX), np.int64),
        sign=np.zeros(RING * (outputs + PATH_MAX), np.float32),
        room=outputs + PATH_MAX,
        per=np.array([max(1, -(-n // max(1, -(-n // M_MAX)))) for n in range(outputs + 1)], np.int64),
        pool=np.zeros(POOL, np.int64),
        turn=np.zeros(1, np.int64),
        counts=make_counts(group, negative, outputs),
        g=np.zeros(max((C_MAX + 1) * M_MAX, group * pieces * PATH_MAX), np.float32),
        loss=np.zeros((ROW_ALIGN,), np.float32),
        clock=np.zeros(3, np.int64),
        way=np.zeros(1, np.float32),
        own_in=own_in,
        own_y=own_y,
        near=own_y.rows if negative == 0 and len(own_y.rows) else None,
        width=size if width is None else width,
        scale=np.ones((2, group), np.float32),
        hidden=np.zeros((group, size), np.float32),
        error=np.zeros((group, size), np.float32),
    )
    return Scratch(*(_apart(part) if isinstance(part, np.ndarray) and part is not made.near else part for part in made))
