"""word2vec's binary format: a line "V D", then V times a word, a space and D little-endian float32.

word2vec.c ends each vector with a line end, gensim and the GoogleNews vectors do not: one before a word is skipped.

Words vary in length, so where a record begins is known only when the one before has been seen. One regular expression
walks a piece of 1 MB in C, " <4D bytes>" after "... <4D bytes>", and drops the vectors: what is left are the words.
Their lengths tell where the vectors stand, and numpy moves them together, so that they make a matrix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from ..errors import TruncatedError
from .files import Source
from .header import read_header
from .loaded import MAX_WORD, Loaded, Options, decode_words
from .matrix import Floats, GrowingMatrix
from .pieces import Pieces

PIECE = 1 << 20  # bytes
_GATHER = 1 << 18  # bytes copied at a time: they stay in the cache between the two copies that numpy makes


def read(source: Source, options: Options, piece: int = PIECE) -> Loaded:
    """Read a file from its header on, `piece` bytes at a time.

    Raises TruncatedError if it ends before the vectors that the header announces. What stands behind them is counted in
    a warning, unless a limit was asked for.
    """
    rows, dim = read_header(source)
    wanted = rows if options.limit is None else min(rows, options.limit)
    source.check_room(wanted * (4 * dim + 1), f"{wanted} vectors of {dim} numbers")
    keep = MAX_WORD + 4 * dim
    matrix = GrowingMatrix(dim, options.datatype, wanted if source.plain else None, keep + piece)
    # float32 are read to where they stay, and only move up by the length of their words, in the cache
    room = matrix.room if np.dtype(options.datatype) == np.float32 else None
    words: list[bytes] = []  # each piece's words, every one followed by a space
    vector = re.compile(rb" .{%d}" % (4 * dim), re.DOTALL)
    pieces = Pieces(source, piece, keep)
    left = 0
    with matrix.pages_ahead() if source.plain else nullcontext():
        while matrix.filled < wanted and not pieces.ended:
            view = pieces.next(left, room)
            joined, starts = _split(view, vector, 4 * dim, wanted - matrix.filled)
            words.append(joined)
            for vectors in _gathered(view, starts, dim):
                matrix.add(vectors)
            left = len(view) - (int(starts[-1]) + 4 * dim if len(starts) else 0)
    if matrix.filled < wanted:
        message = f"{source.name} ends after {matrix.filled} of {wanted} vectors"
        raise TruncatedError(message, "the file is cut off, or its header is wrong")
    if wanted == rows:
        pieces.warn_of_rest(left, rows)
    blob, offsets = _without_line_ends(np.frombuffer(b"".join(words), np.uint8))
    return Loaded(decode_words(blob, offsets, options, source.name), matrix.finish()).distinct(source.name)


def _split(view: NDArray[np.uint8], vector: re.Pattern[bytes], size: int, most: int) -> tuple[bytes, NDArray[np.int64]]:
    """Up to `most` records at the start of `view`: the words, a space behind each; where their vectors begin."""
    joined, count = vector.subn(b" ", view.data, count=most)
    ends = np.flatnonzero(np.frombuffer(joined, np.uint8) == ord(" "))[:count]
    return joined[: ends[-1] + 1] if count else b"", ends + np.arange(count) * size + 1


def _gathered(view: NDArray[np.uint8], starts: NDArray[np.int64], dim: int) -> Iterator[Floats]:
    """The vectors that begin at `starts`, some rows at a time."""
    size = 4 * dim
    windows: NDArray[np.void] = np.ndarray((max(len(view) - size + 1, 0),), f"V{size}", buffer=view, strides=(1,))
    step = max(1, _GATHER // size)
    for at in range(0, len(starts), step):
        yield windows[starts[at : at + step]].view("<f4").reshape(-1, dim)


def _without_line_ends(joined: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(blob, offsets) of words that end in a space each and may begin with line ends."""
    kept = joined != ord(" ")
    ends = np.flatnonzero(~kept)
    starts = np.concatenate(([0], ends + 1))[:-1]
    rows = np.arange(len(ends))
    while len(rows):  # one round, or two; more where a word begins with several
        rows = rows[joined[starts[rows]] == ord("\n")]
        kept[starts[rows]] = False
        starts[rows] += 1
    return joined[kept], np.concatenate(([0], np.cumsum(ends - starts)))
