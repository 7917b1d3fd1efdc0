"""Small training runs: a corpus in memory, its counts, and configurations."""

from __future__ import annotations

import numpy as np
import pytest

from w2v.config import TrainConfig

WORDS = 30
COUNTS = np.arange(WORDS, 0, -1, dtype=np.int64)
BOTH_LAYERS = [
    pytest.param(TrainConfig(vector_size=12, hs=True, negative=3, epochs=2, sg=sg, sample=0.05), id=name)
    for sg, name in ((True, "skipgram"), (False, "cbow"))
]
SMALL = TrainConfig(vector_size=12, negative=3, epochs=2, sample=0)


class ListCorpus:
    """An encoded corpus in memory. `hook` is called before each chunk is read, with its number."""

    def __init__(self, chunks, raw_words=None, hook=lambda k: None):
        self.chunks, self.hook = [np.array(c, np.int32) for c in chunks], hook
        for chunk in self.chunks:
            chunk.flags.writeable = False  # as EncodedCorpus does
        self.n_tokens = sum(int((c >= 0).sum()) for c in self.chunks)
        self.raw_words = self.n_tokens if raw_words is None else raw_words
        self.starts = np.cumsum([0, *map(len, self.chunks)])

    def read(self, k, stop):
        for each in range(k, stop):
            self.hook(each)
        tokens = np.concatenate(self.chunks[k:stop]) if stop > k + 1 else self.chunks[k]
        tokens.flags.writeable = False
        return tokens


def make_corpus(chunks=4, sentences=5, length=8, seed=1, **options):
    """Chunks of unequal size: words that come in pairs (2k, 2k + 1), so that there is something to learn."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(chunks):
        sizes = rng.integers(1, length, sentences + k)
        parts = [np.stack([a := rng.integers(0, WORDS // 2, n) * 2, a + 1], 1).ravel() for n in sizes]
        made.append(np.concatenate([np.append(p, -1) for p in parts]))
    return ListCorpus(made, **options)


def many_chunks(hook=lambda k: None):
    """A hundred of a few words each, so that a worker takes several at once."""
    words = np.random.default_rng(3).integers(0, WORDS, (100, 6))
    return ListCorpus([[*row[:4], -1, *row[4:], -1] for row in words], hook=hook)


def matrices(weights):
    return [m for m in (weights.w_in, weights.w_out, weights.w_node) if m is not None]


def assert_same_bits(one, other):
    for a, b in zip(matrices(one), matrices(other), strict=True):
        np.testing.assert_array_equal(a, b)
