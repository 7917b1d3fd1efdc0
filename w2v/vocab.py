"""The vocabulary: words, their counts, their order. Reads and writes word2vec.c's vocabulary format; counts no text
itself.

Words are held as one UTF-8 blob and offsets, so that millions of them cost their bytes alone; Python strings and the
dictionary are made when somebody asks for them. Order: count descending, ties by the word's UTF-8 bytes ascending.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .atomic import replacing
from .errors import ConfigError, CorpusError, FormatError, WordError

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

_GATHER = 1 << 16  # words moved at a time: bounds the scratch memory of `gather`


class Vocab:
    """V words with their counts, by falling frequency.

    blob     uint8 (bytes,): the words' UTF-8, one behind the other
    offsets  int64 (V + 1,): word i is blob[offsets[i]:offsets[i + 1]]
    counts   int64 (V,)

    >>> vocab = Vocab.from_counts({"b": 2, "a": 2, "c": 5})
    >>> vocab.words, vocab.index("a"), vocab.total, "d" in vocab
    (['c', 'a', 'b'], 1, 9, False)
    """

    def __init__(self, blob: Bytes, offsets: Ints, counts: Ints) -> None:
        """Take arrays that are in order already; `from_counts` makes them from anything else."""
        self.blob = blob
        self.offsets = offsets
        self.counts = counts
        self._words: list[str] | None = None
        self._index: dict[str, int] | None = None

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, int] | tuple[Iterable[str], Iterable[int]],
        min_count: int = 1,
        max_final_vocab: int | None = None,
    ) -> Vocab:
        """A vocabulary of the words that occur at least `min_count` times; of a mapping, or of (words, counts).

        `max_final_vocab` raises min_count until no more words than that are left. Raises ConfigError for a word given
        twice, empty or not encodable, or a count that is not a whole number; CorpusError when no word is left.
        """
        words, numbers = (counts.keys(), counts.values()) if isinstance(counts, Mapping) else counts
        words = list(words)
        blob, offsets = pack(words)
        tallies = _whole_numbers(numbers)
        if len(tallies) != len(offsets) - 1:
            raise ConfigError(f"{len(offsets) - 1} words but {len(tallies)} counts")
        if (np.diff(offsets) == 0).any():
            raise ConfigError("the empty string is not a word")
        if len(set(words)) != len(words):
            twice = next(a for a, b in pairwise(sorted(words)) if a == b)
            raise ConfigError(f"the word {twice!r} is given twice")
        return cls(*select(blob, offsets, tallies, min_count, max_final_vocab)[:3])

    @property
    def words(self) -> list[str]:
        """Index -> word. Decoded on first use."""
        if self._words is None:
            self._words = unpack(self.blob, self.offsets)
        return self._words

    @property
    def total(self) -> int:
        """Sum of all counts."""
        return int(self.counts.sum())

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._lookup

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocab):
            return NotImplemented
        words = np.array_equal(self.blob, other.blob) and np.array_equal(self.offsets, other.offsets)
        return words and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Vocab: {len(self):,} words, {self.total:,} occurrences>"

    @property
    def _lookup(self) -> dict[str, int]:
        if self._index is None:
            self._index = {word: i for i, word in enumerate(self.words)}
        return self._index

    def index(self, word: str) -> int:
        """The row of a word. Raises WordError, with the nearest words as a hint."""
        try:
            return self._lookup[word]
        except KeyError:
            near = nearest_words(word, self.words) if isinstance(word, str) else []
            hint = f"did you mean {', '.join(map(repr, near))}?" if near else None
            raise WordError(f"the word {word!r} is not in the vocabulary", hint) from None

    def get(self, word: str, default: Any = None) -> Any:
        """The row of a word, or `default`."""
        return self._lookup.get(word, default)

    @property
    def digest(self) -> str:
        """A hash of words, order and counts (hex)."""
        state = hashlib.blake2b(digest_size=16)
        for array in (self.blob, self.offsets, self.counts):
            state.update(array.tobytes())
        return state.hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write word2vec.c's format: 'word count' lines, in order. Raises FormatError for a word with a line end."""
        if (self.blob == ord("\n")).any():
            word = next(word for word in self.words if "\n" in word)
            raise FormatError(f"the word {word!r} holds a line end, which this format cannot hold")
        data, offsets = self.blob.tobytes(), self.offsets.tolist()
        with replacing(path) as file:
            spans = zip(pairwise(offsets), self.counts.tolist(), strict=True)
            file.writelines(b"%s %d\n" % (data[start:stop], count) for (start, stop), count in spans)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocab:
        """Read word2vec.c's vocabulary format: on each line a word, a space or tab, and its count.

        Lines may come in any order. '</s>' on the first line is word2vec.c's own sentence mark, not a word of the text,
        and is left out. Raises FormatError, naming the line.
        """
        try:
            with open(path, "rb") as file:
                lines = file.read().split(b"\n")
        except OSError as error:
            hint = "it is written by --save-vocab, or by word2vec -save-vocab"
            raise FormatError(f"cannot read the vocabulary {os.fspath(path)}: {error.strerror}", hint) from None
        if lines[-1] == b"":
            lines.pop()
        words, counts = _parse(lines, os.fspath(path))
        try:
            return cls.from_counts((words, counts), min_count=0)
        except ConfigError as error:
            raise FormatError(f"{os.fspath(path)}: {error}") from None
        except CorpusError:
            raise FormatError(f"{os.fspath(path)} holds no words") from None


