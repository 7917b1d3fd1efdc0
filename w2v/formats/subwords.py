"""A word's vector as fastText makes it: the mean of the word's own row and those of its character n-grams.

Bojanowski et al. 2017, section 3.2; Dictionary::computeSubwords in fastText's source. N-grams are `minn` to `maxn`
letters of "<word>" and are found by hash: FNV-1a over the UTF-8 bytes, as signed chars, modulo `bucket`. A letter is a
byte that begins a UTF-8 letter and those that continue it. Only words with a row of their own get vectors here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError

_END_OF_SENTENCE = b"</s>"  # has no n-grams
_BLOCK = 1 << 22  # numbers gathered at a time
_LONGEST_NGRAM = 64  # letters; fastText's default is 6
_WIDEST_LETTER = 64  # bytes; UTF-8 has 4, but words may be in any encoding
_OFFSET_BASIS, _PRIME = np.uint32(2166136261), np.uint32(16777619)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Subwords:
    """How words are cut into n-grams; none at all if `maxn` or `bucket` is 0."""

    bucket: int
    minn: int
    maxn: int

    @property
    def longest(self) -> int:
        """The letters of the longest n-gram; 0 without n-grams."""
        return self.maxn if self.bucket > 0 else 0


def means(words: list[bytes], own: Floats, buckets: Floats, subwords: Subwords) -> Floats:
    """The vectors (V, D) of V words, from their `own` rows (V, D) and those of the `buckets` (bucket, D).

    Raises FormatError for n-grams, words or letters longer than any model has.
    """
    dim = own.shape[1]
    if subwords.longest > _LONGEST_NGRAM:
        raise FormatError(f"n-grams of {subwords.maxn} letters cannot be", "the file is damaged")
    costs = [(1 + (len(word) + 2) * max(0, subwords.longest)) * dim for word in words]
    if max(costs, default=0) > max(_BLOCK, own.size, buckets.size):
        raise FormatError("it has words too long for their n-grams to be added up", "the file is damaged")
    out = np.empty((len(words), dim), np.float32)
    for start, stop in _spans(costs):
        ngrams, counts = _ngrams(words[start:stop], subwords)
        ends = np.cumsum(counts + 1)
        firsts = ends - counts - 1
        rows = np.empty((ends[-1], dim), np.float32)
        is_own = np.zeros(len(rows), bool)
        is_own[firsts] = True
        rows[is_own] = own[start:stop]
        rows[~is_own] = buckets[ngrams]
        with np.errstate(over="ignore", invalid="ignore"):  # a damaged file may hold any numbers
            sums = np.add.reduceat(rows, firsts, axis=0)
            out[start:stop] = sums * (1.0 / (counts + 1)).astype(np.float32)[:, None]
    return out


def _spans(costs: list[int]) -> Iterator[tuple[int, int]]:
    """Runs of words that cost little enough together."""
    start = total = 0
    for i, cost in enumerate(costs):
        if total and total + cost > _BLOCK:
            yield start, i
            start, total = i, 0
        total += cost
    if start < len(costs):
        yield start, len(costs)


def _ngrams(words: list[bytes], subwords: Subwords) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The bucket of every n-gram, word by word, by place and then length; and how many each word has."""
    if subwords.longest <= 0:
        return np.zeros(0, np.int64), np.zeros(len(words), np.int64)
    text = np.frombuffer(b"".join(b"" if word == _END_OF_SENTENCE else b"<%s>" % word for word in words), np.uint8)
    lengths = [0 if word == _END_OF_SENTENCE else len(word) + 2 for word in words]
    letters = np.flatnonzero((text & 0xC0) != 0x80)  # where letters begin
    word_of = np.repeat(np.arange(len(words)), lengths)[letters]
    hashes, valid = _hashes(text, letters, word_of, subwords)
    counts = np.bincount(word_of, valid.sum(axis=1), len(words)).astype(np.int64)
    return (hashes[valid] % np.uint32(subwords.bucket)).astype(np.int64), counts


def _hashes(
    text: NDArray[np.uint8], letters: NDArray[np.int64], word_of: NDArray[np.int64], subwords: Subwords
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """FNV-1a of the n-grams that begin at each letter, (letters, maxn) for n = 1 ... maxn, and which of them count."""
    widths = np.diff(letters, append=len(text))
    if widths.max(initial=0) > _WIDEST_LETTER:
        raise FormatError("its words are no text", "the file is damaged")
    signed = text.view(np.int8).astype(np.int32).view(np.uint32)
    goes_on = np.append(word_of[1:] == word_of[:-1], False)[: len(letters)]  # the next letter is of the same word
    begins = np.append(True, ~goes_on[:-1])[: len(letters)]
    hashes = np.zeros((len(letters), subwords.maxn), np.uint32)
    valid = np.zeros((len(letters), subwords.maxn), bool)
    state = np.full(len(letters), _OFFSET_BASIS)
    starts = np.arange(len(letters))  # of the n-grams that still grow
    for n in range(1, subwords.maxn + 1):
        last = starts + n - 1  # the letter by which each grows
        for k in range(int(widths[last].max(initial=0))):
            wide = np.flatnonzero(widths[last] > k)
            state[starts[wide]] = (state[starts[wide]] ^ signed[letters[last[wide]] + k]) * _PRIME
        hashes[starts, n - 1] = state[starts]
        # "<" and ">" alone are no n-grams.
        valid[starts, n - 1] = (n >= subwords.minn) & ((n > 1) | ~(begins[starts] | ~goes_on[starts]))
        starts = starts[goes_on[last]]
    return hashes, valid
