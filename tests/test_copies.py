"""Copies of rows: which, how often a thread meets them, when they are merged, and what share of its changes each gives back."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from w2v.config import TrainConfig
from w2v.copies import OWN_ROWS, UNSEEN, UNSEEN_OF_MEANS, WORTH, choose_rows, rounds
from w2v.huffman import build_tree
from w2v.kernels import TICK, TIERS, aligned, make_copies, make_scratch
from w2v.kernels.jit import kernel
from w2v.kernels.own import begin, count_centres, finish
from w2v.passes import make_passes, make_tables
from w2v.sampling import ALWAYS, keep_thresholds
from w2v.weights import Weights
from w2v.worker import Worker

LR = 0.025


@kernel
def go(w_in, w_y, rates, scratch, looks, centres, ends):
    """Every copy goes 1, and so many centres are trained; so often. The work ends then, if there are no `ends`."""
    begin(w_in, w_y, scratch)
    for _ in range(looks):
        for k in range(scratch.own_in.rows.shape[0]):
            scratch.own_in.rows[k, 0] += 1
        count_centres(centres, w_in, w_y, rates[0], scratch)
    finish(w_in, w_y, ends, scratch)


def run(own, threads=2, looks=1, centres=10, first=0, chunks=0):
    """How far each row of the matrix went."""
    w_in, w_y = aligned((first + len(own[0]), 16)), aligned((1, 16))
    w_in[:] = start = np.arange(len(w_in))[:, np.newaxis]
    scratch = make_scratch(1, 1, 16, own_in=make_copies(16, first, own, threads), own_y=make_copies(16))
    go(w_in, w_y, np.full(1, LR, np.float32), scratch, looks, centres, np.zeros(chunks, np.int64))
    return (w_in - start)[:, 0]


def share(visits, threads):
    """Of the change of a row that every centre meets so many times, what a call of 10 centres gives back."""
    return run(([visits / 10], [(0, 1)]), threads)[0]


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
    found = choose_rows(counts, keep, None, config, 2, 1e9)
    assert found.nodes.visits.size == 0
    if not sg:  # a step moves the mean of the contexts by a part, and the mean is shorter than they
        inputs, outputs = (np.array(visits) / (4 if shrink else 6) for visits in (inputs, outputs))
    for expected, (visits, _) in ((inputs, found.inputs), (outputs, found.outputs)):
        assert len(visits) == len(counts)
        np.testing.assert_allclose(visits[:64] * len(words), expected[:64], rtol=0.2)  # rarer words come by chance
        assert visits.sum() * len(words) == pytest.approx(sum(expected), rel=0.02)


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
    found = choose_rows(counts, keep, tree, config, 2, 1e9).nodes.visits
    np.testing.assert_allclose(found, expected)
    assert found[-1] == found.max() == pytest.approx(5 if sg else 1 / 5)


def test_what_a_visit_does_to_the_sum_of_contexts_and_by_a_divided_error():
    counts, keep = np.arange(50, 0, -1), np.full(50, ALWAYS, np.uint32)
    skipgram, mean, total, divided = (
        choose_rows(counts, keep, None, TrainConfig(window=4, **settings), 2, 1e9)
        for settings in ({}, {"sg": False}, {"sg": False, "cbow_mean": False}, {"sg": False, "cbow_gradient": "divided"})
    )
    for whole in (skipgram, total):
        np.testing.assert_allclose(whole.inputs.visits, 5 * mean.inputs.visits)
        np.testing.assert_allclose(whole.inputs.visits, 25 * divided.inputs.visits)
        for one in (mean, divided):
            np.testing.assert_allclose(whole.outputs.visits, 25 * one.outputs.visits)


@pytest.mark.parametrize(("threads", "call"), [(2, 1_000), (2, 100_000), (8, 100_000)])
def test_rows_worth_copies_are_those_that_others_have_had_often_enough(threads, call):
    counts = (300_000 / np.arange(1, 2000) ** 0.9).astype(np.int64)
    tree, keep = build_tree(counts), np.full(len(counts), ALWAYS, np.uint32)
    found = choose_rows(counts, keep, tree, TrainConfig(hs=True), threads, call)
    passed = np.zeros(len(counts) - 1)
    for word, count in enumerate(counts):
        passed[tree.points[tree.offsets[word] : tree.offsets[word + 1]]] += count
    for own, met in ((found.inputs, counts), (found.outputs, counts), (found.nodes, passed[::-1])):
        latest = min(call / (threads - 1), TICK << (TIERS - 1))
        in_others = met / counts.sum() * latest * (threads - 1) / threads
        assert len(own.visits) == np.count_nonzero(in_others >= WORTH) > 0


@pytest.mark.parametrize("threads", [2, 3, 8, 100])
@pytest.mark.parametrize("exponent", [0.75, -1])
@pytest.mark.parametrize(("sums", "unseen"), [(False, UNSEEN_OF_MEANS), (True, UNSEEN)])
def test_rows_are_merged_before_too_much_of_others_is_unseen(threads, exponent, sums, unseen):
    """As late as that lets them, in powers of two; where there are very many threads, once a copy has been of some use."""
    counts = np.arange(3000, 0, -1) ** 3
    kind = {"cbow_mean": False} if sums else {"cbow_gradient": "divided"}
    config = TrainConfig(sg=False, hs=True, ns_exponent=exponent, **kind)
    keep = keep_thresholds(counts, 1e-3)
    found = choose_rows(counts, keep, build_tree(counts), config, threads, 1e6)
    most, does = max(unseen / (threads - 1), WORTH), 6 if sums else 1 / 6  # what a visit of this model does
    for own in (found.inputs, found.outputs, found.nodes):
        rows = np.concatenate([np.arange(*tier) for tier in own.tiers])
        assert sorted(rows) == list(range(len(own.visits)))  # each is in one tier
        for k, (start, stop) in enumerate(own.tiers):
            met = own.visits[start:stop] / does * TICK * 2**k
            assert k == 0 or (met <= most * 1.0001).all()
            if exponent > 0:  # else rows behind are met more often, and this one is merged as often as they
                assert k == TIERS - 1 or (met > most / 2).all()


def test_when_rows_are_merged():
    """At every look, at every second, fourth; a look comes after TICK centres at least."""
    own = (np.zeros(6), [(4, 6), (1, 4), (0, 1)])
    for looks, expected in ((1, [0, 0, 0, 0, 1, 1]), (3, [0, 2, 2, 2, 3, 3]), (4, [4] * 6), (7, [4, 6, 6, 6, 7, 7])):
        for first in (0, 5):
            moved = run(own, looks=looks, centres=TICK, first=first, chunks=1)
            np.testing.assert_allclose(moved[first:], expected, rtol=2e-3)
            np.testing.assert_array_equal(moved[:first], 0)
    np.testing.assert_allclose(run(own, looks=9, centres=TICK // 3, chunks=1), [0, 8, 8, 8, 8, 8], rtol=2e-3)
    np.testing.assert_allclose(run(own, looks=9, centres=TICK // 3), [9] * 6, rtol=2e-3)


def test_what_counts_is_the_way_since_a_row_was_merged():
    """The rarer row, met half as often and merged half as often, gives back the same share."""
    frequent, rare = run(([0.2, 0.1], [(0, 1), (1, 2)]), looks=4, centres=TICK)
    assert 2.4 < frequent < 3.6
    assert frequent == pytest.approx(rare, rel=1e-4)


def copies_of(threads, words=3000, call=1e6, **config):
    config = TrainConfig(threads=threads, vector_size=16, **config)
    counts = np.arange(words, 0, -1) * 100
    tables, weights = make_tables(counts, config, threads, call), Weights.create(words, config)
    worker = Worker(config, weights, tables, make_passes(config, weights, tables), None, 100, threads)
    return [(scratch.own_in, scratch.own_y) for scratch in worker._scratch]


def test_one_thread_has_no_copies():
    for copies in copies_of(1, hs=True):
        assert all(len(own.rows) == len(own.before) == len(own.visits) == 0 for own in copies)


def test_which_rows_are_copied():
    (words_in, words_out), (again, nodes) = copies_of(2, hs=True, call=100_000)
    rows = len(words_in.rows)
    assert [(own.first, len(own.rows)) for own in (words_in, words_out, again)] == [(0, rows)] * 3
    assert 0 < rows < 3000
    assert 0 < len(nodes.rows) == 2999 - nodes.first < 2999
    [(few_in, few)] = copies_of(2, words=4, hs=True, negative=0)
    assert (few_in.first, len(few_in.rows), few.first, len(few.rows)) == (0, 4, 0, 3)
    assert few.threads == words_in.threads == 2
    [(all_in, all_nodes)] = copies_of(2, words=5000, hs=True, negative=0, call=1e12)
    assert len(all_in.rows) == len(all_nodes.rows) == OWN_ROWS


def test_means_of_contexts_are_merged_less_often():
    mean = {"sg": False, "negative": 5}
    like = [{**mean, "cbow_gradient": "divided"}, {"sg": False, "negative": 0, "hs": True}]
    assert {rounds(TrainConfig(**other)) for other in like} == {rounds(TrainConfig(**mean))}
    for other in ({"sg": True}, {**mean, "cbow_mean": False}):
        assert rounds(TrainConfig(**other)) > rounds(TrainConfig(**mean))


def test_words_without_counts_have_no_copies():
    counts = np.zeros(30, np.int64)
    config, keep = TrainConfig(hs=True, negative=0), np.full(30, ALWAYS, np.uint32)
    own = choose_rows(counts, keep, build_tree(counts), config, 2, 600)
    assert [len(rows.visits) for rows in (own.inputs, own.outputs, own.nodes)] == [0, 0, 0]


@pytest.mark.parametrize("exponent", [-300, 0, 300])
def test_visits_are_finite_whatever_the_exponent(exponent):
    counts = np.array([10**4, 5, 1, 0])
    own = choose_rows(counts, np.full(4, ALWAYS, np.uint32), None, TrainConfig(ns_exponent=exponent), 2, 1e12)
    assert np.isfinite(own.inputs.visits).all()
    assert np.isfinite(own.outputs.visits).all()
    assert len(own.outputs.visits) == 3