def _parse(lines: list[bytes], name: str) -> tuple[list[str], list[int]]:
    words, counts = [], []
    for number, line in enumerate(lines, 1):
        line = line.rstrip(b"\r")
        word, _, count = line.rpartition(b" " if b" " in line else b"\t")
        if number == 1 and word == b"</s>":
            continue
        if not word or not count.isdigit() or len(count) > 18:
            raise FormatError(f"{name}, line {number}: expected a word and its count, found {line[:60]!r}")
        try:
            words.append(word.decode())
        except UnicodeDecodeError:
            raise FormatError(f"{name}, line {number}: the word {word[:60]!r} is not UTF-8") from None
        counts.append(int(count))
    return words, counts


def _whole_numbers(numbers: Iterable[int]) -> Ints:
    values = numbers if isinstance(numbers, np.ndarray) else list(numbers)
    try:
        array = np.asarray(values)
        if not len(array):
            return np.zeros(0, np.int64)
        if array.dtype.kind not in "iu" or array.ndim != 1:
            raise TypeError
        out = array.astype(np.int64)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError("word counts must be whole numbers below 2**63") from None
    if out.sum(dtype=np.float64) >= 2**63:
        raise ConfigError("word counts add up to more than 2**63 - 1")
    if (out < 0).any() or (array.dtype.kind == "u" and (array > np.iinfo(np.int64).max).any()):
        raise ConfigError("word counts must lie between 0 and 2**63 - 1")
    return out


def select(
    blob: Bytes, offsets: Ints, counts: Ints, min_count: int, max_final_vocab: int | None
) -> tuple[Bytes, Ints, Ints, Ints, int]:
    """Prune and order: (blob, offsets, counts) of the words kept, their old indices, and the min_count that was needed.

    Raises CorpusError when no word is left, naming the commonest.
    """
    least = effective_min_count(counts, min_count, max_final_vocab)
    kept = np.flatnonzero(counts >= least)
    if not len(kept):
        raise _nothing_left(blob, offsets, counts, least, max_final_vocab)
    kept = kept[frequency_order(*gather(blob, offsets, kept), counts[kept])]
    return *gather(blob, offsets, kept), counts[kept], kept, least


def effective_min_count(counts: Ints, min_count: int, max_final_vocab: int | None) -> int:
    """The smallest min_count, not below the given one, that leaves at most `max_final_vocab` words."""
    if max_final_vocab is None or len(counts) <= max_final_vocab:
        return min_count
    first_out = np.partition(counts, len(counts) - max_final_vocab - 1)[len(counts) - max_final_vocab - 1]
    return max(min_count, int(first_out) + 1)


def _nothing_left(blob: Bytes, offsets: Ints, counts: Ints, least: int, limit: int | None) -> CorpusError:
    if not len(counts):
        return CorpusError("there are no words to make a vocabulary of")
    best = int(counts.argmax())
    word = blob[offsets[best] : offsets[best + 1]].tobytes().decode(errors="replace")
    most = int(counts[best])
    if limit is not None and least > most:
        more = int((counts == most).sum())
        hint = f"{more:,} words share the highest count, {most:,}; allow as many with max_final_vocab"
        return CorpusError(f"max_final_vocab={limit} leaves no word", hint)
    hint = f"the commonest word, {word!r}, occurs {most:,} times; give a min_count of {most} or less"
    return CorpusError(f"every word occurs fewer than {least:,} times (min_count)", hint)


