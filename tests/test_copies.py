"""Copies of rows: which, how often a thread meets them, and what share of its changes a copy gives back."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from w2v.config import TrainConfig
from w2v.copies import OWN_NODES, OWN_WORDS, count_visits
from w2v.huffman import build_tree
from w2v.kernels import aligned, make_copies
from w2v.kernels.jit import kernel
from w2v.kernels.walk import borrow, give_back
from w2v.passes import make_passes, make_tables
from w2v.sampling import ALWAYS, keep_thresholds
from w2v.weights import Weights
from w2v.worker import Worker

LR = 0.025


def share(visits, threads):
    """Of the change of a row that every token meets so many times, what a call over 10 tokens gives back."""
    copies = make_copies(16, 0, [visits / 10], threads)
    w = aligned((1, 16))
    borrow_and_give_back(w, copies, np.array([4, 10]), np.full(2, LR, np.float32))
    return w[0, 0] / 2


@kernel
def borrow_and_give_back(w, copies, ends, rates):
    """The copy goes 2 in between."""
    borrow(w, copies)
    copies.rows[0, 0] += 2
    give_back(w, copies, ends, rates)


@pytest.mark.parametrize("threads", [2, 16])
def test_few_visits_give_back_all_and_many_the_mean(threads):
    assert share(0, threads) == pytest.approx(1, abs=0.01)
    assert share(1e9, threads) == pytest.approx(1 / threads)
    between = np.array([share(visits, threads) for visits in np.geomspace(1, 1e5, 50)])
    assert (np.diff(between) <= 1e-5).all()
    assert between.max() <= 1
    assert between.min() >= 1 / threads - 1e-5


@pytest.mark.parametrize("visits", [1, 40, 300, 5000])
@pytest.mark.parametrize("threads", [2, 3, 16])
def test_a_round_of_all_threads_leaves_what_one_thread_would_leave(threads, visits):
    """Steps towards 0, of lr / 4 of the distance each: by one thread after another, and by all from the same start."""
    one_by_one = 1.0
    for _ in range(threads * visits):
        one_by_one -= LR / 4 * one_by_one
    alone = (1 - LR / 4) ** visits
    assert 1 + threads * share(visits, threads) * (alone - 1) == pytest.approx(one_by_one, abs=0.005)


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
    found = count_visits(counts, keep, None, config)
    assert found.nodes.size == 0
    if not sg:  # a step moves the mean of the contexts by a part, and the mean is shorter than they
        inputs, outputs = (np.array(visits) / (4 if shrink else 6) for visits in (inputs, outputs))
    for expected, visits in ((inputs, found.inputs), (outputs, found.outputs)):
        assert len(visits) == (64 if sg else len(counts))
        np.testing.assert_allclose(visits[:64] * len(tokens), expected[:64], rtol=0.2)  # rarer words come by chance
        assert visits.sum() * len(tokens) == pytest.approx(sum(expected[: len(visits)]), rel=0.02)


@pytest.mark.parametrize("sg", [True, False])
def test_visits_of_nodes_are_those_of_all_paths(sg, monkeypatch):
    """Every centre passes the nodes of its path; here the words are looked at in four pieces."""
    monkeypatch.setattr("w2v.kernels.BLOCK", 500)
    counts = (30_000 / np.arange(1, 2000) ** 0.9).astype(np.int64)
    config, tree = TrainConfig(sg=sg, hs=True, negative=0, window=4), build_tree(counts)
    keep = np.full(len(counts), ALWAYS, np.uint32)
    expected = np.zeros(len(counts) - 1)
    for word, count in enumerate(counts):
        expected[tree.points[tree.offsets[word] : tree.offsets[word + 1]]] += count / counts.sum() * (5 if sg else 1 / 5)
    found = count_visits(counts, keep, tree, config)
    np.testing.assert_allclose(found.nodes, expected[-OWN_NODES:])
    assert found.nodes[-1] == found.nodes.max() == pytest.approx(5 if sg else 1 / 5)


def test_what_a_visit_does_to_the_sum_of_contexts_and_by_a_divided_error():
    counts, keep = np.arange(50, 0, -1), np.full(50, ALWAYS, np.uint32)
    skipgram, mean, total, divided = (
        count_visits(counts, keep, None, TrainConfig(window=4, **settings))
        for settings in ({}, {"sg": False}, {"sg": False, "cbow_mean": False}, {"sg": False, "cbow_gradient": "divided"})
    )
    for whole in (skipgram, total):
        np.testing.assert_allclose(whole.inputs, 5 * mean.inputs)
        np.testing.assert_allclose(whole.inputs, 25 * divided.inputs)
        for one in (mean, divided):
            np.testing.assert_allclose(whole.outputs, 25 * one.outputs)


def copies_of(threads, words=3000, **config):
    config = TrainConfig(threads=threads, vector_size=16, **config)
    counts = np.arange(words, 0, -1) * 100
    tables, weights = make_tables(counts, config, threads), Weights.create(words, config)
    worker = Worker(config, weights, tables, make_passes(config, weights, tables), None, 100, threads)
    return [(scratch.own_in, scratch.own_y) for scratch in worker._scratch]


def test_one_thread_has_no_copies():
    for copies in copies_of(1, hs=True):
        assert all(len(own.rows) == len(own.before) == len(own.visits) == 0 for own in copies)


def test_which_rows_are_copied():
    (words_in, words_out), (again, nodes) = copies_of(2, hs=True)
    assert [(own.first, len(own.rows)) for own in (words_in, words_out, again)] == [(0, OWN_WORDS["skip-gram"])] * 3
    assert (nodes.first, len(nodes.rows)) == (2999 - OWN_NODES, OWN_NODES)
    [(few_in, few)] = copies_of(2, words=4, hs=True, negative=0)
    assert (few_in.first, len(few_in.rows), few.first, len(few.rows)) == (0, 4, 0, 3)
    assert few.threads == words_in.threads == 2


@pytest.mark.parametrize("exponent", [-300, 0, 300])
def test_visits_are_finite_whatever_the_exponent(exponent):
    counts = np.array([10**9, 5, 1, 0])
    visits = count_visits(counts, np.full(4, ALWAYS, np.uint32), None, TrainConfig(ns_exponent=exponent))
    assert np.isfinite(visits.inputs).all()
    assert np.isfinite(visits.outputs).all()
    assert visits.outputs[3] == 0
