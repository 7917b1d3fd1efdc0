"""fastText's .bin models (format version 12, and 11): the vectors of the words in the vocabulary. Quantised models
(.ftz) are refused, and no vectors are made for other words.

The file: magic, version; 12 int32 and a double of arguments; sizes; words, each ended by a zero byte, with count and
type; then the input matrix, which is mapped, since a word needs but a few of its rows.
"""

from __future__ import annotations

import re
import struct
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, TruncatedError
from .files import Source
from .loaded import MAX_DIM, MAX_WORD, Loaded, Options, check_counts, decode_words
from .subwords import Subwords, means

MAGIC = struct.pack("<i", 793712314)

# Magic and version, then args.cc: dim ws epoch minCount neg wordNgrams loss model bucket minn maxn lrUpdateRate t
_HEADER = struct.Struct("<2i12id")
_SIZES = struct.Struct("<3i2q")  # entries, words, labels, tokens, pruned n-grams
_MATRIX = struct.Struct("<?2q")  # quantised, rows, columns
_ENTRY = struct.Struct("<qb")  # count; 0: word, 1: label


def read(source: Source, options: Options) -> Loaded:
    """Read a file from its beginning."""
    options.no_datatype("fastText models")
    data, name = source.whole(), source.name
    header = _unpack(_HEADER, data, 0, name)
    if data[:4].tobytes() != MAGIC or header[1] not in (11, 12):
        raise FormatError(f"{name}: not a fastText model of version 11 or 12", "models older than 2017 have no version")
    dim, bucket, minn, maxn = header[2], header[10], header[11], header[12]
    words, counts, at = _dictionary(data, name)
    subwords = Subwords(bucket if maxn > 0 else 0, minn, maxn)
    matrix = _input_matrix(data, at, (len(words) + subwords.bucket, dim), name)
    own, buckets = matrix[: len(words)], matrix[len(words) :]
    words, counts = words[: options.limit], counts[: options.limit]
    check_counts(counts, name)
    offsets = np.concatenate(([0], np.cumsum([len(word) for word in words], dtype=np.int64)))
    decoded = decode_words(np.frombuffer(b"".join(words), np.uint8), offsets, options, name)
    try:
        vectors = means(words, own, buckets, subwords)
    except FormatError as error:
        raise FormatError(f"{name}: {error}", error.hint) from None
    return Loaded(decoded, vectors, {"count": counts}).distinct(name)


def _input_matrix(data: NDArray[np.uint8], at: int, shape: tuple[int, int], name: str) -> NDArray[np.float32]:
    """The input matrix, a view of the file; it must have at least the rows, and exactly the columns, of `shape`."""
    quantised, rows, columns = _unpack(_MATRIX, data, at, name)
    if quantised:
        raise FormatError(f"{name}: quantised fastText models (.ftz) are not read", "use the .bin it was made from")
    if not 1 <= shape[1] <= MAX_DIM or columns != shape[1] or shape[0] < 0 or rows < shape[0]:
        raise FormatError(f"{name}: the input matrix is {rows} x {columns}; {shape[0]} x {shape[1]} is expected")
    at += _MATRIX.size
    if len(data) - at < rows * columns * 4:
        message = f"{name} ends too early: the input matrix takes {rows * columns * 4:,} bytes"
        raise TruncatedError(message, "the file is cut off")
    return data[at : at + rows * columns * 4].view("<f4").reshape(rows, columns)


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
        raise FormatError(f"{name}: the dictionary breaks off after {len(found)} of {words} words", "the file is damaged")
    return found, np.array(counts, np.int64), at
