"""One thread's way over chunks: its working memory, and the calls of the kernels.

Owns what a call is given. Who takes which chunks is decided in train.py; tables and options are made in passes.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import TrainConfig
from .kernels import M_MAX, Scratch, aligned, make_copies, make_scratch
from .passes import Pass, Tables
from .weights import Weights

_NO_TOKENS, _NO_ENDS = np.zeros(0, np.int32), np.zeros(0, np.int64)
_NO_TOKENS.flags.writeable = False  # as chunks are: numba would compile the kernels a second time for others
STINT = 16  # chunks of a call: with one, Python had .15 of the time of CBOW, with 8 it had .045, with 16 .03


def take_turns(config: TrainConfig) -> bool:
    """Whether there are both output layers: then each has its turn at every chunk, and merges its copies for the other's."""
    return bool(config.negative) and config.hs


def most_chunks(config: TrainConfig) -> int:
    """Chunks of a call at most."""
    return 1 if take_turns(config) else STINT


class Worker:
    """What one of `threads` threads has to itself, for chunks of up to `longest` tokens."""

    def __init__(
        self, config: TrainConfig, weights: Weights, tables: Tables, passes: list[Pass], lock: Any, longest: int, threads: int
    ) -> None:
        self._passes, self._keep, self._w_in, self._lock = passes, tables.keep, weights.w_in, lock
        self._take_turns = take_turns(config)
        self._scratch = [_make_scratch(path, config, weights, tables, longest, threads) for path in passes]
        # with whole lines of their own: they are written all the time
        self._streams, self._stats = aligned((STINT, 2), np.uint64), aligned((STINT, 3), np.float64)

    def train(
        self, tokens: NDArray[np.int32], ends: NDArray[np.int64], rates: Any, streams: Sequence[tuple[int, int]]
    ) -> list[list[float]]:
        """Every output layer in use goes over chunks that end at `ends` (K,), with K learning rates and pairs of streams.

        All layers over the same words. Returns (loss, pairs, words) of each chunk.
        """
        chunks, rates = len(ends), np.array(rates, np.float32)
        own, stats = self._streams[:chunks], self._stats[:chunks]
        stats[:, 0] = 0
        for path, scratch in zip(self._passes, self._scratch, strict=True):
            own[:] = np.array(streams, np.uint64).reshape(chunks, 2)
            stats[:, 1:] = 0  # pairs and words count once, losses add up
            self._call(path, scratch, tokens, ends, rates, own, stats)
            if self._take_turns:  # the other layer works on copies of the same input rows
                self._merge(path, scratch)
        return list(stats.tolist())

    def finish(self) -> None:
        """Merge all copies of rows into the matrices: until then nobody else sees what this thread has made of them."""
        for path, scratch in zip(self._passes, self._scratch, strict=True):
            self._merge(path, scratch)

    def _merge(self, path: Pass, scratch: Scratch) -> None:
        self._call(path, scratch, _NO_TOKENS, _NO_ENDS, np.zeros(0, np.float32), self._streams[:0], self._stats[:0])

    def _call(self, path: Pass, scratch: Scratch, tokens: Any, ends: Any, rates: Any, streams: Any, stats: Any) -> None:
        path.kernel(
            tokens, ends, self._keep, path.outputs, self._w_in, path.w_y, self._lock, rates,
            path.options, streams, scratch, stats,
        )  # fmt: skip


def _make_scratch(path: Pass, config: TrainConfig, weights: Weights, tables: Tables, longest: int, threads: int) -> Scratch:
    from .kernels.simd import whole

    size, width, group = weights.w_in.shape[1], whole(config.vector_size), path.options.group
    own = tables.own
    own_in = make_copies(size, 0, own.inputs, threads)
    if path.noise:
        own_out = make_copies(size, 0, own.outputs, threads)
        return make_scratch(longest, tables.outputs, size, group, config.negative, own_in, own_out, width)
    deepest = int(np.diff(path.outputs.offsets).max(initial=1))
    # nodes nearest the root are the last
    own_y = make_copies(size, len(path.w_y) - len(own.nodes.visits), own.nodes, threads)
    return make_scratch(longest, max(deepest, M_MAX), size, group, own_in=own_in, own_y=own_y, width=width)
