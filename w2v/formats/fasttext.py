"""fastText's .bin models (format version 12, and 11): the vectors of the words in the vocabulary. Quantised models
(.ftz) are refused, and no vectors are made for other words.

A word's vector is the mean of its own row of the input matrix and of the rows of its character n-grams, as fastText
prints it (Bojanowski et al. 2017, section 3.2; Dictionary::computeSubwords in its source). N-grams are `minn` to `maxn`
letters of "<word>" and are found by hash: FNV-1a over the UTF-8 bytes, as signed chars, modulo `bucket`.

The file: magic, version; 12 int32 and a double of arguments; sizes; words, each ended by a zero byte, with count and
type; then the input matrix, which is mapped, since a word needs but a few of its rows.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, TruncatedError
from .files import Source
from .loaded import Loaded, Options, decode_words
from .text import MAX_DIM, MAX_WORD

MAGIC = struct.pack("<i", 793712314)

_HEADER = struct.Struct(
    "<2i12id"
)  # magic, version, then args.cc: dim ws epoch minCount neg wordNgrams loss model bucket minn maxn ...
_SIZES = struct.Struct("<3i2q")  # entries, words, labels, tokens, pruned n-grams
_MATRIX = struct.Struct("<?2q")  # quantised, rows, columns
_ENTRY = struct.Struct("<qb")  # count; 0: word, 1: label
_END_OF_SENTENCE = b"</s>"  # has no n-grams
_BLOCK = 1 << 22  # numbers of the input matrix gathered at a time


@dataclass(frozen=True)
class _Subwords:
    """How words are cut into n-grams."""

    words: int  # rows of the input matrix before the first bucket
    bucket: int
    minn: int
    maxn: int


def read(source: Source, options: Options) -> Loaded:
    """Read a file from its beginning."""
    options.no_datatype("fastText models")
    data, name = source.whole(), source.name
    header = _unpack(_HEADER, data, 0, name)
    if data[:4].tobytes() != MAGIC or header[1] not in (11, 12):
        raise FormatError(f"{name}: not a fastText model of version 11 or 12", "models older than 2017 have no version")
    dim, bucket, minn, maxn = header[2], header[10], header[11], header[12]
    words, counts, at = _dictionary(data, name)
    quantised, rows, columns = _unpack(_MATRIX, data, at, name)
    if quantised:
        raise FormatError(f"{name}: quantised fastText models (.ftz) are not read", "use the .bin it was made from")
    at += _MATRIX.size
    ngrams = bucket if maxn > 0 else 0
    if (
        not 1 <= dim <= MAX_DIM
        or columns != dim
        or bucket < 0
        or maxn > 1000
        or rows < len(words) + ngrams
        or rows >> 40
    ):
        raise FormatError(
            f"{name}: the input matrix is {rows} x {columns}; {len(words)} + {ngrams} x {dim} is expected"
        )
    if len(data) - at < rows * dim * 4:
        raise TruncatedError(
            f"{name} ends too early: the input matrix takes {rows * dim * 4:,} bytes", "the file is cut off"
        )
    matrix = data[at : at + rows * dim * 4].view("<f4").reshape(rows, dim)
    subwords = _Subwords(len(words), ngrams, minn, maxn)
    words, counts = words[: options.limit], counts[: options.limit]
    if _cost(max(words, key=len, default=b""), subwords, dim) > max(_BLOCK, len(data)):
        raise FormatError(f"{name}: it has words too long for their n-grams to be added up", "the file is damaged")
    offsets = np.concatenate(([0], np.cumsum([len(word) for word in words], dtype=np.int64)))
    decoded = decode_words(np.frombuffer(b"".join(words), np.uint8), offsets, options, name)
    return Loaded(decoded, _means(words, matrix, subwords), counts).distinct(name)


def _unpack(layout: struct.Struct, data: NDArray[np.uint8], at: int, name: str) -> tuple[int, ...]:
    if len(data) - at < layout.size:
        raise TruncatedError(f"{name} ends after {len(data)} bytes, in the middle of a header", "the file is cut off")
    return layout.unpack_from(data.data, at)


def _dictionary(data: NDArray[np.uint8], name: str) -> tuple[list[bytes], NDArray[np.int64], int]:
    """The words and their counts, and where the dictionary ends. Labels are left out: they have no row."""
    entries, words, labels, _, pruned = _unpack(_SIZES, data, _HEADER.size, name)
    at = _HEADER.size + _SIZES.size
    if min(entries, words, labels) < 0 or entries != words + labels or entries * (_ENTRY.size + 1) > len(data) - at:
        raise FormatError(f"{name}: a dictionary of {words} words and {labels} labels cannot be", "the file is damaged")
    if pruned >= 0:
        raise FormatError(f"{name}: models with pruned n-grams (.ftz) are not read", "use the .bin it was made from")
    found: list[bytes] = []
    counts: list[int] = []
    for entry in islice(re.compile(rb"\0(.{9})", re.DOTALL).finditer(data.data, at), entries):
        count, kind = _ENTRY.unpack(entry[1])
        if entry.start() - at > MAX_WORD or (kind != 0) != (len(found) >= words) or count < 0:
            break
        word, at = data[at : entry.start()].tobytes(), entry.end()
        if kind == 0:
            found.append(word)
            counts.append(count)
        else:
            labels -= 1
    if len(found) != words or labels:
        raise FormatError(
            f"{name}: the dictionary breaks off after {len(found)} of {words} words", "the file is damaged"
        )
    return found, np.array(counts, np.int64), at


def _means(words: list[bytes], matrix: NDArray[np.float32], subwords: _Subwords) -> NDArray[np.float32]:
    """The vectors of `words`, which are the first rows of `matrix`."""
    dim = matrix.shape[1]
    means = np.empty((len(words), dim), np.float32)
    for start, stop in _spans([_cost(word, subwords, dim) for word in words]):
        rows, ends = _rows_of(words[start:stop], start, subwords)
        sums = np.add.reduceat(matrix[rows], np.concatenate(([0], ends[:-1])), axis=0)
        counts = np.diff(ends, prepend=0)
        means[start:stop] = sums * (1.0 / counts).astype(np.float32)[:, None]
    return means


def _cost(word: bytes, subwords: _Subwords, dim: int) -> int:
    """At least as many numbers as are gathered for a word."""
    return (1 + (len(word) + 2) * (subwords.maxn if subwords.bucket else 0)) * dim


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


def _rows_of(words: list[bytes], first: int, subwords: _Subwords) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows to average, word by word: its own, then its n-grams', by place and length; and where each word's end."""
    own = np.arange(first, first + len(words))
    if subwords.bucket == 0:
        return own, np.arange(1, len(words) + 1)
    text = np.frombuffer(b"".join(b"" if word == _END_OF_SENTENCE else b"<%s>" % word for word in words), np.uint8)
    lengths = np.array([0 if word == _END_OF_SENTENCE else len(word) + 2 for word in words])
    letters = np.flatnonzero((text & 0xC0) != 0x80)  # where letters begin
    word_of = np.repeat(np.arange(len(words)), lengths)[letters]
    hashes, valid = _hashes(text, letters, word_of, subwords)
    buckets = (hashes % np.uint32(subwords.bucket)).astype(np.int64) + subwords.words
    counts = 1 + np.bincount(word_of, valid.sum(axis=1), len(words)).astype(np.int64)
    ends = np.cumsum(counts)
    rows = np.empty(ends[-1], np.int64)
    at_own = np.zeros(len(rows), bool)
    at_own[ends - counts] = True
    rows[at_own] = own
    rows[~at_own] = buckets[valid]
    return rows, ends


