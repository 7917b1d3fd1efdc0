"""Questions to a set of vectors: similarity, neighbours, analogies, odd one out. Owns their rules; search.py computes.

Rules that hold for all of them. A query is a key, a row number or a vector; words asked about are never in the answer.
Answers come best first, equals in the order of the vocabulary. A vector of zeros or with NaN in it has no direction:
asking about one raises VectorsError, its similarity in an array is NaN, and it is never ranked.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import VectorsError, WordError
from .growth import GrowingStore
from .search import Floats, best_of, best_of_each, row_norms
from .store import KEY_TYPES, Key

logger = logging.getLogger(__name__)

Query = Key | Floats
Weighted = Query | tuple[Query, float]
Queries = Weighted | Sequence[Weighted] | None
Ranking = list[tuple[Any, float]]

# 3CosMul's divisor never reaches zero (Levy and Goldberg 2014, equation 4).
COSMUL_EPSILON = 1e-6


class QueriedVectors(GrowingStore):
    """A set of vectors that answers questions."""

    # ---- neighbours

    def most_similar(
        self,
        positive: Queries = None,
        negative: Queries = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Ranking | Floats:
        """The `topn` keys nearest by cosine to the weighted mean of `positive` minus `negative` (3CosAdd).

        Each query is a key, a vector (D,), or a pair of either with a weight (default 1, and -1 in `negative`); keys
        count at unit length, vectors as they are. Only rows clip_start to clip_end are searched, or the first
        `restrict_vocab`, which wins (None and 0: all). `indexer` is an object whose most_similar(vector, topn) answers
        instead.

        Returns [(key, cosine)], or with topn=None every cosine in the range, (rows,).
        Raises WordError, or VectorsError if the mean has no direction.

        >>> from w2v import KeyedVectors
        >>> words, vectors = ["king", "man", "woman", "queen"], [[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1]]
        >>> kv = KeyedVectors.from_arrays(words, vectors)
        >>> [word for word, _ in kv.most_similar(positive=["king", "woman"], negative=["man"], topn=1)]
        ['queen']
        """
        if topn is not None and (topn := operator.index(topn)) < 1:
            return []
        start, stop = self._range(clip_start, clip_end, restrict_vocab)
        mean, asked = self._target(_as_list(positive), _as_list(negative))
        if indexer is not None and topn is not None:
            return indexer.most_similar(mean, topn)  # type: ignore[no-any-return]
        return self._ranked(self.directions(start, stop).cosines(mean), start, asked, topn)

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Ranking | Floats:
        """most_similar() of one key."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_word(self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Ranking | Floats:
        """most_similar() of one key."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_vector(
        self, vector: Floats, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Ranking | Floats:
        """most_similar() of one vector (D,)."""
        return self.most_similar([np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_batch(
        self, queries: Sequence[Query] | Floats, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> list[Ranking] | Floats:
        """most_similar() of n queries at once, as one matrix product in bounded memory.

        `queries` holds keys, row numbers and vectors (D,), or is a matrix (n, D). Returns one ranking per query, or
        with topn=None all cosines, (n, rows). Raises WordError, or VectorsError naming a query without direction.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["a", "b", "c"], [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> [ranking[0][0] for ranking in kv.most_similar_batch(["a", "c"], topn=1)]
        ['b', 'b']
        """
        if isinstance(queries, np.ndarray) and queries.ndim == 1 and queries.dtype.kind in "iu":
            queries = list(queries)
        units, asked = self._units_of(queries)
        if topn is not None and (topn := operator.index(topn)) < 1:
            return [[] for _ in asked]
        _, stop = self._range(0, None, restrict_vocab)
        rows = self.directions(0, stop)
        if topn is None:
            cosines = np.empty((len(units), len(rows)), rows.dtype)
            for start, tile in rows.tiles(units):
                cosines[:, start : start + tile.shape[1]] = tile
            cosines[:, rows.blank] = np.nan
            return cosines
        left_out = np.flatnonzero((asked >= 0) & (asked < stop))
        ids, scores = best_of_each(rows, units, topn, (left_out, asked[left_out]))
        return [
            [(self._key(i), score) for i, score in zip(best, cosines, strict=True) if i >= 0]
            for best, cosines in zip(ids.tolist(), scores.tolist(), strict=True)
        ]

    def most_similar_cosmul(
        self,
        positive: Query | Sequence[Query] | None = None,
        negative: Query | Sequence[Query] | None = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Ranking | Floats:
        """Analogies by multiplication: the product of the cosines with `positive` over that with `negative` (3CosMul).

        Cosines are moved to 0..1 first: Levy and Goldberg 2014, "Linguistic regularities in sparse and explicit word
        representations", equation 4 and footnote 7. Queries are keys, row numbers or vectors, all taken at unit length.

        >>> from w2v import KeyedVectors
        >>> words, vectors = ["king", "man", "woman", "queen"], [[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1]]
        >>> kv = KeyedVectors.from_arrays(words, vectors)
        >>> [word for word, _ in kv.most_similar_cosmul(positive=["king", "woman"], negative=["man"], topn=1)]
        ['queen']
        """
        if topn is not None and (topn := operator.index(topn)) < 1:
            return []
        above, below = _as_list(positive), _as_list(negative)
        if not above:
            raise VectorsError("cannot compute similarity with no positive input")
        _, stop = self._range(0, None, restrict_vocab)
        rows = self.directions(0, stop)
        units, asked = self._units_of([*above, *below])
        scores = np.ones(len(rows), rows.dtype)
        for i, unit in enumerate(units):
            shifted = (1 + rows.cosines(unit)) / 2
            if i < len(above):
                scores *= shifted
            elif i == len(above):
                divisor = shifted
            else:
                divisor *= shifted
        scores /= (divisor if below else 1) + COSMUL_EPSILON
        return self._ranked(scores, 0, asked[asked >= 0], topn)

    # ---- pairs and sets

    def similarity(self, w1: Key, w2: Key) -> float:
        """Cosine of two keys, -1 to 1; exactly 1 for a key with itself, NaN if either vector has no direction."""
        return _cosine(self[w1], self[w2])

    def distance(self, w1: Key, w2: Key) -> float:
        """1 - similarity(w1, w2)."""
        return 1 - self.similarity(w1, w2)

    def distances(self, word_or_vector: Query, other_words: Iterable[Key] = ()) -> Floats:
        """Cosine distance from a key or vector (D,) to each of `other_words`, or to all V keys when there are none."""
        unit = self._unit(word_or_vector)
        others = list(other_words) if other_words is not None else []
        return 1 - (self.cosine_similarities(unit, self[others]) if others else self.directions().cosines(unit))

    @staticmethod
    def cosine_similarities(vector_1: Floats, vectors_all: Floats) -> Floats:
        """Cosine of `vector_1` (D,) with each row of `vectors_all` (n, D): (n,), NaN where there is no direction."""
        with np.errstate(all="ignore"):
            norms: Floats = np.linalg.norm(vector_1) * row_norms(np.asarray(vectors_all))
            cosines: Floats = np.asarray(vectors_all) @ vector_1 / norms
        return cosines

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """Cosine of the mean vectors of two sets of keys; unknown keys are left out. ZeroDivisionError for an empty
        set.
        """
        if not (len(ws1) and len(ws2)):
            raise ZeroDivisionError("at least one of the passed lists is empty")
        return _cosine(*(self.get_mean_vector(keys, pre_normalize=False) for keys in (ws1, ws2)))

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Key:
        """The key of `keys_list` most similar to `key1`."""
        if not len(keys_list):
            raise VectorsError("there is no key to choose from")
        best = best_of(1 - self.distances(key1, keys_list), 1)
        if not len(best):
            raise VectorsError("none of the keys to choose from has a direction")
        return keys_list[int(best[0])]

    def closer_than(self, key1: Key, key2: Key) -> list[Any]:
        """All keys closer to `key1` than `key2` is, in the order of the vocabulary."""
        here, there = self.get_index(key1), self.get_index(key2)
        if here == there:
            return []
        self._unit(key2)  # a key without direction is neither near nor far
        cosines = self.directions().cosines(self._unit(key1))
        return [self._key(int(i)) for i in np.flatnonzero(cosines > cosines[there]) if i != here]

    def rank(self, key1: Key, key2: Key) -> int:
        """The place of `key2` among the neighbours of `key1`, counted from 1."""
        return len(self.closer_than(key1, key2)) + 1

    def rank_by_centrality(self, words: Iterable[Key], use_norm: bool = True) -> list[tuple[float, Key]]:
        """The keys by cosine with their common centre, nearest first: [(similarity, key)].

        The centre is the mean at unit length, of unit vectors unless `use_norm` is False. Keys that are unknown or
        without direction are left out with a warning.
        """
        words = list(words)
        vectors = {word: self.get_vector(word, norm=use_norm) for word in words if word in self}
        used = [word for word in words if word in vectors and vectors[word].any() and np.isfinite(vectors[word]).all()]
        if len(used) != len(words):
            logger.warning("left out, unknown or without direction: %s", [word for word in words if word not in used])
        if not used:
            raise VectorsError("cannot select a word from an empty list")
        matrix = np.stack([vectors[word] for word in used]).astype(np.float32)
        centre = matrix.mean(axis=0)
        similarities = matrix @ (centre / (np.linalg.norm(centre) or 1))
        return sorted(
            zip(similarities.tolist(), used, strict=True), key=lambda pair: (pair[0], str(pair[1])), reverse=True
        )

    def doesnt_match(self, words: Iterable[Key]) -> Key:
        """The key furthest from the mean of all of them.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["tea", "milk", "car"], [[1.0, 0.1], [1.0, 0.2], [0.0, 1.0]])
        >>> kv.doesnt_match(["tea", "milk", "car"])
        'car'
        """
        return self.rank_by_centrality(words)[-1][1]

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """similarity(wa, wb) over the sum of the `topn` highest of `wa`; above 1/topn suggests synonyms.

        Leeuwenberg, Vela, Dehdari and van Genabith 2016, "A minimally supervised approach for synonym extraction with
        word embeddings", equation 1.
        """
        nearest = self.similar_by_key(wa, topn)
        if not len(nearest):
            raise VectorsError("there are no similar words to compare with")
        return self.similarity(wa, wb) / sum(score for _, score in nearest)

    # ---- means

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
        """
        keys = _as_list(keys)
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
            raise VectorsError(_no_direction(f"'{lost}'" if isinstance(lost, KEY_TYPES) else "a vector of the query"))
        total = np.abs(weights[used]).sum()
        mean: Floats = weights[used] @ rows[used] / (total if total > 0 else 1)
        if post_normalize:
            mean /= np.linalg.norm(mean) or 1
        return mean.astype(np.result_type(self._vectors.dtype, np.float32))

    # ---- how questions are read

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
            raise VectorsError(_no_direction("the mean of the query"))
        asked = [self.get_index(key, -1) for key in keys if isinstance(key, KEY_TYPES)]
        return mean, np.array([index for index in asked if index >= 0], np.int64)

    def _units_of(self, queries: Sequence[Query] | Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Each query at unit length (n, D), and the row it came from, -1 for a vector."""
        queries = queries if isinstance(queries, np.ndarray) and queries.ndim == 2 else _as_list(queries)
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
            raise VectorsError(_no_direction(name))
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


def _as_list(queries: Any) -> list[Any]:
    """One key or vector stands for a list of one; the rows of a matrix for a list of vectors."""
    if queries is None:
        return []
    if isinstance(queries, KEY_TYPES) or (
        isinstance(queries, np.ndarray) and queries.ndim == 1 and queries.dtype.kind in "fiu"
    ):
        return [queries]
    return list(queries)


def _cosine(a: Floats, b: Floats) -> float:
    """In float64, and in this order of operations so that a vector's cosine with itself is exactly 1."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(all="ignore"):
        cosine: float = np.vdot(a, b) / np.sqrt(np.vdot(a, a) * np.vdot(b, b))
    return cosine


def _no_direction(what: str) -> str:
    return f"{what} has no direction: the vector is zero or not finite"
