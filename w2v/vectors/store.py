"""Keys and their vectors. Owns what a set of vectors is made of, look-up and norms; growth.py changes them.

Three facts hold in all of them: the matrix is never assumed contiguous, owned or writeable (it may be a padded view or
a memory-mapped file; whoever changes rows calls `_writeable` first); norms are computed once and dropped by every
method that changes a vector; words and the dictionary from word to index are decoded on first need.
"""

from __future__ import annotations

import datetime
import logging
import platform
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ConfigError, VectorsError, WordError
from ..vocab import nearest_words
from .search import Directions, Floats, row_norms
from .words import PackedWords

logger = logging.getLogger(__name__)

Key = str | int | np.integer[Any]
KEY_TYPES = (str, int, np.integer)
Self = TypeVar("Self", bound="VectorStore")

# Look-ups that search the packed words before a dictionary is built: 2 ms each against 60 ms for 400,000 words.
_SEARCHES = 24


class VectorStore:
    """See KeyedVectors, which is this and the questions."""

    def __init__(
        self,
        vector_size: int,
        count: int = 0,
        dtype: Any = np.float32,
        mapfile_path: None = None,
    ) -> None:
        if mapfile_path is not None:
            raise ConfigError(
                "KeyedVectors cannot keep its matrix in mapfile_path (gensim never used it either)",
                "save the vectors and load them again: a saved matrix is memory-mapped",
            )
        self.mapfile_path = mapfile_path
        self.vector_size = int(vector_size)
        self.next_index = 0  # where add_vector() looks for a free slot
        self.expandos: dict[str, NDArray[Any]] = {}
        self.lifecycle_events: list[dict[str, Any]] | None = []
        self.vectors_lockf: Floats = np.ones(1, np.float32)
        self._packed: PackedWords | None = None
        self._index_to_key: list[Any] = [None] * count
        self._key_to_index: dict[Any, int] | None = {}
        self._searches = 0
        self._norms: Floats | None = None
        self._directions: Directions | None = None
        self._vectors: Floats = np.zeros((count, self.vector_size), dtype=dtype)

    @classmethod
    def from_arrays(
        cls: type[Self],
        words: Sequence[Any] | PackedWords,
        vectors: ArrayLike,
        *,
        norms: Floats | None = None,
        counts: ArrayLike | None = None,
    ) -> Self:
        """Wrap what is already there, without a copy: V `words` (a list, or PackedWords), `vectors` (V, D), and,
        if known, their `norms` (V,) and the words' `counts` (V,). Words are distinct; of equals the first is found.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["up", "down"], [[0.0, 1.0], [0.0, -1.0]], counts=[9, 4])
        >>> kv["up"].tolist(), int(kv.get_vecattr("down", "count"))
        ([0.0, 1.0], 4)
        """
        matrix = _as_matrix(vectors)
        kv = cls(matrix.shape[1])
        if len(words) != len(matrix):
            raise VectorsError(f"{len(words)} words for {len(matrix)} vectors")
        kv._vectors = matrix
        kv._key_to_index = None
        kv._packed, kv._index_to_key = (words, []) if isinstance(words, PackedWords) else (None, list(words))
        kv.next_index = len(words)
        if norms is not None:
            kv.norms = norms
        if counts is not None:
            counts = np.asarray(counts, np.int64)
            if counts.shape != (len(words),):
                raise VectorsError(f"{counts.size} counts for {len(words)} words")
            kv.expandos["count"] = counts
        return kv

    # ---- what it is made of

    @property
    def vectors(self) -> Floats:
        """(V, D) floats, one row per key. Assigning drops the norms; after changing rows in place call
        fill_norms(force=True).
        """
        return self._vectors

    @vectors.setter
    def vectors(self, vectors: ArrayLike) -> None:
        self._vectors = _as_matrix(vectors)
        self.vector_size = self._vectors.shape[1]
        self.norms = None

    @property
    def norms(self) -> Floats | None:
        """(V,) Euclidean length of each row, or None until fill_norms(). Assign None to have them computed again."""
        return self._norms

    @norms.setter
    def norms(self, norms: Floats | None) -> None:
        if norms is not None and np.shape(norms) != (len(self._vectors),):
            raise VectorsError(f"norms of shape {np.shape(norms)} for {len(self._vectors)} vectors")
        self._norms = norms
        self._directions = None

    @property
    def index_to_key(self) -> list[Any]:
        """The keys in the order of their rows."""
        packed = self._packed
        if packed is not None:
            self._index_to_key = packed.tolist()
            self._packed = None  # the list may be changed by whoever holds it; two truths would drift apart
        return self._index_to_key

    @index_to_key.setter
    def index_to_key(self, keys: Sequence[Any]) -> None:
        self._index_to_key, self._packed = list(keys), None

    @property
    def key_to_index(self) -> dict[Any, int]:
        """From key to row number; built on first use."""
        if self._key_to_index is None:
            self._key_to_index = _positions_of(self.index_to_key)
        return self._key_to_index

    @key_to_index.setter
    def key_to_index(self, positions: dict[Any, int]) -> None:
        self._key_to_index = positions

    def __len__(self) -> int:
        packed = self._packed
        return len(packed) if packed is not None else len(self.index_to_key)

    def __str__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.vector_size}, {len(self)} keys>"

    __repr__ = __str__

    def __iter__(self) -> Iterator[Any]:
        """The keys, in order. (gensim has no iterator, and list(kv) fails there.)"""
        return iter(self.index_to_key)

    # ---- look-up

    def get_index(self, key: Key, default: int | None = None) -> int:
        """The row of `key`: a key of the vocabulary, or else an integer taken as the row itself.

        Raises WordError (a KeyError) unless a `default` is given.
        """
        position = self._find(key)
        if position >= 0:
            return position
        if isinstance(key, (int, np.integer)) and 0 <= key < len(self):
            return int(key)
        if default is not None:
            return default
        raise WordError(f"Key '{key}' not present", lambda: self._near(key))

    def has_index_for(self, key: Key) -> bool:
        """Whether `key` has a row. A subclass that makes up vectors may contain more keys than this."""
        return self.get_index(key, -1) >= 0

    def __contains__(self, key: Key) -> bool:
        return self.has_index_for(key)

    def get_vector(self, key: Key, norm: bool = False) -> Floats:
        """The vector (D,) of `key`, read-only; with `norm` at unit length (NaN where the vector has no direction).

        Raises WordError for an unknown key.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["a", "b"], [[3.0, 4.0], [1.0, 0.0]])
        >>> print(kv.get_vector("a", norm=True))
        [0.6 0.8]
        """
        index = self.get_index(key)
        if norm:
            rows = self.directions()
            vector: Floats = rows.vectors[index] / rows.norms[index]
        else:
            vector = self._vectors[index]
        vector.setflags(write=False)  # a change would leave the norms stale
        return vector

    def __getitem__(self, key_or_keys: Key | Iterable[Key]) -> Floats:
        """The vector (D,) of one key, or a matrix (n, D) of the vectors of several."""
        if isinstance(key_or_keys, KEY_TYPES):
            return self.get_vector(key_or_keys)
        keys = list(key_or_keys)
        indices = [self.get_index(key, -1) for key in keys]
        if -1 in indices:  # unknown, unless a subclass makes up a vector
            return np.stack([self.get_vector(key) for key in keys])
        return self._vectors[np.array(indices, np.int64)]

    def _find(self, key: Any) -> int:
        """The row of `key` as a key, or -1."""
        packed = self._packed  # another thread may be unpacking it
        if self._key_to_index is None and packed is not None and self._searches < _SEARCHES:
            self._searches += 1
            return packed.find(key) if isinstance(key, str) else -1
        return self.key_to_index.get(key, -1)

    def _key(self, index: int) -> Any:
        """The key of a row, without decoding the others."""
        packed = self._packed
        return packed[index] if packed is not None else self.index_to_key[index]

    def _near(self, key: Any) -> str | None:
        words = [word for word in islice(self, 30_000) if isinstance(word, str)]
        near = nearest_words(key, words, 3) if isinstance(key, str) else []
        return f"nearest known words: {', '.join(near)}" if near else None

    # ---- norms

    def fill_norms(self, force: bool = False) -> None:
        """Compute the norms if they are missing, or again with `force` (after rows were changed in place)."""
        if self._norms is None or force or len(self._norms) != len(self._vectors):
            self.norms = row_norms(self._vectors)

    def get_normed_vectors(self) -> Floats:
        """A copy (V, D) of all vectors at unit length; NaN in rows without direction."""
        rows = self.directions()
        normed: Floats = rows.vectors / rows.norms[:, None]
        return normed

    def unit_normalize_all(self) -> None:
        """Scale every vector to unit length for good. Rows without direction are left as they are."""
        rows = self.directions()
        lengths = np.array(rows.norms)
        lengths[rows.blank] = 1
        self._writeable()
        self._vectors /= lengths[:, None].astype(self._vectors.dtype)
        self.fill_norms(force=True)

    def directions(self, start: int = 0, stop: int | None = None) -> Directions:
        """Rows start to stop as the search sees them, norms included."""
        self.fill_norms()
        rows = self._directions
        if rows is None or self._norms is None:
            rows = Directions.of(self._vectors, row_norms(self._vectors) if self._norms is None else self._norms)
            self._directions = rows
            if len(rows.blank):
                logger.warning(
                    "%d of %d vectors are zero or not finite: without direction they are never among the most similar",
                    len(rows.blank),
                    len(rows),
                )
        return rows if start == 0 and stop is None else rows.span(start, len(rows) if stop is None else stop)

    def add_lifecycle_event(self, event_name: str, log_level: int | None = logging.INFO, **event: Any) -> None:
        """Append a record of what was done to `lifecycle_events` (None there: keep none), and log it at `log_level`, if
        any.
        """
        if self.lifecycle_events is None:
            return
        record = {
            "event": event_name,
            "datetime": datetime.datetime.now().astimezone().isoformat(),
            "python": platform.python_version(),
            **event,
        }
        self.lifecycle_events.append(record)
        if log_level is not None:
            logger.log(log_level, "%s: %s", type(self).__name__, record)

    def _writeable(self) -> Floats:
        """The matrix, ours to change; the norms are forgotten."""
        if not self._vectors.flags.writeable:
            self._vectors = np.array(self._vectors)
        self.norms = None
        return self._vectors


def _as_matrix(vectors: ArrayLike) -> Floats:
    """`vectors` as a 2-D array of floats; a view wherever it is one already."""
    matrix = np.asarray(vectors, None if isinstance(vectors, np.ndarray) else np.float32)
    if matrix.dtype.kind != "f":
        matrix = matrix.astype(np.float32)
    if matrix.ndim != 2:
        raise VectorsError(f"vectors of shape {matrix.shape}: a matrix, one row per key, is expected")
    return matrix


def _positions_of(keys: list[Any]) -> dict[Any, int]:
    """From key to index; slots without a key are left out, and of equal keys the first counts."""
    positions = dict(zip(keys, range(len(keys)), strict=True))
    if len(positions) != len(keys):
        positions = {key: index for index, key in reversed(list(enumerate(keys)))}
        doubles = len(keys) - len(positions) - max(0, keys.count(None) - 1)
        if doubles:
            logger.warning("%d keys occur more than once: the first of each counts", doubles)
    positions.pop(None, None)
    return positions
