"""The first pass: every stream through the tokeniser, provisional ids out. Owns the buffer and the order of events.

Whatever is read becomes one sequence of ids, -1 behind each sentence, however the bytes arrive: neither short reads nor
compression change it. A file ends its last line, if it does not do so itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from . import tokenize as t
from .renumber import Renumbering
from .slots import PAD
from .spill import IdStream
from .stats import CorpusStats
from .table import WordTable
from .tokens import SENTENCE_END, TOKEN_END
from .words import MAX_WORD, carried

BLOCK = 1 << 20  # bytes read at once: they, and what is written for them, stay in the second-level cache


class ByteStream(Protocol):
    """What source.Stream and tokens.TokenStream have in common."""

    def readinto(self, view: memoryview) -> int:
        """Bytes put into `view`; 0 at the end."""


class FirstPass:
    """Reads streams one after the other into one table and one stream of ids."""

    def __init__(self, table: WordTable, ids: IdStream, renumbering: Renumbering, longest: int) -> None:
        self.table, self.ids, self.renumbering = table, ids, renumbering
        self.bytes = 0
        self._state = table.state
        self.longest = longest  # words of a sentence; more are cut
        self._buffer = np.zeros(BLOCK + PAD, np.uint8)
        self._scratch = np.empty((4, t.COLUMNS), np.uint64)

    @property
    def words(self) -> int:
        """Words read so far."""
        return int(self._state[t.WORDS])

    def read(self, stream: ByteStream, text: bool, after_block: Callable[[], Any]) -> None:
        """Read a stream to its end: text, or what TokenStream makes of lists."""
        self._set_rules(text)
        view, carry, ended = self._buffer.data, 0, True
        newline = int(self._state[t.NEWLINE])
        while got := stream.readinto(view[carry : BLOCK - 1]):
            self.bytes += got
            ended = self._buffer[carry + got - 1] == newline
            carry = self._walk(carry + got)
            after_block()
        if not ended:
            self._buffer[carry] = newline
            self._walk(carry + 1)

    def report(self, stats: CorpusStats) -> None:
        """Add what was counted to `stats`."""
        names = {"raw_words": t.WORDS, "lines": t.LINES, "blank_lines": t.BLANK, "cuts": t.CUTS, "long_words": t.LONG}
        for name, place in (names | {"nul_bytes": t.NULS}).items():
            setattr(stats, name, getattr(stats, name) + int(self._state[place]))
        stats.bytes = self.bytes
        stats.trimmed_types, stats.trimmed_words = self.table.trimmed_types, self.table.trimmed_words

    def _set_rules(self, text: bool) -> None:
        rules = (1, 0, 32, ord(" "), ord("\n")) if text else (0, SENTENCE_END, 1, TOKEN_END, SENTENCE_END)
        self._state[t.MAX_SENTENCE] = self.longest
        self._state[[t.TEXT, t.LOW, t.SPAN, t.SPACE, t.NEWLINE]] = rules

    def _walk(self, end: int) -> int:
        """Tokenise buffer[:end]; move the unfinished word to the front, and return its length."""
        state = self._state
        state[t.POS], state[t.END] = 0, end
        status = -1
        while status != t.DONE:
            out = self.ids.room(2 * t.ROOM)
            state[t.OUT] = 0
            table = self.table
            status = t.tokenise(self._buffer, table.slots, table.arena, state, out, self._scratch)
            self.ids.commit(int(state[t.OUT]))
            if status == t.FULL_TABLE:
                new_ids = table.make_room()
                if new_ids is not None:
                    self.renumbering.add(self.ids.size, new_ids)
        rest = self._buffer[int(state[t.POS]) : end]
        if len(rest) > MAX_WORD:
            rest = np.frombuffer(carried(rest.tobytes()), np.uint8)
        self._buffer[: len(rest)] = rest
        return len(rest)
