"""How questions to vectors are read. Owns what a query may be and what it turns into: unit vectors, means, ranges.

Rules that hold for every question. A query is a key, a row number or a vector; words asked about are never in the
answer. Answers come best first, equals in the order of the vocabulary. A vector of zeros or with NaN in it has no
direction: asking about one raises VectorsError, its similarity in an array is NaN, and it is never ranked.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import VectorsError, WordError
from .growth import GrowingStore
from .search import Floats, best_of, row_norms
from .store import KEY_TYPES, Key

Query = Key | Floats
Weighted = Query | tuple[Query, float]
Queries = Weighted | Sequence[Weighted] | None
Ranking = list[tuple[Any, float]]


class ReadQuestions(GrowingStore):
    """A set of vectors that understands queries."""

    def get_mean_vector(
        self,
        keys: Sequence[Query] | Floats,
        weights: ArrayLike | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> Floats:
        """The weighted mean (D,) of the vectors of `keys`: sum(weight * vector) / sum(abs(weight)).

        Keys are taken at unit length with `pre_normalize`, vectors (D,) among them always as they are. Keys that are
        unknown (or, at unit length, without direction) are left out, or raise unless `ignore_missing`; when none is
        left the mean is zero. `post_normalize` brings the result to unit length, if it has any.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["tea", "car"], [[2.0, 0.0], [0.0, 1.0]])
        >>> print(kv.get_mean_vector(["tea", "car"]), kv.get_mean_vector(["tea", "car"], pre_normalize=False))
        [0.5 0.5] [1.  0.5]
        """
        keys = as_list(keys)
        if not keys:
            raise VectorsError("cannot compute mean with no input")
        weights = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
        if weights.shape != (len(keys),):
            raise VectorsError("keys and weights must have the same number of elements")
        rows, used = np.zeros((len(keys), self.vector_size)), np.ones(len(keys), bool)
        for i, key in enumerate(keys):
            if not isinstance(key, KEY_TYPES):
                rows[i] = self._as_vector(key)
            elif key in self or not ignore_missing:  # an unknown key raises
                rows[i] = self.get_vector(key, norm=pre_normalize)
            else:
                used[i] = False
        if pre_normalize:
            used &= np.isfinite(rows).all(axis=1)
        if not (ignore_missing or used.all()):
            lost = keys[int(np.argmin(used))]
            raise VectorsError(no_direction(f"'{lost}'" if isinstance(lost, KEY_TYPES) else "a vector of the query"))
        total = np.abs(weights[used]).sum()
        mean: Floats = weights[used] @ rows[used] / (total if total > 0 else 1)
        if post_normalize:
            mean /= np.linalg.norm(mean) or 1
        return mean.astype(np.result_type(self._vectors.dtype, np.float32))

    def _target(self, positive: list[Weighted], negative: list[Weighted]) -> tuple[Floats, NDArray[np.int64]]:
        """The unit vector asked about, and the rows of the keys it was made of."""
        keys, weights = [], []
        for sign, items in ((1.0, positive), (-1.0, negative)):
            for item in items:
                key, weight = item if isinstance(item, (tuple, list)) and len(item) == 2 else (item, sign)
                keys.append(key)
                weights.append(float(weight))
        mean = self.get_mean_vector(keys, weights, post_normalize=True, ignore_missing=False)
        if not (np.isfinite(mean).all() and mean.any()):
            raise VectorsError(no_direction("the mean of the query"))
        asked = [self.get_index(key, -1) for key in keys if isinstance(key, KEY_TYPES)]
        return mean, np.array([index for index in asked if index >= 0], np.int64)

    def _units_of(self, queries: Sequence[Query] | Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Each query at unit length (n, D), and the row it came from, -1 for a vector."""
        queries = queries if isinstance(queries, np.ndarray) and queries.ndim == 2 else as_list(queries)
        units = np.empty((len(queries), self.vector_size), self.directions().dtype)
        for i, query in enumerate(queries):
            units[i] = self._unit(query, f"query {i}")
        asked = [self.get_index(query, -1) if isinstance(query, KEY_TYPES) else -1 for query in queries]
        return units, np.array(asked, np.int64)

    def _unit(self, query: Query, name: str = "the query") -> Floats:
        """A key or vector at unit length, (D,)."""
        if isinstance(query, KEY_TYPES):
            unit, name = self.get_vector(query, norm=True), f"'{query}'"
        else:
            vector = self._as_vector(query)
            unit = vector / (row_norms(vector[None, :])[0] or np.nan)
        if not np.isfinite(unit).all():
            raise VectorsError(no_direction(name))
        return unit

    def _as_vector(self, query: Any) -> Floats:
        vector = np.asarray(query)
        if vector.dtype.kind not in "fiu":
            raise WordError(f"Key '{query}' not present", "a query is a key, a row number, or a vector")
        if vector.shape != (self.vector_size,):
            raise VectorsError(f"a query of shape {vector.shape} where {self.vector_size} numbers are expected")
        return vector.astype(np.float64 if vector.dtype == np.float64 else np.float32, copy=False)

    def _range(self, start: int | None, stop: int | None, restrict: int | None) -> tuple[int, int]:
        """The rows to search. Zero means "all" for both limits, as in gensim."""
        if restrict:
            start, stop = 0, restrict
        start, stop = operator.index(start or 0), operator.index(stop or len(self._vectors))
        if start < 0 or stop < 0:
            raise VectorsError("the range of rows to search cannot be negative")
        stop = min(stop, len(self._vectors))
        return min(start, stop), stop

    def _ranked(self, scores: Floats, start: int, asked: NDArray[np.int64], topn: int | None) -> Ranking | Floats:
        """The best of `scores`, whose first is row `start`, without the rows `asked`; all of them when topn is None."""
        if topn is None:
            return scores
        scores[asked[(asked >= start) & (asked < start + len(scores))] - start] = -np.inf
        return [(self._key(start + int(i)), float(scores[i])) for i in best_of(scores, topn)]


def as_list(queries: Any) -> list[Any]:
    """One key or vector stands for a list of one; the rows of a matrix for a list of vectors."""
    if queries is None:
        return []
    if isinstance(queries, KEY_TYPES) or (
        isinstance(queries, np.ndarray) and queries.ndim == 1 and queries.dtype.kind in "fiu"
    ):
        return [queries]
    return list(queries)


def no_direction(what: str) -> str:
    """The message for what cannot be compared."""
    return f"{what} has no direction: the vector is zero or not finite"
