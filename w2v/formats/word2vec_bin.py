"""word2vec's binary format: a line "V D", then V times a word, a space and D little-endian float32.

word2vec.c ends each vector with a line end, gensim and the GoogleNews vectors do not: one before a word is skipped.

Words vary in length, so where a record begins is known only when the one before has been seen. One regular expression
walks a piece of 8 MB in C, " <4D bytes>" after "... <4D bytes>", and drops the vectors: what is left are the words.
Their lengths tell where the vectors stand, and numpy copies them out in one go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import TruncatedError
from .files import Source
from .header import read_header
from .loaded import MAX_WORD, Loaded, Options, decode_words
from .matrix import Floats, GrowingMatrix
from .pieces import Pieces

if TYPE_CHECKING:
    pass

PIECE = 8 << 20  # bytes


def read(source: Source, options: Options, piece: int = PIECE) -> Loaded:
    """Read a file from its header on, `piece` bytes at a time.

    Raises TruncatedError if it ends before the vectors that the header announces. What stands behind them is counted in
    a warning, unless a limit was asked for.
    """
    rows, dim = read_header(source)
    wanted = rows if options.limit is None else min(rows, options.limit)
    source.check_room(wanted * (4 * dim + 1), f"{wanted} vectors of {dim} numbers")
    matrix = GrowingMatrix(dim, options.datatype, wanted if source.plain else None)
    words: list[bytes] = []  # each piece's words, every one followed by a space
    vector = re.compile(rb" .{%d}" % (4 * dim), re.DOTALL)
    with Pieces(source, piece, MAX_WORD + 4 * dim) as pieces:
        left = 0
        while matrix.filled < wanted and not pieces.ended:
            view = pieces.next(left)
            joined, vectors, used = _split(view, vector, dim, wanted - matrix.filled)
            words.append(joined)
            matrix.add(vectors)
            left = len(view) - used
        if matrix.filled < wanted:
            message = f"{source.name} ends after {matrix.filled} of {wanted} vectors"
            raise TruncatedError(message, "the file is cut off, or its header is wrong")
        if wanted == rows:
            pieces.warn_of_rest(left, rows)
    blob, offsets = _without_line_ends(np.frombuffer(b"".join(words), np.uint8))
    return Loaded(decode_words(blob, offsets, options, source.name), matrix.finish()).distinct(source.name)


def _split(view: NDArray[np.uint8], vector: re.Pattern[bytes], dim: int, most: int) -> tuple[bytes, Floats, int]:
    """Up to `most` records at the start of `view`: the words, a space behind each; their vectors; the bytes used."""
    joined, count = vector.subn(b" ", view.data, count=most)
    ends = np.flatnonzero(np.frombuffer(joined, np.uint8) == ord(" "))[:count]
    size = 4 * dim
    starts = ends + np.arange(count) * size + 1
    if not count:
        return b"", np.empty((0, dim), np.float32), 0
    windows: NDArray[np.void] = np.ndarray((len(view) - size + 1,), f"V{size}", buffer=view, strides=(1,))
    vectors = windows[starts].view("<f4").reshape(count, dim)
    return joined[: ends[-1] + 1], vectors, int(starts[-1]) + size


def _without_line_ends(joined: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(blob, offsets) of words that end in a space each and may begin with line ends."""
    kept = joined != ord(" ")
    starts = np.concatenate(([0], np.flatnonzero(~kept) + 1))[:-1]
    while len(starts):  # one round, unless a word begins with several
        starts = starts[joined[starts] == ord("\n")]
        kept[starts] = False
        starts = starts + 1
    ends = np.cumsum(kept)[joined == ord(" ")] if len(joined) else np.zeros(0, np.int64)
    return joined[kept], np.concatenate(([0], ends))
