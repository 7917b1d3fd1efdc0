"""The matrices that training changes: made, sized, seeded, and filled from other vectors.

Owns their layout (rows padded to cache lines) and their first values. Knows nothing of how they are trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import memory
from .config import TrainConfig
from .errors import ConfigError
from .kernels import aligned, padded

BLOCK_ROWS = 1 << 16  # rows that share a generator
PIECE_ROWS = 1 << 12  # and of them those drawn at a time, so that draws take little memory

Matrix = NDArray[np.float32]


@dataclass
class Weights:
    """Input rows, and one output matrix for each output layer in use; all (rows, S) float32 with S = D padded, pads zero."""

    vector_size: int
    w_in: Matrix  # (V, S)
    w_out: Matrix | None  # (V, S), negative sampling
    w_node: Matrix | None  # (V - 1, S), hierarchical softmax

    @classmethod
    def create(cls, words: int, config: TrainConfig) -> Weights:
        """Seeded input rows and zero output rows, as word2vec.c starts (InitNet). MemoryShortageError if they don't fit."""
        check_memory(words, config.vector_size, (config.negative > 0) + config.hs)
        size = padded(config.vector_size)
        w_in = aligned((words, size))
        seed_rows(w_in, 0, config)
        w_out = aligned((words, size)) if config.negative else None
        w_node = aligned((max(words - 1, 1), size)) if config.hs else None
        return cls(config.vector_size, w_in, w_out, w_node)

    @property
    def vectors(self) -> Matrix:
        """The word vectors, (V, D): a view without the pads."""
        return self.w_in[:, : self.vector_size]

    @property
    def nbytes(self) -> int:
        """Bytes held by all matrices."""
        return sum(m.nbytes for m in (self.w_in, self.w_out, self.w_node) if m is not None)

    def finite(self) -> bool:
        """Whether every row is of finite numbers and has a finite length: one pass, at the speed of the memory.

        The loss does not tell: a step may take a row beyond all numbers that no later step meets.
        """
        matrices = (m.reshape(-1) for m in (self.w_in, self.w_out, self.w_node) if m is not None)
        return all(math.isfinite(np.vdot(m, m)) for m in matrices)


def check_memory(words: int, vector_size: int, layers: int) -> None:
    """Raise MemoryShortageError unless there is room for the input rows and so many output layers."""
    needed = words * padded(vector_size) * 4 * (1 + layers)
    what = f"a model of {words:,} words of {vector_size:,} numbers ({1 + layers} matrices)"
    memory.demand(needed, what, "fewer words (min_count, max_final_vocab), or a smaller vector size")


def seed_rows(w_in: Matrix, first: int, config: TrainConfig) -> None:
    """Fill rows from `first` on with numbers from U(-1, 1) / D, a function of the seed and the row alone.

    As gensim; word2vec.c starts at half of that, which leaves small corpora (60,000 words) under-trained.
    """
    for block in range(first - first % BLOCK_ROWS, len(w_in), BLOCK_ROWS):
        generator = np.random.default_rng([config.seed, block])
        end = min(block + BLOCK_ROWS, len(w_in))
        for start in range(block, end, PIECE_ROWS):
            stop = min(start + PIECE_ROWS, end)
            draws = generator.random((stop - start, config.vector_size), np.float32)
            draws -= np.float32(0.5)
            draws *= np.float32(2 / config.vector_size)
            skip = max(first - start, 0)
            w_in[start + skip : stop, : config.vector_size] = draws[skip:]


def copy_known(weights: Weights, words: Any, vectors: Any) -> int:
    """Copy the row of every word that `vectors` (a KeyedVectors) has too; return how many there were.

    Raises ConfigError where the two have rows of different lengths.
    """
    if vectors.vector_size != weights.vector_size:
        raise ConfigError(
            f"the known vectors have {vectors.vector_size} numbers a word, the model {weights.vector_size}",
            f"train with a vector size of {vectors.vector_size}",
        )
    rows, sources = [], []
    for row, word in enumerate(words):
        source = vectors.key_to_index.get(word)
        if source is not None:
            rows.append(row)
            sources.append(source)
    for start in range(0, len(rows), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        weights.vectors[rows[part]] = vectors.vectors[sources[part]]
    return len(rows)
