"""weights.py: the layout that the kernels rely on, the first values, and rows taken from other vectors."""

from __future__ import annotations

import numpy as np
import pytest

from w2v import weights as room
from w2v.config import TrainConfig
from w2v.errors import ConfigError, MemoryShortageError
from w2v.kernels import aligned, padded
from w2v.vectors import KeyedVectors
from w2v.weights import Weights, copy_known, seed_rows


@pytest.mark.parametrize(("size", "expected"), [(1, 16), (16, 16), (17, 32), (100, 112), (300, 304), (304, 304)])
def test_rows_are_padded_to_whole_cache_lines(size, expected):
    weights = Weights.create(5, TrainConfig(vector_size=size, hs=True))
    assert padded(size) == expected
    for matrix in (weights.w_in, weights.w_out, weights.w_node):
        assert matrix.shape[1] == expected
        assert matrix.dtype == np.float32
        assert matrix.ctypes.data % 64 == 0
        assert matrix.flags.c_contiguous
        assert not matrix[:, size:].any()
    assert weights.vectors.shape == (5, size)
    assert weights.vectors.base is not None


@pytest.mark.parametrize("shape", [(3, 16), (7,), (0, 16), (1,)])
def test_aligned_arrays_start_on_a_line(shape):
    for _ in range(5):
        array = aligned(shape)
        assert array.shape == shape
        assert array.size == 0 or array.ctypes.data % 64 == 0
        assert not array.any()


@pytest.mark.parametrize(
    ("options", "layers"),
    [
        ({}, ("w_out",)),
        ({"hs": True, "negative": 0}, ("w_node",)),
        ({"hs": True}, ("w_out", "w_node")),
    ],
)
def test_there_is_a_matrix_for_each_output_layer(options, layers):
    config = TrainConfig(vector_size=20, **options)
    weights = Weights.create(50, config)
    assert [name for name in ("w_out", "w_node") if getattr(weights, name) is not None] == list(layers)
    assert weights.w_in.shape == (50, 32)
    if "w_node" in layers:
        assert weights.w_node.shape == (49, 32)
    for name in layers:
        assert not getattr(weights, name).any()
    held = sum(getattr(weights, name).nbytes for name in ("w_in", *layers))
    assert weights.nbytes == held


@pytest.mark.parametrize(("options", "matrices"), [({}, 2), ({"hs": True, "negative": 0}, 2), ({"hs": True}, 3)])
def test_matrices_that_do_not_fit_are_refused_before_they_are_made(monkeypatch, options, matrices):
    """To the byte: what is asked for is what would be taken."""
    config, needed = TrainConfig(vector_size=20, **options), 50 * 32 * 4 * matrices
    monkeypatch.setattr(room.memory, "available", lambda: needed)
    assert needed - 32 * 4 <= Weights.create(50, config).nbytes <= needed  # a tree has one node less than leaves
    monkeypatch.setattr(room.memory, "available", lambda: needed - 1)
    monkeypatch.setattr(room, "aligned", None)
    with pytest.raises(MemoryShortageError, match=f"{needed:,} bytes of memory, and {needed - 1:,} are available"):
        Weights.create(50, config)


def test_one_word_has_room_for_a_node():
    assert Weights.create(1, TrainConfig(hs=True)).w_node.shape == (1, 112)


def test_first_values_are_uniform():
    vectors = Weights.create(2000, TrainConfig(vector_size=50)).vectors * 50
    assert np.abs(vectors).max() <= 1
    assert abs(vectors.mean()) < 0.01
    assert vectors.std() == pytest.approx(1 / np.sqrt(3), rel=0.01)
    assert len(np.unique(vectors[:, 0])) > 1990


def test_first_values_hang_on_the_seed_and_the_row_alone(monkeypatch):
    """More words later, or more at once, change no row: whether a vocabulary grows or is whole from the start."""
    monkeypatch.setattr(room, "BLOCK_ROWS", 8)
    config = TrainConfig(vector_size=10, seed=3)
    whole = Weights.create(30, config).w_in
    np.testing.assert_array_equal(Weights.create(19, config).w_in, whole[:19])
    for first in (0, 1, 7, 8, 13, 29, 30):
        grown = aligned((30, 16))
        grown[:first] = whole[:first]
        seed_rows(grown, first, config)
        np.testing.assert_array_equal(grown, whole)
    assert not np.array_equal(Weights.create(30, config.replace(seed=4)).w_in, whole)
    blocks = whole[:24, :10].reshape(3, -1)
    assert len(np.unique(blocks, axis=0)) == 3


def known_vectors(words, size=10):
    kv = KeyedVectors(size)
    kv.add_vectors(words, np.arange(len(words) * size, dtype=np.float32).reshape(-1, size) + 1)
    return kv


def test_known_vectors_are_copied_by_word(monkeypatch):
    monkeypatch.setattr(room, "BLOCK_ROWS", 2)
    weights = Weights.create(6, TrainConfig(vector_size=10))
    before, kv = weights.w_in.copy(), known_vectors(["d", "b", "x", "a", "f"])
    assert copy_known(weights, ["a", "b", "c", "d", "e", "f"], kv) == 4
    for row, word in ((0, "a"), (1, "b"), (3, "d"), (5, "f")):
        np.testing.assert_array_equal(weights.vectors[row], kv[word])
    np.testing.assert_array_equal(weights.w_in[[2, 4]], before[[2, 4]])
    assert not weights.w_in[:, 10:].any()
    assert copy_known(weights, ["p", "q", "r", "s", "t", "u"], kv) == 0


@pytest.mark.parametrize("size", [1, 9, 11])
def test_known_vectors_of_another_length_are_refused(size):
    """One number a word would else be spread over the whole row."""
    weights = Weights.create(2, TrainConfig(vector_size=10))
    with pytest.raises(ConfigError, match=f"{size} numbers"):
        copy_known(weights, ["a", "b"], known_vectors(["a"], size))
