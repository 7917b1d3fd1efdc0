"""huffman.py against the obvious heap, and by what any Huffman code must be."""

from __future__ import annotations

import heapq
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2v.huffman import build_tree

COUNTS = st.lists(st.integers(1, 10**12), min_size=1, max_size=60)


def paths(counts):
    tree = build_tree(counts)
    spans = list(zip(tree.offsets[:-1], tree.offsets[1:], strict=True))
    return [(list(tree.points[a:b]), "".join(map(str, tree.codes[a:b]))) for a, b in spans]


def heap_cost(counts):
    """The expected code length, times the total: the sum of all inner nodes' weights."""
    heap, cost = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        weight = heapq.heappop(heap) + heapq.heappop(heap)
        cost += weight
        heapq.heappush(heap, weight)
    return cost


def tree_of_word2vec_c(counts):
    """CreateBinaryTree as the paper's program states it, with its sentinel weights."""
    words = len(counts)
    weight = list(counts) + [10**15] * words
    parent, bit = [0] * (2 * words), [0] * (2 * words)
    left, right = words - 1, words
    for new in range(words, 2 * words - 1):
        pair = []
        for _ in range(2):
            if left >= 0 and weight[left] < weight[right]:
                pair.append(left)
                left -= 1
            else:
                pair.append(right)
                right += 1
        weight[new] = weight[pair[0]] + weight[pair[1]]
        parent[pair[0]] = parent[pair[1]] = new
        bit[pair[1]] = 1
    result = []
    for word in range(words):
        code, nodes, node = "", [], word
        while node != 2 * words - 2:
            code = str(bit[node]) + code
            node = parent[node]
            nodes.insert(0, node - words)
        result.append((nodes, code))
    return result


def test_a_tree_small_enough_to_check_by_hand():
    # 1+1=2 (node 0), 2+2=4 (node 1: the inner node wins the tie), 4+4=8 (node 2, again the inner node first)
    assert paths([4, 2, 1, 1]) == [([2], "1"), ([2, 1], "01"), ([2, 1, 0], "001"), ([2, 1, 0], "000")]


@given(COUNTS)
def test_the_tree_is_that_of_word2vec_c(counts):
    counts = sorted(counts, reverse=True)
    assert paths(counts) == tree_of_word2vec_c(counts)


@given(COUNTS)
def test_expected_code_length_is_the_least_in_any_order(counts):
    assert sum(c * len(code) for c, (_, code) in zip(counts, paths(counts), strict=True)) == heap_cost(counts)


@given(COUNTS)
def test_no_code_begins_another_and_together_they_fill_the_tree(counts):
    codes = sorted(code for _, code in paths(counts))
    assert not any(b.startswith(a) for a, b in pairwise(codes))
    assert sum(2.0 ** -len(code) for code in codes) == 1.0


@given(COUNTS)
def test_paths_walk_from_the_root_by_their_bits(counts):
    child = {}
    for word, (nodes, code) in enumerate(paths(counts)):
        steps = [*nodes, f"word {word}"]
        assert steps[0] == len(counts) - 2 or len(counts) == 1
        for bit, (node, following) in zip(code, pairwise(steps), strict=True):
            assert child.setdefault((node, bit), following) == following
    assert len(child) == 2 * (len(counts) - 1)


def test_order_of_words_does_not_matter():
    counts = np.array([5, 900, 1, 44, 900, 7])
    order = np.argsort(-counts, kind="stable")
    plain, permuted = paths(counts[order]), paths(counts)
    assert [permuted[w] for w in order] == plain


def test_one_word_two_words_none():
    assert paths([7]) == [([], "")]
    assert paths([7, 3]) == [([0], "1"), ([0], "0")]
    assert paths([]) == []
    tree = build_tree([7])
    assert (tree.points.dtype, tree.codes.dtype, tree.offsets.dtype) == (np.int32, np.uint8, np.int64)


def test_words_without_a_count_make_no_endless_path():
    assert max(len(code) for _, code in paths([0] * 1024)) == 10
    assert max(len(code) for _, code in paths([100] + [0] * 1023)) <= 11


def test_the_longest_paths_that_counts_allow_are_right():
    counts = [1, 1]
    while counts[-1] < 2**60:
        counts.append(counts[-1] + counts[-2])
    assert sum(counts) < 2**63
    assert [len(code) for _, code in paths(counts[::-1])] == [*range(1, len(counts)), len(counts) - 1]


def test_counts_of_two_dimensions_are_refused():
    with pytest.raises(ValueError, match="one dimension"):
        build_tree([[1, 2], [3, 4]])