def _hashes(
    text: NDArray[np.uint8], letters: NDArray[np.int64], word_of: NDArray[np.int64], subwords: _Subwords
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """FNV-1a of the n-grams that begin at each letter, (letters, maxn) for n = 1 ... maxn, and which of them count."""
    n_letters = len(letters)
    signed = text.view(np.int8).astype(np.int32).view(np.uint32)  # fastText hashes chars, which are signed
    ends = np.append(letters[1:], len(text))
    same_word = np.append(word_of[1:] == word_of[:-1], False)  # whether the next letter is of the same word
    first_letter = np.append(True, ~same_word[:-1])
    hashes = np.zeros((n_letters, subwords.maxn), np.uint32)
    valid = np.zeros((n_letters, subwords.maxn), bool)
    state = np.full(n_letters, 2166136261, np.uint32)
    starts = np.arange(n_letters)  # n-grams still growing
    for n in range(1, subwords.maxn + 1):
        last = starts + n - 1  # the letter each is to grow by
        for k in range(int((ends - letters)[last].max(initial=0))):
            longer = letters[last] + k < ends[last]
            byte = signed[np.minimum(letters[last] + k, len(text) - 1)]
            grown = (state[starts] ^ byte) * np.uint32(16777619)
            state[starts] = np.where(longer, grown, state[starts])
        hashes[starts, n - 1] = state[starts]
        edge = first_letter[starts] | ~same_word[starts] if n == 1 else False  # "<" and ">" alone are no n-grams
        valid[starts, n - 1] = (n >= subwords.minn) & ~np.asarray(edge)
        starts = starts[same_word[last]]
    return hashes, valid