def pack(words: Iterable[str]) -> tuple[Bytes, Ints]:
    """Words as (blob, offsets). Raises ConfigError for what is not a string, or has no UTF-8 form."""
    try:
        encoded = [word.encode() for word in words]
    except AttributeError:
        raise ConfigError("words must be strings") from None
    except UnicodeEncodeError as error:
        raise ConfigError(f"the word {error.object!r} has no UTF-8 form") from None
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(word) for word in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def unpack(blob: Bytes, offsets: Ints) -> list[str]:
    """The inverse of `pack`. Bytes that are not UTF-8 become U+FFFD."""
    data = blob.tobytes()
    within = np.append((blob & 0xC0) == 0x80, False)  # bytes that go on with a character
    try:
        if within[offsets].any():  # a word begins inside a character: broken ones whose bytes fit together by chance
            raise ValueError
        text = data.decode()
    except ValueError:
        return [data[start:stop].decode(errors="replace") for start, stop in pairwise(offsets.tolist())]
    if len(text) != len(data):  # from positions in bytes to positions in characters
        offsets = np.concatenate(([0], np.cumsum(~within[:-1])))[offsets]
    return [text[start:stop] for start, stop in pairwise(offsets.tolist())]


def gather(blob: Bytes, offsets: Ints, ids: Ints) -> tuple[Bytes, Ints]:
    """(blob, offsets) of the words `ids`, in their order."""
    lengths = offsets[ids + 1] - offsets[ids]
    out_offsets = np.concatenate(([0], np.cumsum(lengths)))
    out = np.empty(out_offsets[-1], np.uint8)
    for at in range(0, len(ids), _GATHER):
        part = slice(at, at + _GATHER)
        begin, end = out_offsets[at], out_offsets[min(at + _GATHER, len(ids))]
        source = np.repeat(offsets[ids[part]] - out_offsets[:-1][part], lengths[part]) + np.arange(begin, end)
        out[begin:end] = blob[source]
    return out, out_offsets


def frequency_order(blob: Bytes, offsets: Ints, counts: Ints) -> Ints:
    """The order of the words: count descending, ties by UTF-8 bytes ascending."""
    keys = [_prefix(blob, offsets, skip) for skip in (0, 8)]
    order = np.lexsort((keys[1], keys[0], -counts))
    # Words alike in count and 16 bytes are rare; those Python sorts.
    alike = np.ones(max(len(order) - 1, 0), bool)
    for key in (*keys, counts):
        alike &= np.diff(key[order]) == 0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], alike.astype(np.int8), [0]))))
    for start, stop in edges.reshape(-1, 2).tolist():
        group = order[start : stop + 1]
        group[:] = sorted(group.tolist(), key=lambda i: blob[offsets[i] : offsets[i + 1]].tobytes())
    return order


def _prefix(blob: Bytes, offsets: Ints, skip: int) -> NDArray[np.uint64]:
    """Eight bytes of each word from byte `skip` on, as a big-endian number: compares like the bytes."""
    key = np.zeros(len(offsets) - 1, np.uint64)
    for k in range(skip, skip + 8):
        at = offsets[:-1] + k
        inside = at < offsets[1:]
        key <<= np.uint64(8)
        key[inside] |= blob[at[inside]]
    return key


def nearest_words(word: str, words: Sequence[str], n: int = 3, among: int = 30_000) -> list[str]:
    """Up to `n` of the first `among` words (the commonest) that `word` may be a slip of, the likeliest first.

    Likely: few edits (insert, delete, replace, swap of neighbours), at most a third of the letters; upper and lower
    case count as the same. About 20 ms for 30,000 words.
    """
    target = word.casefold()[:40]
    slack = max(1, len(target) // 3)
    pool = [(w, w.casefold()) for w in islice(words, among)]
    pool = [(w, folded) for w, folded in pool if abs(len(folded) - len(target)) <= slack and folded]
    if not pool or not target:
        return []
    distances = _edit_distances(target, [folded for _, folded in pool])
    best = np.argsort(distances, kind="stable")[:n]
    return [pool[i][0] for i in best.tolist() if distances[i] <= slack]


def _edit_distances(target: str, words: list[str]) -> NDArray[np.int32]:
    """Optimal string alignment distances from `target` to all words at once, one row of the usual table at a time."""
    lengths = np.array([len(word) for word in words])
    width = int(lengths.max())
    letters = np.array(words, dtype=f"U{width}").view(np.uint32).reshape(len(words), width).T
    goal = [ord(letter) for letter in target]
    before = above = np.tile(np.arange(width + 1, dtype=np.int32)[:, None], len(words))
    for i, letter in enumerate(goal, 1):
        row = np.empty_like(above)
        row[0] = i
        for j in range(1, width + 1):
            row[j] = np.minimum(np.minimum(row[j - 1], above[j]) + 1, above[j - 1] + (letters[j - 1] != letter))
            if i > 1 and j > 1:
                swapped = (letters[j - 1] == goal[i - 2]) & (letters[j - 2] == letter)
                row[j] = np.where(swapped, np.minimum(row[j], before[j - 2] + 1), row[j])
        before, above = above, row
    distances: NDArray[np.int32] = above[lengths, np.arange(len(words))]
    return distances
