"""Nearest words: one question, many at once, analogies by addition and by multiplication. Owns who is nearest to what.

The rules of questions stand in questions.py; search.py computes.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import VectorsError
from .questions import Queries, Query, Ranking, ReadQuestions, as_list
from .search import Directions, Floats, best_of_each
from .store import Key

# 3CosMul's divisor never reaches zero (Levy and Goldberg 2014, equation 4).
COSMUL_EPSILON = 1e-6


class Neighbours(ReadQuestions):
    """A set of vectors that knows who is near."""

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
        mean, asked = self._target(as_list(positive), as_list(negative))
        if indexer is not None and topn is not None:
            return indexer.most_similar(mean, topn)  # type: ignore[no-any-return]
        return self._ranked(self.directions(start, stop).cosines(mean), start, asked, topn)

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Ranking | Floats:
        """most_similar() of one key."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_word(self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Ranking | Floats:
        """most_similar() of one key."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_vector(self, vector: Floats, topn: int | None = 10, restrict_vocab: int | None = None) -> Ranking | Floats:
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
        above, below = as_list(positive), as_list(negative)
        if not above:
            raise VectorsError("cannot compute similarity with no positive input")
        _, stop = self._range(0, None, restrict_vocab)
        rows = self.directions(0, stop)
        units, asked = self._units_of([*above, *below])
        scores = _product(rows, units[: len(above)]) / (_product(rows, units[len(above) :]) + COSMUL_EPSILON)
        return self._ranked(scores, 0, asked[asked >= 0], topn)


def _product(rows: Directions, units: Floats) -> Floats:
    """The product of each row's cosines with `units` (n, D), moved to 0..1: (V,), ones for no units."""
    product = np.ones(len(rows), rows.dtype)
    for unit in units:
        product *= (1 + rows.cosines(unit)) / 2
    return product
