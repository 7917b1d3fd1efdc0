"""Given words compared: pairs, sets, ranks, the odd one out. Owns no search beyond one row of cosines.

The rules of questions stand in questions.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import VectorsError
from .neighbours import Neighbours
from .questions import Query
from .search import Floats, best_of, row_norms
from .store import Key

logger = logging.getLogger(__name__)


class Comparisons(Neighbours):
    """A set of vectors that compares."""

    def similarity(self, w1: Key, w2: Key) -> float:
        """Cosine of two keys, -1 to 1; exactly 1 for a key with itself, NaN if either vector has no direction.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["tea", "milk", "car"], [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        >>> print(round(kv.similarity("tea", "milk"), 2), kv.similarity("tea", "car"))
        0.71 0.0
        """
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
        """The key of `keys_list` most similar to `key1`. VectorsError if there is none to choose.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["tea", "milk", "car"], [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        >>> kv.most_similar_to_given("tea", ["car", "milk"])
        'milk'
        """
        if not len(keys_list):
            raise VectorsError("there is no key to choose from")
        best = best_of(1 - self.distances(key1, keys_list), 1)
        if not len(best):
            raise VectorsError("none of the keys to choose from has a direction")
        return keys_list[int(best[0])]

    def closer_than(self, key1: Key, key2: Key) -> list[Any]:
        """All keys closer to `key1` than `key2` is, in the order of the vocabulary.

        >>> from w2v import KeyedVectors
        >>> kv = KeyedVectors.from_arrays(["tea", "milk", "car"], [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        >>> kv.closer_than("tea", "car"), kv.rank("tea", "car")
        (['milk'], 2)
        """
        return [self._key(int(i)) for i in self._closer(key1, key2)]

    def rank(self, key1: Key, key2: Key) -> int:
        """The place of `key2` among the neighbours of `key1`, counted from 1."""
        return len(self._closer(key1, key2)) + 1

    def _closer(self, key1: Key, key2: Key) -> NDArray[np.int64]:
        """The rows closer to `key1` than `key2` is."""
        here, there = self.get_index(key1), self.get_index(key2)
        self._unit(key2)  # a key without direction is neither near nor far
        cosines = self.directions().cosines(self._unit(key1))
        cosines[here] = np.inf if here == there else -np.inf
        return np.flatnonzero(cosines > cosines[there])

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
        return sorted(zip(similarities.tolist(), used, strict=True), key=lambda pair: (pair[0], str(pair[1])), reverse=True)

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


def _cosine(a: Floats, b: Floats) -> float:
    """In float64, and in this order of operations so that a vector's cosine with itself is exactly 1."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(all="ignore"):
        cosine: float = np.vdot(a, b) / np.sqrt(np.vdot(a, a) * np.vdot(b, b))
    return cosine
