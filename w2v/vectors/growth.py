"""Changing a set of vectors: attributes, new keys, new sizes, another order. Owns every method that writes.

Whatever changes a vector drops the norms; whatever moves rows moves attributes and lock factors with them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import VectorsError
from .store import KEY_TYPES, Key, VectorStore


class GrowingStore(VectorStore):
    """A VectorStore that can be changed."""

    def allocate_vecattrs(self, attrs: Iterable[str] | None = None, types: Iterable[Any] | None = None) -> None:
        """Make an array of V values of the given type for each attribute; without arguments, fit those there are to V.

        Raises TypeError when an attribute exists with a type that cannot hold the new one.
        """
        if attrs is None:
            attrs = list(self.expandos)
            types = [self.expandos[attr].dtype for attr in attrs]
        for attr, kind in zip(attrs, types if types is not None else (), strict=True):
            # int is 32 bits on Windows; str would become fixed-width text.
            kind = {int: np.int64, str: object}.get(kind, kind)
            old = self.expandos.get(attr)
            if old is None:
                self.expandos[attr] = np.zeros(len(self), dtype=kind)
                continue
            if not np.issubdtype(kind, old.dtype):
                raise TypeError(f"attribute '{attr}' holds {old.dtype}, which is no type for {np.dtype(kind)}")
            if len(old) != len(self):
                new = np.zeros((len(self), *old.shape[1:]), dtype=old.dtype)
                new[: len(old)] = old[: len(self)]
                self.expandos[attr] = new

    def set_vecattr(self, key: Key, attr: str, val: Any) -> None:
        """Store attribute `attr` of `key`. The first value of an attribute sets its type for all keys."""
        index = self.get_index(key)
        self.allocate_vecattrs([attr], [type(val)])
        if not self.expandos[attr].flags.writeable:
            self.expandos[attr] = self.expandos[attr].copy()
        self.expandos[attr][index] = val

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """The attribute `attr` of `key`. Raises KeyError for an attribute nobody set, WordError for an unknown key.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["a", "b"], [[3.0, 4.0], [1.0, 0.0]])
        >>> kv.set_vecattr("a", "part_of_speech", "article")
        >>> kv.get_vecattr("a", "part_of_speech")
        'article'
        """
        return self.expandos[attr][self.get_index(key)]

    def add_vector(self, key: Key, vector: ArrayLike) -> int:
        """Put `vector` (D,) at `key` and return its row: the key's own row, else the next free slot, else a new row.

        A new row copies the whole matrix, hence a UserWarning; add many with add_vectors().
        """
        row = np.asarray(vector)
        if row.shape != (self.vector_size,):
            raise VectorsError(f"a vector of shape {row.shape} where {self.vector_size} numbers are expected")
        index = self._find(key)
        if index >= 0:
            self._writeable()[index] = row
            return index
        while self.next_index < len(self) and self._key(self.next_index) is not None:
            self.next_index += 1
        index = self.next_index
        if index >= len(self):
            warnings.warn(
                "adding vectors one at a time copies all vectors each time; use add_vectors() or preallocate",
                UserWarning,
                stacklevel=2,
            )
            self.add_vectors([key], row[None, :])
        else:
            self.key_to_index[key] = index
            self.index_to_key[index] = key
            self._writeable()[index] = row
        self.next_index = index + 1
        return index

    def add_vectors(
        self,
        keys: Key | Sequence[Key],
        weights: ArrayLike,
        extras: Mapping[str, NDArray[Any]] | None = None,
        replace: bool = False,
    ) -> None:
        """Append new `keys` with `weights` (n, D) and, in `extras`, attributes: name -> array of n values.

        Keys already there keep what they have, unless `replace`. Of equal keys within the call the first counts, or the
        last with `replace`.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors(2)
        >>> kv.add_vectors(["a", "b"], [[3.0, 4.0], [1.0, 0.0]], extras={"count": np.array([7, 5])})
        >>> len(kv), int(kv.get_vecattr("b", "count"))
        (2, 5)
        """
        keys = [keys] if isinstance(keys, KEY_TYPES) else list(keys)
        rows = np.asarray(weights, dtype=self._vectors.dtype)
        if rows.ndim < 2:
            rows = rows.reshape(-1, self.vector_size) if not keys else rows[None, :]
        if rows.shape != (len(keys), self.vector_size):
            raise VectorsError(f"weights of shape {np.shape(weights)} for {len(keys)} keys of {self.vector_size} numbers")
        extras = {name: np.asarray(values) for name, values in (extras or {}).items()}
        for name, values in extras.items():
            if len(values) != len(keys):
                raise VectorsError(f"{len(values)} values of '{name}' for {len(keys)} keys")
        self.allocate_vecattrs(extras, [values.dtype for values in extras.values()])
        known = len(self)
        targets = self._places(keys)
        self._grow(len(self))
        # Backwards, so that of equal keys the first is written last; forwards where the last shall win.
        order = np.arange(len(keys)) if replace else np.flatnonzero(targets >= known)[::-1]
        for target, source in ((self._writeable(), rows), *((self._writeable_attr(n), v) for n, v in extras.items())):
            target[targets[order]] = source[order]

    def __setitem__(self, keys: Key | list[Key], weights: ArrayLike) -> None:
        """Add or replace the vectors of one key or of a list of keys."""
        self.add_vectors(keys, weights, replace=True)

    def resize_vectors(self, seed: int = 0) -> None:
        """Give every key a row: new rows are uniform in [-1, 1) / D, as training starts words."""
        known = len(self._vectors)
        self._grow(len(self))
        if len(self._vectors) > known:
            fresh = np.random.default_rng(seed).random((len(self) - known, self.vector_size), dtype=np.float32)
            self._writeable()[known:] = (fresh - np.float32(0.5)) * np.float32(2 / self.vector_size)

    def sort_by_descending_frequency(self) -> None:
        """Reorder keys, vectors and attributes by the attribute 'count', highest first; of equals the later comes
        first.
        """
        if not len(self):
            return
        if "count" not in self.expandos:
            raise VectorsError("there are no counts to sort by", "set them with set_vecattr(key, 'count', n)")
        self.allocate_vecattrs()
        counts = np.asarray(self.expandos["count"], np.int64)
        order = np.lexsort((-np.arange(len(counts)), -counts))
        self.index_to_key = [self.index_to_key[i] for i in order]
        self._key_to_index = None
        self.expandos = {attr: values[order] for attr, values in self.expandos.items()}
        norms, lockf = self._norms, self.vectors_lockf
        if len(self._vectors):
            self.vectors = self._vectors[order]
            self.norms = norms[order] if norms is not None else None
        if len(lockf) == len(order):
            self.vectors_lockf = lockf[order]

    def _places(self, keys: list[Key]) -> NDArray[np.int64]:
        """The row of each key, new keys appended to the vocabulary."""
        positions, names = self.key_to_index, self.index_to_key
        for key in keys:
            if key not in positions:
                positions[key] = len(names)
                names.append(key)
        return np.array([positions[key] for key in keys], np.int64)

    def _grow(self, count: int) -> None:
        """Fit the matrix and the attributes to `count` rows; new ones are zero."""
        old = self._vectors
        if len(old) != count:
            new = np.zeros((count, self.vector_size), old.dtype)
            new[: len(old)] = old[:count]
            self.vectors = new
        self.allocate_vecattrs()

    def _writeable_attr(self, attr: str) -> NDArray[Any]:
        if not self.expandos[attr].flags.writeable:
            self.expandos[attr] = self.expandos[attr].copy()
        return self.expandos[attr]
