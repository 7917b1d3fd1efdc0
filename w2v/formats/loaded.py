"""What every reader hands over: words and a matrix. Owns duplicates, encodings and the way to KeyedVectors."""

from __future__ import annotations

import codecs
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, EncodingError, FormatError
from ..vectors import KeyedVectors, PackedWords
from ..vocab import gather

logger = logging.getLogger(__name__)

Floats = NDArray[np.floating[Any]]
KV = TypeVar("KV", bound=KeyedVectors)

# Far beyond any use, and the bound of what one row may cost.
MAX_DIM = 1 << 20  # numbers in a vector
MAX_WORD = 1 << 20  # bytes of a word


@dataclass(frozen=True)
class Options:
    """What the caller of load() may ask of a reader."""

    limit: int | None = None  # at most so many vectors, the first of the file
    mmap: bool = True  # map matrices that lie in the file as they are needed, read-only
    encoding: str = "utf8"  # of the words
    unicode_errors: str = "strict"  # as in bytes.decode(): for words cut in the middle of a letter, as word2vec.c does
    datatype: Any = np.float32

    def __post_init__(self) -> None:
        whole = hasattr(self.limit, "__index__") and not isinstance(self.limit, bool)
        if self.limit is not None and (not whole or self.limit < 1):
            raise ConfigError(f"limit must be a whole number of at least 1, not {self.limit!r}")
        try:
            codecs.lookup(self.encoding)
            codecs.lookup_error(self.unicode_errors)
        except LookupError as error:
            raise ConfigError(str(error)) from None
        try:
            floats = np.dtype(self.datatype).kind == "f"
        except TypeError:
            floats = False
        if not floats:
            raise ConfigError(f"datatype must be a type of floats, not {self.datatype!r}")

    @property
    def utf8(self) -> bool:
        """Whether words are what nearly every file holds."""
        return codecs.lookup(self.encoding).name == "utf-8"

    def only_utf8(self, kind: str) -> None:
        """Raise ConfigError if an encoding is asked for where the format leaves no choice."""
        if not self.utf8 or self.unicode_errors != "strict":
            raise ConfigError(f"the words of {kind} are UTF-8: encoding and unicode_errors do not apply")

    def no_datatype(self, kind: str) -> None:
        """Raise ConfigError if a type of numbers is asked for where the file decides."""
        if np.dtype(self.datatype) != np.float32:
            raise ConfigError(f"datatype does not apply to {kind}", "convert afterwards: kv.vectors = kv.vectors.astype(...)")


@dataclass(frozen=True)
class Loaded:
    """V words, packed or as a list of keys; their `vectors` (V, D); what else is known of them, (V,) each: `norms`, and
    attributes such as "count".
    """

    words: PackedWords | list[Any]
    vectors: Floats
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    norms: Floats | None = None

    def to_keyed_vectors(self, cls: type[KV]) -> KV:
        """The only place that makes KeyedVectors of files."""
        kv = cls.from_arrays(self.words, self.vectors, norms=self.norms)
        kv.expandos.update(self.attributes)
        return kv

    def distinct(self, name: str) -> Loaded:
        """Each word once, with its first vector. What is left out is counted in a warning."""
        first = _first_of_each(self.words)
        if first is None:
            return self
        doubles = len(self.words) - len(first)
        logger.warning("%s: %d words occur again; of each the first vector is kept", name, doubles)
        if isinstance(self.words, PackedWords):
            words: PackedWords | list[Any] = PackedWords(*gather(self.words.blob, self.words.offsets, first))
        else:
            words = [self.words[i] for i in first.tolist()]
        attributes = {attribute: values[first] for attribute, values in self.attributes.items()}
        return Loaded(words, self.vectors[first], attributes, None if self.norms is None else self.norms[first])


def check_counts(counts: NDArray[Any], name: str) -> None:
    """Raise FormatError unless these can be the counts of words: none negative, their sum below 2**63. Training builds
    its tables on them.
    """
    numbers = counts.dtype.kind in "iuf" and (not len(counts) or counts.min() >= 0)
    if not numbers or not counts.sum(dtype=np.float64) < 2**63:  # so that NaN is refused, too
        raise FormatError(f"{name}: the counts of its words cannot be", "the file is damaged")


