"""Huffman codes of a vocabulary: the paths that hierarchical softmax trains.

Owns the tree. Inner nodes are numbered 0..V-2 in the order of their making, so that the root is V-2 (as word2vec.c's
CreateBinaryTree does). Knows nothing of vectors: `w_node` has one row for each inner node.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .kernels import Tree
from .kernels.jit import kernel


def build_tree(counts: ArrayLike) -> Tree:
    """Codes of least expected length for words that occur `counts` (V,) times; linear in V.

    Word w passes the inner nodes `points[offsets[w]:offsets[w+1]]`, root first, and leaves each by the bit in `codes`.
    Frequent words have short paths. Counts may come in any order; where they descend, the tree is that of word2vec.c.
    A count below 1 is taken as 1: such words would otherwise hang on one path of length V. One word alone has no path.
    """
    counts = np.maximum(np.asarray(counts, np.int64), 1)
    if counts.ndim != 1:
        raise ValueError(f"counts must have one dimension, not {counts.ndim}")
    words = counts.size
    order = np.argsort(-counts, kind="stable")
    parent = np.zeros(max(2 * words - 1, 0), np.int32)
    bit = np.zeros(parent.size, np.uint8)
    offsets = np.zeros(words + 1, np.int64)
    if words > 1:
        _merge(counts[order], np.zeros(words - 1, np.int64), parent, bit)
        _measure(order, parent, np.zeros(parent.size, np.uint8), offsets)
        np.cumsum(offsets, out=offsets)
    points, codes = np.zeros(offsets[-1], np.int32), np.zeros(offsets[-1], np.uint8)
    if words > 1:
        _write_paths(order, parent, bit, offsets, points, codes)
    return Tree(points, codes, offsets)


# In the three passes below a node is a number: 0..V-1 are the words by descending count, V..2V-2 the inner nodes.


@kernel
def _merge(
    counts: Any,  # IN (V,) int64, descending
    weight: Any,  # SCRATCH (V-1,) int64: counts under each inner node
    parent: Any,  # OUT (2V-1,) int32
    bit: Any,  # OUT (2V-1,) uint8: 1 for the heavier child
) -> None:
    """Join the two lightest nodes until one is left. Words and inner nodes are two queues, lightest first."""
    words = counts.size
    word, made = words - 1, 0  # the heads: words from the rarest up, inner nodes as they were made
    for new in range(words - 1):
        total = np.int64(0)
        for child in range(2):
            # an inner node wins a tie, as in word2vec.c
            if word >= 0 and (made >= new or counts[word] < weight[made]):
                node, total = word, total + counts[word]
                word -= 1
            else:
                node, total = words + made, total + weight[made]
                made += 1
            parent[node] = words + new
            bit[node] = child
        weight[new] = total


@kernel
def _measure(
    order: Any,  # IN (V,) int64: word ids by descending count
    parent: Any,  # IN (2V-1,) int32
    depth: Any,  # SCRATCH (2V-1,) uint8: int64 counts allow no path beyond 91 nodes
    offsets: Any,  # OUT (V+1,) int64: offsets[w+1] is the length of w's path
) -> None:
    words = order.size
    for node in range(parent.size - 2, -1, -1):  # parents have higher numbers than their children
        depth[node] = depth[parent[node]] + 1
    for node in range(words):
        offsets[order[node] + 1] = depth[node]


@kernel
def _write_paths(
    order: Any,  # IN (V,) int64: word ids by descending count
    parent: Any,  # IN (2V-1,) int32
    bit: Any,  # IN (2V-1,) uint8
    offsets: Any,  # IN (V+1,) int64
    points: Any,  # OUT (P,) int32
    codes: Any,  # OUT (P,) uint8
) -> None:
    words = order.size
    for leaf in range(words):
        word = order[leaf]
        node = np.int64(leaf)
        for at in range(offsets[word + 1] - 1, offsets[word] - 1, -1):  # from the word up to the root
            codes[at] = bit[node]
            node = np.int64(parent[node])
            points[at] = node - words
