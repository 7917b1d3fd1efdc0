"""Random vectors in the hands of w2v and of gensim: what the benchmarks of queries and of loading work on."""

from __future__ import annotations

from typing import Any

import numpy as np


def words(rows: int) -> list[str]:
    """As many different words of usual length."""
    return [f"word{i}" for i in range(rows)]


def matrix(rows: int, size: int) -> np.ndarray:
    """Normal float32, (rows, size)."""
    return np.random.default_rng(1).standard_normal((rows, size), np.float32)


def ours(vectors: np.ndarray) -> Any:
    from w2v import KeyedVectors

    return KeyedVectors.from_arrays(words(len(vectors)), vectors)


def gensims(vectors: np.ndarray) -> Any:
    """Gensim's KeyedVectors around the same array."""
    from gensim.models import KeyedVectors

    made = KeyedVectors(vectors.shape[1])
    made.index_to_key = words(len(vectors))
    made.key_to_index = {word: i for i, word in enumerate(made.index_to_key)}
    made.vectors = vectors
    return made
