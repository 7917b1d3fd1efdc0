"""sampling.py: formulas by hand, tables by exact reconstruction, draws by their statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from w2v.errors import ConfigError
from w2v.kernels import ops
from w2v.kernels.jit import helper, kernel
from w2v.sampling import ALWAYS, alias_table, keep_thresholds

_draw, _alias_draw, _is_kept = helper(ops.draw), helper(ops.alias_draw), helper(ops.is_kept)


@kernel
def histogram(alias, draws, rng, found):
    for _ in range(draws):
        found[_alias_draw(_draw(rng, 0), alias)] += 1


@kernel
def count_kept(threshold, draws, rng):
    kept = 0
    for _ in range(draws):
        kept += _is_kept(_draw(rng, 0), threshold)
    return kept


def reconstruct(table):
    """The probability of each word that a table stands for."""
    accept = table[:, 0] / 2**32
    shares = accept.copy()
    np.add.at(shares, table[:, 1], 1 - accept)
    return shares / len(table)


def zipf(words):
    return np.maximum(10_000_000 // np.arange(1, words + 1), 1)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200).filter(any), st.floats(-2, 2))
def test_the_alias_table_stands_for_the_distribution(counts, exponent):
    counts = np.array(counts)
    weights = np.where(counts > 0, np.maximum(counts, 1).astype(float) ** exponent, 0)
    table = alias_table(counts, exponent)
    assert (table[:, 1] < counts.size).all()
    np.testing.assert_allclose(reconstruct(table), weights / weights.sum(), rtol=0, atol=3e-10)


def test_words_that_never_occur_are_never_drawn():
    for exponent in (0.75, 0.0, -1.0):
        shares = reconstruct(alias_table([5, 0, 3, 0, 0], exponent))
        assert (shares[[1, 3, 4]] == 0).all()
    assert reconstruct(alias_table([5, 0, 3, 0, 0], 0.0))[0] == pytest.approx(0.5)


@pytest.mark.parametrize("exponent", [300.0, -300.0])
def test_no_exponent_overflows(exponent):
    shares = reconstruct(alias_table([10**6, 1000, 20, 0], exponent))
    assert shares[0 if exponent > 0 else 2] == pytest.approx(1.0)


def test_one_word_is_always_drawn():
    np.testing.assert_array_equal(alias_table([3], 0.75), np.array([[ALWAYS, 0]], np.uint32))


def test_without_any_count_there_is_no_noise():
    for counts in ([], [0, 0]):
        with pytest.raises(ConfigError, match="no word"):
            alias_table(counts, 0.75)


def test_a_million_draws_follow_the_distribution():
    counts = zipf(2000)
    found = np.zeros(counts.size)
    histogram(alias_table(counts, 0.75), 1_000_000, np.array([1], np.uint64), found)
    shares = counts**0.75
    assert chisquare(found, shares * (found.sum() / shares.sum())).pvalue > 1e-3


def test_keep_thresholds_by_hand():
    # f = 90%, 9%, 1%; t = 1%: sqrt(1/90) + 1/90, sqrt(1/9) + 1/9, and 2 for the last, which is certain
    found = keep_thresholds([900, 90, 10], 0.01) / 2**32
    np.testing.assert_allclose(found[:2], [math.sqrt(1 / 90) + 1 / 90, math.sqrt(1 / 9) + 1 / 9], atol=1e-9)
    assert keep_thresholds([900, 90, 10], 0.01)[2] == ALWAYS


def test_sample_zero_keeps_everything():
    assert (keep_thresholds(zipf(100), 0) == ALWAYS).all()
    assert keep_thresholds([], 1e-3).shape == (0,)


def test_sample_as_a_count_does_not_depend_on_the_corpus():
    counts = zipf(1000)
    np.testing.assert_array_equal(keep_thresholds(counts, 500), keep_thresholds(counts, 500, total=7))
    threshold = int(500 * (3 + math.sqrt(5)) / 2)
    kept = np.sqrt(threshold / counts) + threshold / counts
    np.testing.assert_allclose(keep_thresholds(counts, 500) / 2**32, np.minimum(kept, 1), atol=1e-9)


def test_total_may_be_larger_than_the_sum_of_counts():
    np.testing.assert_array_equal(keep_thresholds([50, 5], 0.01, total=1000)[:1], keep_thresholds([50, 950], 0.01)[:1])


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50), st.floats(1e-9, 0.99))
def test_rarer_words_are_kept_no_less_and_only_certainty_is_marked_so(counts, sample):
    counts = np.sort(np.array(counts))[::-1]
    thresholds = keep_thresholds(counts, sample).astype(np.int64)
    assert (np.diff(thresholds) >= 0).all()
    assert thresholds.dtype == np.int64
    ratio = sample * counts.sum() / np.maximum(counts, 1)
    np.testing.assert_array_equal(thresholds == ALWAYS, np.sqrt(ratio) + ratio >= 1)


@pytest.mark.parametrize("sample", [-1e-3, math.nan, math.inf])
def test_a_senseless_sample_is_refused(sample):
    with pytest.raises(ConfigError, match="sample"):
        keep_thresholds([1, 2], sample)


def test_a_million_tokens_are_kept_at_the_rate_of_their_word():
    threshold = keep_thresholds([900, 90, 10], 0.01)[1]
    share, draws = float(threshold) / 2**32, 1_000_000
    kept = count_kept(threshold, draws, np.array([7], np.uint64))
    assert abs(kept - draws * share) < 4 * math.sqrt(draws * share * (1 - share))
    assert count_kept(np.uint32(ALWAYS), draws, np.array([7], np.uint64)) == draws
