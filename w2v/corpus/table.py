"""Counting words within bounds: the hash table of slots.py with room made when it fills up.

Owns growth, and trimming when there are more types than `max_types`. Reads no text, writes no ids.

Trimming, as word2vec.c's ReduceVocab and gensim's max_vocab_size do it: when a new word would be type max_types + 1,
every type counted at most `min_reduce` times so far is forgotten, and min_reduce (1 at first) grows by one; it grows
further at once if that freed less than a quarter of the table. A word that comes again later starts from 0. What is
forgotten is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from ..vocab import Bytes, Ints
from . import slots as s
from .tokenize import STATE_SIZE

# Types counted at once when nobody sets a limit: about 4 GB at the worst, and more than word2vec.c (21 M) or any text
# of natural language below some hundred billion words has.
MAX_TYPES = 40_000_000

_FIRST_SLOTS = 1 << 16  # 2 MB
_FIRST_ARENA = 1 << 16
_BATCH = 1 << 16  # rows read at a time
_FILL = 0.6  # of the rows; more makes the searches long


class Batch(NamedTuple):
    """Some types of a table; `invalid`: one of them is not UTF-8."""

    ids: Ints
    blob: Bytes
    offsets: Ints
    counts: Ints
    invalid: bool


class WordTable:
    """Word types with counts. Ids are provisional: first come, first numbered, and renumbered by trimming."""

    def __init__(self, max_types: int = MAX_TYPES) -> None:
        self.state = np.zeros(STATE_SIZE, np.int64)
        self.slots = np.zeros((_FIRST_SLOTS, 4), np.uint64)
        self.arena = np.zeros(_FIRST_ARENA, np.uint8)
        self.max_types = max_types
        self.keep_first = 0
        self.min_reduce = 1
        self.trimmed_types = self.trimmed_words = self.trimmed_invalid = 0
        self._set_limit()

    def __len__(self) -> int:
        return int(self.state[s.TYPES])

    def make_room(self) -> NDArray[np.int32] | None:
        """Room for more, or longer, types. After a trim: old id -> new id, -1 for a forgotten type; otherwise None."""
        if len(self) >= self.max_types:
            return self._trim()
        if len(self) >= self.state[s.LIMIT]:
            self._resize(2 * len(self.slots))
        else:
            self.arena = np.concatenate((self.arena, np.zeros_like(self.arena)))
        return None

    def keep(self, blob: Bytes, offsets: Ints) -> None:
        """Make the words of a given vocabulary the first types, with count 0; trimming never forgets them. The limit is
        raised to leave room for others. Raises ConfigError for a word given twice.
        """
        self.keep_first = len(offsets) - 1
        self.max_types = max(self.max_types, 2 * self.keep_first + 1024)
        self._set_limit()
        self.add(blob, offsets, np.zeros(self.keep_first, np.int64))
        if len(self) != self.keep_first:
            raise ConfigError("the vocabulary holds a word twice")

    def add(self, blob: Bytes, offsets: Ints, weights: Ints) -> NDArray[np.int32]:
        """Enter words, adding `weights` to their counts; their ids."""
        self.reserve(len(self) + len(weights))
        worst = int(self.state[s.ARENA]) + len(blob) + 4 * len(weights) + s.PAD
        if worst > len(self.arena):
            self.arena = np.concatenate((self.arena, np.zeros(worst, np.uint8)))
        return self._visit(blob, offsets, weights, True)

    def reserve(self, types: int) -> None:
        """Rows for so many types. Needed before types of another table are entered in the order of their rows: in a
        smaller table they would all gather in one place, and every search would walk through them.
        """
        size = len(self.slots)
        while size * _FILL <= types:
            size *= 2
        if size > len(self.slots):
            self._resize(size)

    def find(self, blob: Bytes, offsets: Ints) -> NDArray[np.int32]:
        """The ids of words, -1 for unknown ones."""
        return self._visit(blob, offsets, np.zeros(len(offsets) - 1, np.int64), False)

    def read(self) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """By id: bytes of the word, count, whether it is invalid UTF-8."""
        n = len(self)
        lengths, counts, invalid = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, bool)
        s.read_slots(self.slots, self.arena, lengths, counts, invalid)
        return lengths, counts, invalid

    def words(self, ids: Ints, lengths: Ints) -> tuple[Bytes, Ints]:
        """(blob, offsets) of the types `ids`, in that order; `lengths` as `read` gave them."""
        return self._write(self.slots, ids, lengths, np.full(len(self), -1, np.int64))

    def batches(self) -> Iterator[Batch]:
        """All types, some ten thousand at a time, in no order that means anything."""
        lengths, starts = self.read()[0], np.full(len(self), -1, np.int64)
        for at in range(0, len(self.slots), _BATCH):
            rows = self.slots[at : at + _BATCH]
            rows = rows[rows[:, s.HI] != 0]
            ids = (rows[:, s.ID] & s.LOW32).astype(np.int64)
            blob, offsets = self._write(rows, ids, lengths, starts)
            yield Batch(ids, blob, offsets, rows[:, s.COUNT].astype(np.int64), bool((rows[:, s.ID] & s.INVALID).any()))

    def _write(self, rows: NDArray[np.uint64], ids: Ints, lengths: Ints, starts: Ints) -> tuple[Bytes, Ints]:
        offsets = np.concatenate(([0], np.cumsum(lengths[ids])))
        blob = np.empty(offsets[-1], np.uint8)
        starts[ids] = offsets[:-1]
        s.write_words(rows, self.arena, starts, lengths, blob)
        return blob, offsets

    def _visit(self, blob: Bytes, offsets: Ints, weights: Ints, enter: bool) -> NDArray[np.int32]:
        padded = np.concatenate((blob, np.zeros(s.PAD, np.uint8)))
        ids = np.empty(len(weights), np.int32)
        s.add_words(padded, offsets, weights, enter, self.slots, self.arena, self.state, ids)
        return ids

    def _set_limit(self) -> None:
        self.state[s.LIMIT] = min(self.max_types, int(len(self.slots) * _FILL))

    def _resize(self, size: int) -> None:
        new = np.zeros((size, 4), np.uint64)
        s.move_slots(self.slots, new)
        self.slots = new
        self._set_limit()

    def _trim(self) -> NDArray[np.int32]:
        _, counts, invalid = self.read()
        own = np.arange(len(counts)) < self.keep_first
        enough = max(self.keep_first, self.max_types - max(1, self.max_types // 4))
        stay = own | (counts > self.min_reduce)
        if stay.sum() > enough:
            others = np.sort(counts[~own])[::-1]
            self.min_reduce = int(others[enough - self.keep_first])
            stay = own | (counts > self.min_reduce)
        self.min_reduce += 1
        self.trimmed_types += int((~stay).sum())
        self.trimmed_words += int(counts[~stay].sum())
        self.trimmed_invalid += int(counts[~stay & invalid].sum())
        new_ids = np.where(stay, np.cumsum(stay) - 1, -1).astype(np.int32)
        slots, arena = np.zeros_like(self.slots), np.zeros_like(self.arena)
        self.state[s.ARENA] = s.keep_slots(self.slots, self.arena, new_ids, slots, arena)
        self.state[s.TYPES] = stay.sum()
        self.slots, self.arena = slots, arena
        return new_ids