def decode_words(blob: NDArray[np.uint8], offsets: NDArray[np.int64], options: Options, name: str) -> PackedWords | list[str]:
    """The words of a file, in the encoding they are in. Raises EncodingError, naming the word."""
    if options.utf8 and is_utf8(blob, offsets):
        return PackedWords(blob, offsets)
    data = blob.tobytes()
    words = []
    for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
        try:
            words.append(data[start:stop].decode(options.encoding, options.unicode_errors))
        except UnicodeDecodeError as error:
            message = f"{name}: word {i + 1}, {data[start:stop][:40]!r}, is not {options.encoding}"
            raise EncodingError(message, error, "give encoding, or unicode_errors='replace'") from error
        except UnicodeError as error:  # some codecs (idna, punycode) raise this
            raise FormatError(f"{name}: word {i + 1} is not {options.encoding}: {error}") from error
    return words


def is_utf8(blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> bool:
    """Whether every single word is valid: the whole is, and no word begins inside a letter."""
    begins = offsets[:-1][offsets[:-1] < len(blob)]
    if ((blob[begins] & 0xC0) == 0x80).any():
        return False
    try:
        str(blob.data, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _first_of_each(words: PackedWords | list[Any]) -> NDArray[np.int64] | None:
    """The indices of the words that did not occur before; None if all are distinct, as nearly always."""
    if isinstance(words, list):
        return None if len(set(words)) == len(words) else _first(len(words), range(len(words)), words.__getitem__)
    hashes = _hashes(words.blob, words.offsets)
    in_order = np.sort(hashes)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    if not len(twice):
        return None
    # Equal hashes are nearly always equal words, but only comparing them tells.
    suspects = np.flatnonzero(np.isin(hashes, twice))
    bounds = words.offsets
    first = _first(len(words), suspects.tolist(), lambda i: words.blob[bounds[i] : bounds[i + 1]].tobytes())
    return None if len(first) == len(words) else first


def _first(total: int, suspects: Any, word: Callable[[int], Any]) -> NDArray[np.int64]:
    seen: set[Any] = set()
    kept = np.ones(total, bool)
    for i in suspects:
        w = word(i)
        kept[i] = w not in seen
        seen.add(w)
    return np.flatnonzero(kept)


_AT_ONCE = 1 << 15  # words: what is worked out on the way to their hashes stays in the cache, .6 of the time
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)


def _hashes(blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A 64-bit hash of each word, eight bytes at a time, many words at once: 25 ns a word, a tenth of a Python set."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for start in range(0, len(hashes), _AT_ONCE):
        bounds = offsets[start : start + _AT_ONCE + 1]
        hashes[start : start + _AT_ONCE] = _mixed(blob[bounds[0] : bounds[-1]], bounds - bounds[0])
    return hashes


def _mixed(blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    padded = np.concatenate([blob, np.zeros(8, np.uint8)])
    eight_from = np.ndarray((len(blob) + 1,), "<u8", buffer=padded, strides=(1,))
    left = np.diff(offsets)
    hashes = left.astype(np.uint64)
    rows, at = np.arange(len(left)), offsets[:-1]
    for turn in range(8):
        here = rows if turn else slice(None)  # all words have a first eight bytes
        mixed = eight_from[at]
        mixed &= _MASKS[np.minimum(left, 8)]
        mixed ^= hashes[here]
        mixed *= np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(32)
        hashes[here] = mixed
        longer = np.flatnonzero(left > 8)
        rows, at, left = rows[longer], at[longer] + 8, left[longer] - 8
    for row, start, stop in zip(rows.tolist(), at.tolist(), (at + left).tolist(), strict=True):  # beyond 64 bytes
        hashes[row] ^= np.uint64(hash(blob[start:stop].tobytes()) & 0xFFFFFFFFFFFFFFFF)
    return hashes
