"""A file in pieces, so that none is ever held whole. Owns where each begins and what is kept; knows no format.

Pieces are read into one buffer. Measured on 1.2 GB of vectors, a buffer of 1 MB, which stays in the cache, took .6 to .8 of
the time that mapping the file does (a page fault for every 64 KB), and .6 of that with a buffer of 4 MB.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .files import Source

logger = logging.getLogger(__name__)


class Pieces:
    """The rest of `source`: pieces of `size` bytes, each behind the bytes of the one before that were not used up.

    `keep` bounds the bytes that may be kept: the longest record there can be. `ended` says whether the last piece handed
    out is the last of all.
    """

    def __init__(self, source: Source, size: int, keep: int) -> None:
        self._source, self._size, self._keep = source, size, keep
        self._end = source.position  # of the last piece
        self._buffer = np.empty(0, np.uint8)
        self._view = self._buffer[:0]
        self.ended = False

    def next(self, left: int, room: Callable[[int], NDArray[np.uint8]] | None = None) -> NDArray[np.uint8]:
        """The last `left` bytes of the piece before and those behind them. The piece before is gone.

        `room` gives so many bytes or more to read into, in place of the buffer here.
        """
        if left > self._keep:
            message = f"{self._source.name}: a word or line before byte {self._end:,} is too long"
            raise FormatError(message, "is it a file of another format?")
        before = self._view[len(self._view) - left :].copy()  # making room may move what it lies in
        buffer = (self._own_buffer if room is None else room)(left + self._size)
        buffer[:left] = before
        got = self._source.readinto(buffer[left : left + self._size].data)
        self._end += got
        self.ended = got < self._size
        self._view = buffer[: left + got]
        return self._view

    def _own_buffer(self, size: int) -> NDArray[np.uint8]:
        # as large as what is there: a header may announce rows of 40 MB in a file of 60 bytes
        if len(self._buffer) < size:
            self._buffer = np.empty(size * 3 // 2, np.uint8)
        return self._buffer

    def warn_of_rest(self, left: int, vectors: int) -> None:
        """Log how many bytes are left: the last `left` ones and all behind them. White space alone does not count."""
        rest = self._view[len(self._view) - left :]
        total, blank = left, not rest.tobytes().strip()
        while not self.ended:
            rest = self.next(0)
            total, blank = total + len(rest), blank and not rest.tobytes().strip()
        if not blank:
            message = "%s: %d bytes behind the %d vectors that the header announces were not read"
            logger.warning(message, self._source.name, total, vectors)
