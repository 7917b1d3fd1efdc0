"""kernels/: the random choices of the compiled kernels, read off what they did to the matrices, and their statistics.

With a tiny rate and outputs of zero, every pair moves its output row by rate / 2 times its input row, so that who met
whom can be read back exactly.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from cases import Inputs, call, make_options, pad, streams
from scipy.stats import chisquare

from w2v.sampling import ALWAYS, alias_table, keep_thresholds

RATE = 2.0**-24
NS = ("skipgram_ns", "cbow_ns")


def meetings(kernel, tokens, keep, table, w_in, options, seed):
    """For each output row the sum of the input rows that met it, as a true word less as noise; and the totals."""
    inputs = Inputs(np.array(tokens, np.int32), keep, table, None, None, None)
    w_in, w_out = pad(w_in), pad(np.zeros_like(w_in))
    totals = call(kernel, inputs, w_in, w_out, RATE, options, streams(seed))
    return w_out[:, : w_in.shape[1]] * (2 / RATE), totals


def noise_counts(kernel, sentences, table, negative, group, seed):
    """How often each word came up as noise: both inputs are 1, and each meets a step's noise once."""
    words = len(table)
    w_in = np.zeros((words, 1), np.float32)
    w_in[:2] = 1
    keep = np.full(words, ALWAYS, np.uint32)
    options = make_options(1, False, negative, group)
    moved, _ = meetings(kernel, [0, 1, -1] * sentences, keep, table, w_in, options, seed)
    return np.round(-moved[:, 0] / 2).astype(int)


COUNTS = np.array([500, 400, 1000, 300, 200, 100, 50, 20, 10, 5, 5, 2, 1, 1, 1])


@pytest.mark.parametrize("kernel", NS)
@pytest.mark.parametrize("negative", [1, 5, 20])
def test_noise_follows_its_distribution(kernel, negative):
    """One step a chunk: its noise words are drawn independently. Words 0 and 1 are the centres, never their noise."""
    table, found = alias_table(COUNTS, 0.75), np.zeros(len(COUNTS), int)
    for seed in range(12_000 // negative):
        found += noise_counts(kernel, 1, table, negative, 2, seed)
    assert found[:2].max() <= 0
    shares = COUNTS[2:] ** 0.75
    expected = 12_000 * shares.sum() / (COUNTS**0.75).sum()
    assert abs(found[2:].sum() - expected) < 4 * math.sqrt(expected)
    assert chisquare(found[2:], shares * (found[2:].sum() / shares.sum())).pvalue > 1e-3


@pytest.mark.parametrize("kernel", NS)
def test_noise_is_renewed_from_sentence_to_sentence(kernel):
    """2,000 sentences of one group each make 2,000 draws beyond the first pool, and nearly all of them come to be used.

    A pool's word is used about `negative` times before it is renewed: exp(-5) of them never are.
    """
    words = 100_000
    table = alias_table(np.ones(words), 0.75)
    found = noise_counts(kernel, 2000, table, 5, 2, 1)
    assert found[2:].sum() == 10_000
    assert np.count_nonzero(found[2:]) > 1900
    assert found[2:].max() < 50


@pytest.mark.parametrize("kernel", NS)
def test_noise_over_a_long_chunk_follows_its_distribution(kernel):
    """Noise words are used about five times each: the spread is that of a fifth as many draws."""
    table = alias_table(COUNTS, 0.75)
    found = sum(noise_counts(kernel, 2000, table, 5, 2, seed) for seed in range(10))[2:]
    shares = COUNTS**0.75 / (COUNTS**0.75).sum()
    spread = np.sqrt(20_000 * shares[2:]) * 5
    assert (np.abs(found - 100_000 * shares[2:]) < 4 * spread + 50).all()


@pytest.mark.parametrize("kernel", NS)
def test_noise_of_one_step_is_drawn_without_return(kernel):
    """As many noise words as the pool has: each word of the pool is there once."""
    words = 2**20
    table = alias_table(np.ones(words), 0.75)
    found = noise_counts(kernel, 1, table, 64, 2, 1)
    assert found[2:].sum() == 64
    assert np.count_nonzero(found[2:]) >= 62  # two draws of a million words may be the same


def contexts_of(kernel, length, keep, options, seed):
    """The words that were kept, in order, and the contexts of each. Word k is the k-th of the sentence."""
    words = length + 1
    table = np.array([[0, length]], np.uint32)  # noise is always a word that is not in the sentence
    w_in = np.eye(words, dtype=np.float32)
    moved, totals = meetings(kernel, [*range(length), -1], keep, table, w_in, options, seed)
    near = [np.flatnonzero(np.abs(row[:words]) > 0.01).tolist() for row in moved[:length]]
    assert totals.pairs == (sum(map(len, near)) if kernel.startswith("skipgram") else sum(map(bool, near)))
    kept = [k for k in range(length) if near[k]]
    assert totals.words in (len(kept), 1)
    return kept, [near[k] for k in kept]


@pytest.mark.parametrize("sample", [False, True])
@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("kernel", NS)
def test_windows_are_uniform_and_what_they_hold_is_consecutive(kernel, group, sample):
    """Each width from 1 to 5 equally often, subsampling or not: the two halves of a draw have nothing in common."""
    length, window, widths = 60, 5, []
    keep = np.full(length + 1, 2**31 if sample else ALWAYS, np.uint32)
    for seed in range(150):
        kept, near = contexts_of(kernel, length, keep, make_options(window, True, 1, group), seed)
        for place in range(window, len(kept) - window):
            width = len(near[place]) // 2
            assert near[place] == kept[place - width : place] + kept[place + 1 : place + width + 1]
            widths.append(width)
    assert len(widths) > 2500
    assert chisquare(np.bincount(widths, minlength=window + 1)[1:]).pvalue > 1e-3


@pytest.mark.parametrize("kernel", NS)
def test_fixed_windows_are_whole(kernel):
    kept, near = contexts_of(kernel, 20, np.full(21, ALWAYS, np.uint32), make_options(4, False, 1, 3), 1)
    assert near == [kept[max(k - 4, 0) : k] + kept[k + 1 : k + 5] for k in range(20)]


@pytest.mark.parametrize("word", range(4))
def test_subsampling_keeps_each_word_at_its_rate(word):
    keep = keep_thresholds([9000, 900, 90, 10], 0.01)
    draws, share = 50_000, keep[word] / 2**32
    inputs = Inputs(np.full(draws, word, np.int32), keep, np.array([[0, 3]], np.uint32), None, None, None)
    w_in, w_out = pad(np.zeros((4, 1))), pad(np.zeros((4, 1)))
    kept = call("cbow_ns", inputs, w_in, w_out, 0.0, make_options(1, False, 1), streams(word)).words
    assert abs(kept - draws * share) <= 4 * math.sqrt(draws * share * (1 - share)) + 1e-3
