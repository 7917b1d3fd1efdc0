"""copies.py: how often a thread meets a row, and what share of its changes a copy gives back."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from w2v.config import TrainConfig
from w2v.copies import OWN_NODES, OWN_WORDS, count_visits, node_copies, shares, word_copies
from w2v.sampling import ALWAYS, keep_thresholds

ALPHA = 0.025


@pytest.mark.parametrize("threads", [2, 16])
def test_few_visits_give_back_all_and_many_the_mean(threads):
    few, many = shares(np.array([0.0, 1e9]), ALPHA, threads)
    assert few == pytest.approx(1)
    assert many == pytest.approx(1 / threads)
    between = shares(np.geomspace(1, 1e5, 50), ALPHA, threads)
    assert (np.diff(between) <= 0).all()
    assert between.max() <= 1
    assert between.min() >= 1 / threads


@pytest.mark.parametrize("visits", [1, 40, 300, 5000])
@pytest.mark.parametrize("threads", [2, 3, 16])
def test_a_round_of_all_threads_leaves_what_one_thread_would_leave(threads, visits):
    """Steps towards 0, of alpha / 4 of the distance each: by one thread after another, and by all from the same start."""
    one_by_one = 1.0
    for _ in range(threads * visits):
        one_by_one -= ALPHA / 4 * one_by_one
    alone = (1 - ALPHA / 4) ** visits
    [share] = shares(np.array([visits]), ALPHA, threads)
    assert 1 + threads * share * (alone - 1) == pytest.approx(one_by_one, abs=0.005)


@pytest.mark.parametrize("shrink", [True, False])
@pytest.mark.parametrize("sg", [True, False])
def test_visits_are_those_of_a_text(sg, shrink):
    """A text of 100,000 words drawn from their counts, of which the frequent are left out, beside what is expected."""
    rng = np.random.default_rng(5)
    counts = (3000 / np.arange(1, 200) ** 0.9).astype(np.int64)
    config = TrainConfig(sg=sg, window=3, negative=4, ns_exponent=0.5, sample=1e-2, shrink_windows=shrink)
    keep = keep_thresholds(counts, config.sample)
    tokens = rng.choice(len(counts), 100_000, p=counts / counts.sum())
    words = tokens[rng.random(len(tokens)) * ALWAYS < keep[tokens]].tolist()
    noise = counts**config.ns_exponent / (counts**config.ns_exponent).sum()
    drawn = rng.choice(len(counts), (len(words), config.negative), p=noise).tolist()
    windows = rng.integers(1, config.window + 1, len(words)).tolist() if shrink else [config.window] * len(words)
    inputs, outputs = [0] * len(counts), [0] * len(counts)
    for place, word in enumerate(words):
        near = naive.contexts(place, words, windows[place])
        for context in near:
            inputs[words[context]] += 1
        for output in (word, *drawn[place]):
            outputs[output] += len(near) if sg else 1
    found = count_visits(counts, keep, config)
    for expected, visits in ((inputs, found.inputs), (outputs, found.outputs)):
        assert len(visits) == OWN_WORDS
        np.testing.assert_allclose(visits * len(tokens), expected[:OWN_WORDS], rtol=0.2)
        assert visits.sum() * len(tokens) == pytest.approx(sum(expected[:OWN_WORDS]), rel=0.02)


def test_one_thread_has_no_copies():
    config = TrainConfig()
    for copies in (word_copies(np.ones(OWN_WORDS), config, 16, 100, 1), node_copies(1000, 16, 1)):
        assert len(copies.rows) == len(copies.before) == len(copies.share) == 0


def test_which_rows_are_copied():
    config = TrainConfig()
    words, nodes, few = word_copies(np.ones(9), config, 16, 100, 2), node_copies(1000, 16, 2), node_copies(3, 16, 2)
    assert (words.first, len(words.rows)) == (0, 9)
    assert (nodes.first, len(nodes.rows)) == (1000 - OWN_NODES, OWN_NODES)
    assert (few.first, len(few.rows)) == (0, 3)
    assert set(nodes.share.tolist()) == {0.5}


@pytest.mark.parametrize("exponent", [-300, 0, 300])
def test_visits_are_finite_whatever_the_exponent(exponent):
    counts = np.array([10**9, 5, 1, 0])
    visits = count_visits(counts, np.full(4, ALWAYS, np.uint32), TrainConfig(ns_exponent=exponent))
    assert np.isfinite(visits.inputs).all()
    assert np.isfinite(visits.outputs).all()
    assert visits.outputs[3] == 0
