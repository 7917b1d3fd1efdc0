"""Words and vectors on their way into word2vec's and GloVe's files. Owns what these can hold, and writing by blocks.

The matrix may be a padded view or a mapped file: it is never copied as a whole.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..vectors import KeyedVectors

logger = logging.getLogger(__name__)

_BLOCK = 1 << 17  # numbers formatted or copied at a time


@dataclass(frozen=True)
class Rows:
    """The rows of `kv` in the order in which they are written (None: as they are), with `prefix` before each word."""

    kv: KeyedVectors
    order: NDArray[np.int64] | None = None
    prefix: str = ""

    @cached_property
    def indices(self) -> list[int]:
        """Row numbers in the order of writing."""
        return list(range(len(self.kv))) if self.order is None else self.order.tolist()

    @cached_property
    def words(self) -> list[bytes]:
        """The words as they are written."""
        check_complete(self.kv)
        keys = self.kv.index_to_key
        return [_encoded(keys[i], self.prefix) for i in self.indices]

    def blocks(self) -> Iterator[tuple[list[bytes], NDArray[Any]]]:
        """Some words and their vectors at a time."""
        step = max(1, _BLOCK // max(1, self.kv.vector_size))
        for at in range(0, len(self.words), step):
            part = slice(at, at + step)
            yield self.words[part], self.kv.vectors[part if self.order is None else self.order[part]]


def numbers_of(kv: KeyedVectors) -> Iterator[tuple[str, NDArray[Any]]]:
    """(name, values) of the attributes that are numbers, one for each word; what is left out is logged as a warning.

    "code" and "point", gensim's names for the paths in the Huffman tree, go without one: they follow from the counts.
    """
    for name, values in kv.expandos.items():
        if values.dtype.kind in "biuf" and values.dtype.itemsize <= 8 and values.shape == (len(kv),):
            yield name, values
        elif name not in ("code", "point"):
            logger.warning("the attribute %r is not saved: only numbers are, one for each word", name)


def check_complete(kv: KeyedVectors) -> None:
    """Raise FormatError unless every key has a vector and every vector a key."""
    if len(kv) != len(kv.vectors):
        raise FormatError(f"{len(kv)} keys and {len(kv.vectors)} vectors do not make a file", "call resize_vectors()")


def _encoded(key: Any, prefix: str) -> bytes:
    if key is None:
        raise FormatError("a row has no key: it was preallocated and never filled")
    try:
        return f"{prefix}{key}".encode()
    except UnicodeEncodeError:
        raise FormatError(f"the word {key!r} has no UTF-8 form") from None


def check_words(rows: Rows, spaces: bool) -> None:
    """Raise FormatError for a word that would break the file; `spaces` says whether it may hold any."""
    broken = re.compile(rb"[\t\n\v\f\r]|^$" if spaces else rb"[ \t\n\v\f\r]|^$")
    for word in rows.words:
        if broken.search(word):
            what = "is empty" if not word else "holds white space"
            hint = "replace it (KeyedVectors.index_to_key), or save in the native format, which holds any word"
            raise FormatError(f"the word {word[:60].decode(errors='replace')!r} {what}, which this format cannot hold", hint)


def binary_rows(rows: Rows) -> Iterator[bytes]:
    """Word, space, float32 of the machine-independent (little-endian) kind."""
    for words, vectors in rows.blocks():
        numbers = np.ascontiguousarray(vectors, "<f4")
        size = numbers.shape[1] * 4
        data = numbers.tobytes()
        yield b"".join([b"%s %s" % (word, data[i * size : (i + 1) * size]) for i, word in enumerate(words)])


def text_rows(rows: Rows) -> Iterator[bytes]:
    """Word and numbers, each the shortest decimal that reads back as the same number of the matrix's type."""
    for words, vectors in rows.blocks():
        numbers = np.asarray(vectors).astype("S").tolist()
        yield b"".join([b"%s %s\n" % (word, b" ".join(row)) for word, row in zip(words, numbers, strict=True)])
