"""gpu.py's arithmetic, which needs no GPU: cutting, shares, how much of a change is kept, bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2v import gpu
from w2v.config import TrainConfig
from w2v.huffman import build_tree
from w2v.kernels import padded
from w2v.passes import make_options
from w2v.sampling import ALWAYS, alias_table, keep_thresholds

COUNTS = np.array([900, 400, 90, 10, 3, 1], np.int64)


def tokens_of(lengths):
    return np.concatenate([np.append(np.zeros(n), -1) for n in lengths]).astype(np.int32)


def layer(kernel="skipgram_ns", rows=6, size=16, **settings):
    config, noise = TrainConfig(**settings), kernel.endswith("ns")
    table = alias_table(COUNTS, 0.75) if noise else build_tree(COUNTS)
    return gpu.Layer(kernel, table, np.zeros((rows, size), np.float32), make_options(config, noise=noise))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 20))
def test_stretches_are_short_and_whole(lengths, length):
    tokens = tokens_of(lengths)
    starts = gpu.cut(tokens, length)
    assert starts[0] == 0
    assert starts[-1] == len(tokens)
    assert (np.diff(starts) > 0).all()
    assert np.diff(starts).max() < 2 * length
    assert len(starts) <= len(tokens) // length + 2
    for start in starts[1:-1]:
        after_an_end = tokens[start - 1] < 0
        no_end_near = not (tokens[start - 1 : start + length - 1] < 0).any()
        assert after_an_end or (no_end_near and start % length == 0)


def test_the_whole_text_is_one_stretch_if_it_is_short():
    assert gpu.cut(tokens_of([3, 2]), 512).tolist() == [0, 7]


def test_noise_is_read_back_from_the_alias_table():
    expected = COUNTS**0.75 / (COUNTS**0.75).sum()
    np.testing.assert_allclose(gpu.noise_shares(alias_table(COUNTS, 0.75)), expected, atol=1e-8)


def test_shares_are_those_of_the_words_left():
    keep = keep_thresholds(COUNTS, 0.1)
    kept = COUNTS * np.where(keep == ALWAYS, 1, keep / 2**32)
    np.testing.assert_allclose(gpu.shares(COUNTS, keep), kept / kept.sum(), rtol=1e-6)


def test_copies_of_rows():
    keep = keep_thresholds(COUNTS, 0)
    words = COUNTS / COUNTS.sum()
    noise = layer(window=4, negative=7, noise_group=2)
    np.testing.assert_allclose(gpu.copies_of_inputs(COUNTS, keep, noise.options, 50), 50 * 10 * words)
    copies = gpu.copies_of_outputs(COUNTS, keep, noise, 50)
    assert copies.sum() == pytest.approx(50 * (2 + 7))
    paths = layer("cbow_hs", rows=5, hs=True)
    copies = gpu.copies_of_outputs(COUNTS, keep, paths, 50)
    assert copies.max() == copies[-1] == pytest.approx(50)  # every path passes the root, the last inner node


def test_changes_are_kept_up_to_a_number_of_copies():
    found = gpu.calm(np.array([0.0, 1.0, gpu.CALM, 2 * gpu.CALM, 100 * gpu.CALM]))
    np.testing.assert_allclose(found, [1, 1, 1, 0.5, 0.01])
    assert found.dtype == np.float32


def test_bytes_on_the_device():
    keep, w_in = keep_thresholds(COUNTS, 1e-3), np.zeros((6, 16), np.float32)
    layers = [layer(), layer("skipgram_hs", rows=5, hs=True)]
    few = gpu.needed_bytes(w_in, layers, keep, 10, 1000)
    matrices = (6 + 6 + 5) * 16 * 4
    assert few > matrices
    assert gpu.needed_bytes(w_in, layers, keep, 10, 1001) - few >= 2 * 4  # two batches of int32
    line = 4 * (3 * layers[0].layout().longest + 1)
    assert gpu.needed_bytes(w_in, layers, keep, 11, 1000) - few == 2 * line


def test_a_large_model_is_counted_in_64_bits():
    """No array is made: a model of 20 million words of 300 numbers passes 2**32 bytes many times."""
    rows, size = 20_000_000, padded(300)
    big = np.broadcast_to(np.float32(0), (rows, size))
    large = layer(vector_size=300)._replace(w_y=big)
    assert gpu.needed_bytes(big, [large], np.zeros(1, np.uint32), 1, 1) > 2 * rows * size * 4


def test_shared_memory_of_common_settings_needs_no_permission():
    for kernel in ("skipgram_ns", "cbow_ns"):
        assert layer(kernel, size=padded(100), vector_size=100, window=5).layout().nbytes < 48 << 10
    places = layer("cbow_ns", size=padded(300), vector_size=300, window=8).layout()
    assert places.nbytes < 100 << 10
    assert places.stride % 32 == 16  # neighbouring rows start in other banks
    for name in ("x", "start", "hidden", "error", "y", "work", "g"):
        assert getattr(places, name) % 4 == 0  # 16-byte accesses
