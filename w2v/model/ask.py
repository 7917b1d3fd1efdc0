"""What the output layers answer: the probability of a sentence, and of a word between others. Owns that arithmetic, in
numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import Tree

Matrix = NDArray[np.float32]
_CENTRES = 64  # centre words of one matrix product


class Scorer:
    """Log probabilities of sentences under hierarchical softmax, with whole windows and without subsampling.

    Skip-gram: sum over all centre words o and contexts c of log p(o | c); CBOW: sum over o of log p(o | mean or sum of
    the contexts). log p(o | h) is the sum over o's path of log sigma((1 - 2 bit) w_node . h) (Mikolov et al. 2013b,
    eq. 3).
    """

    def __init__(self, vectors: Any, nodes: Any, tree: Tree, window: int, sg: bool, cbow_mean: bool) -> None:
        self.vectors, self.nodes, self.tree = vectors, nodes, tree
        self.window, self.sg, self.mean = window, sg, cbow_mean

    def score(self, words: NDArray[np.int64]) -> float:
        """The log probability of one sentence, given as rows."""
        total = 0.0
        for start in range(0, len(words), _CENTRES):
            stop = min(start + _CENTRES, len(words))
            first, last = max(start - self.window, 0), min(stop + self.window, len(words))
            apart = np.arange(first, last)[None, :] - np.arange(start, stop)[:, None]
            near = (apart != 0) & (np.abs(apart) <= self.window)
            total += self._block(words[start:stop], words[first:last], near)
        return total

    def _block(self, centres: NDArray[np.int64], around: NDArray[np.int64], near: NDArray[np.bool_]) -> float:
        """`near` (centres, around): which words are contexts of which centre."""
        begin, length = self.tree.offsets[centres], np.diff(self.tree.offsets)[centres]
        owner = np.repeat(np.arange(len(centres)), length)  # the centre of each node below
        place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length) + np.repeat(begin, length)
        nodes = self.nodes[self.tree.points[place]]
        sign = 1.0 - 2.0 * self.tree.codes[place]
        if self.sg:
            logits = nodes @ self.vectors[around].T
            return float(-np.logaddexp(0.0, -sign[:, None] * logits)[near[owner]].sum())
        count = near.sum(axis=1)
        hidden = near.astype(np.float32) @ self.vectors[around]
        if self.mean:
            hidden /= np.maximum(count, 1)[:, None]
        logits = np.einsum("nd,nd->n", nodes, hidden[owner])
        return float(-np.logaddexp(0.0, -sign * logits)[count[owner] > 0].sum())


def output_probabilities(vectors: Any, outputs: Any, rows: list[int], mean: bool) -> NDArray[np.float64]:
    """(V,): the softmax of all output rows against the mean, or sum, of the input rows."""
    hidden = vectors[rows].sum(axis=0)
    if mean:
        hidden = hidden / len(rows)
    logits = (outputs @ hidden).astype(np.float64)
    shares = np.exp(logits - logits.max())
    return np.asarray(shares / shares.sum())
