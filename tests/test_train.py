"""train.py: what each chunk is given and what a run adds up to."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
import time

import numpy as np
import pytest
from runs import BOTH_LAYERS, COUNTS, SMALL, WORDS, assert_same_bits, make_corpus, many_chunks, matrices
from scipy.stats import chisquare

from w2v.config import TrainConfig
from w2v.kernels import cpu, ops
from w2v.passes import _draw, chunk_streams, make_options
from w2v.train import EpochStats, _Trainer, train
from w2v.weights import Weights


class Recorder:
    """Stands in for the four kernels and notes what it is called with. It reports one unit of loss for each token."""

    def __init__(self, monkeypatch):
        self.calls = []
        for name in ("skipgram_ns", "skipgram_hs", "cbow_ns", "cbow_hs"):
            monkeypatch.setattr(cpu, name, self._stand_in(name))

    def _stand_in(self, name):
        def kernel(tokens, ends, keep, table, w_in, w_y, lock, rates, options, streams, scratch, stats):
            # a call over nothing has the kernel compiled before the clock starts
            for part, lr, rng, totals in zip(np.split(tokens, ends[:-1]), rates, streams.copy(), stats, strict=False):
                self.calls.append((name, part, lr, options, rng, lock))
                totals += len(part), 2 * len(part), (part >= 0).sum()

        return kernel


@pytest.fixture
def recorder(monkeypatch):
    return Recorder(monkeypatch)


# --- what a run adds up to --------------------------------------------------------------------------------------------


def test_training_learns_which_words_go_together():
    config = dataclasses.replace(SMALL, epochs=30, alpha=0.1, window=1)
    result = train(make_corpus(8), COUNTS, config)
    losses = [epoch.mean_loss for epoch in result.epochs]
    assert losses[0] > 1.3 * losses[-1]
    vectors = result.weights.vectors / np.linalg.norm(result.weights.vectors, axis=1, keepdims=True)
    scores = result.weights.vectors @ result.weights.w_out[:, :12].T
    assert (scores[::2].argmax(1) == np.arange(1, WORDS, 2)).mean() > 0.9
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("config", BOTH_LAYERS)
def test_one_thread_is_repeatable_bit_for_bit(config):
    one, other = (train(make_corpus(), COUNTS, config) for _ in range(2))
    assert_same_bits(one.weights, other.weights)
    assert [e.loss for e in one.epochs] == [e.loss for e in other.epochs]
    another_seed = train(make_corpus(), COUNTS, config.replace(seed=2))
    assert not np.array_equal(one.weights.w_in, another_seed.weights.w_in)


@pytest.mark.parametrize("config", BOTH_LAYERS)
def test_hierarchical_softmax_beside_negative_sampling_trains_both(config):
    result, before = train(make_corpus(), COUNTS, config), Weights.create(WORDS, config)
    for after, untrained in zip(matrices(result.weights), matrices(before), strict=True):
        assert np.abs(after - untrained).max() > 0.001
    alone = [train(make_corpus(), COUNTS, config.replace(**c)) for c in ({"hs": False}, {"negative": 0})]
    assert {e.pairs for e in result.epochs} == {e.pairs for run in alone for e in run.epochs}
    both, single = result.epochs[0].mean_loss, [run.epochs[0].mean_loss for run in alone]
    assert both == pytest.approx(sum(single), rel=0.1)


def test_the_totals_of_an_epoch(recorder):
    corpus = make_corpus(raw_words=10_000)
    result = train(corpus, COUNTS, SMALL)
    stream = int(corpus.starts[-1])
    assert [(e.loss, e.pairs, e.words) for e in result.epochs] == [(stream, 2 * stream, corpus.n_tokens)] * 2
    assert result.epochs[0].mean_loss == 0.5
    assert EpochStats().mean_loss == 0
    assert (result.words, result.finished, result.position) == (20_000, True, (2, 0))
    assert result.seconds >= max(e.seconds for e in result.epochs) > 0


def test_both_layers_go_over_the_same_words_and_the_pairs_count_once(recorder):
    corpus = make_corpus()
    result = train(corpus, COUNTS, SMALL.replace(hs=True, epochs=1))
    calls = list(zip(recorder.calls[::2], recorder.calls[1::2], strict=True))
    assert len(calls) == 4
    for ns, hs in calls:
        assert (ns[0], hs[0]) == ("skipgram_ns", "skipgram_hs")
        np.testing.assert_array_equal(ns[1], hs[1])
        assert ns[2] == hs[2]
        np.testing.assert_array_equal(ns[4], hs[4])
    assert result.epochs[0].loss == 2 * corpus.starts[-1]
    assert result.epochs[0].pairs == 2 * corpus.starts[-1]
    assert result.epochs[0].words == corpus.n_tokens


# --- what each chunk is given -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alpha", "first"), [(None, 0.025), (0.5, 0.5)])
def test_the_learning_rate_falls_linearly_with_the_place_in_the_run(recorder, alpha, first):
    corpus = make_corpus()
    train(corpus, COUNTS, SMALL.replace(alpha=alpha, min_alpha=0.001, epochs=3))
    share = np.concatenate([(epoch + corpus.starts[:-1] / corpus.starts[-1]) / 3 for epoch in range(3)])
    rates = [lr for _, _, lr, *_ in recorder.calls]
    assert rates == [np.float32(first - (first - 0.001) * done) for done in share]
    assert rates[0] == np.float32(first)
    assert {type(lr) for lr in rates} == {np.float32}


def test_corrected_cbow_starts_at_a_rate_of_its_own(recorder):
    train(make_corpus(), COUNTS, SMALL.replace(sg=False, cbow_gradient="divided"))
    assert recorder.calls[0][2] == np.float32(SMALL.replace(sg=False, cbow_gradient="divided").start_alpha)
    assert recorder.calls[0][2] > np.float32(0.025)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_chunks_and_their_streams_do_not_depend_on_the_threads(recorder, threads):
    corpus = make_corpus()
    train(corpus, COUNTS, SMALL.replace(threads=threads, seed=7))
    keys = {(epoch, k): chunk_streams(7, epoch, k) for epoch in range(2) for k in range(4)}
    found = [(tuple(rng), tokens.size) for _, tokens, _, _, rng, _ in recorder.calls]
    assert sorted(found) == sorted((key, corpus.chunks[k].size) for (_, k), key in keys.items())
    assert len(set(keys.values())) == 8
    first_epoch = {rng for rng, _ in found[:4]}
    assert first_epoch == {keys[0, k] for k in range(4)}


def test_several_threads_end_at_a_similar_loss():
    config = SMALL.replace(epochs=6, alpha=0.05)
    one = train(make_corpus(60), COUNTS, config).epochs[-1]
    several = train(make_corpus(60), COUNTS, config.replace(threads=3)).epochs[-1]
    assert several.pairs == one.pairs
    assert several.words == one.words
    assert several.mean_loss == pytest.approx(one.mean_loss, rel=0.05)


@pytest.mark.parametrize("config", BOTH_LAYERS)
def test_a_deterministic_run_does_not_depend_on_the_threads(config):
    runs = [train(make_corpus(20), COUNTS, config.replace(deterministic=True, threads=n)) for n in (1, 4)]
    assert_same_bits(runs[0].weights, runs[1].weights)


@pytest.mark.compiled
def test_no_setting_has_the_kernels_compiled_anew():
    train(make_corpus(), COUNTS, SMALL)
    before = len(cpu.skipgram_ns.signatures)
    changed = {"window": np.int32(2), "negative": np.int64(7), "saturation": "none", "noise_group": 1, "sample": 0.1}
    train(make_corpus(), COUNTS.astype(np.int32), SMALL.replace(**changed))
    assert len(cpu.skipgram_ns.signatures) == before


ONCE = """
from w2v import Word2Vec
from w2v.kernels import cpu
for sg in (True, False):
    for hs in (True, False):
        text = [["a", "b", "c"] * 1000] * 100  # many chunks
        Word2Vec(text, min_count=1, vector_size=8, sg=sg, hs=hs, negative=0 if hs else 5, workers=1, epochs=1)
print(*(len(k.signatures) for k in (cpu.skipgram_ns, cpu.skipgram_hs, cpu.cbow_ns, cpu.cbow_hs)))
"""


@pytest.mark.compiled
def test_a_kernel_is_compiled_once_and_before_the_clock_starts():
    """Tokens that may be written to are another type to the compiler: it took twice as long, half of it as training time."""
    done = subprocess.run([sys.executable, "-c", ONCE], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == ["1"] * 4


@pytest.mark.parametrize(
    ("saturation", "noise", "clamp", "skip"),
    [
        ("clamp", True, 6, math.inf),
        ("clamp", False, math.inf, 6),  # word2vec.c leaves saturated nodes of a path alone
        ("skip", True, math.inf, 6),
        ("skip", False, math.inf, 6),
        ("none", True, math.inf, math.inf),
        ("none", False, math.inf, math.inf),
    ],
)
def test_saturation_as_each_output_layer_takes_it(saturation, noise, clamp, skip):
    options = make_options(TrainConfig(saturation=saturation, hs=True), noise=noise)
    assert (options.clamp, options.skip) == (clamp, skip)
    assert {type(options.clamp), type(options.skip)} == {np.float32}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"window": 5, "shrink": 1, "negative": 5, "mean": 1, "divide": 0}),
        ({"shrink_windows": False, "window": 3}, {"window": 3, "shrink": 0}),
        ({"noise_group": 4}, {"group": 4}),
        ({"cbow_gradient": "divided"}, {"mean": 1, "divide": 1}),
        ({"cbow_gradient": "divided", "cbow_mean": False}, {"mean": 0, "divide": 0}),
    ],
)
def test_the_configuration_in_numbers(config, expected):
    options = make_options(TrainConfig(sg=False, **config), noise=True)._asdict()
    assert {name: options[name] for name in expected} == expected
    assert {type(v) for v in options.values()} == {int, np.float32}


@pytest.mark.parametrize(
    ("sg", "noise", "given", "group"),
    [
        (True, True, 3, 3),
        (True, False, 3, 3),
        (False, True, 3, 3),
        (False, False, 3, 8),
        (False, False, 1, 1),
        (False, False, 12, 12),
    ],
)
def test_how_many_centres_make_a_step(sg, noise, given, group):
    assert make_options(TrainConfig(sg=sg, hs=True, noise_group=given), noise=noise).group == group


def test_frozen_rows_stay():
    lock = np.ones(WORDS, np.float32)
    lock[:10] = 0
    before = Weights.create(WORDS, SMALL)
    after = train(make_corpus(), COUNTS, SMALL, lock=lock).weights
    np.testing.assert_array_equal(after.w_in[:10], before.w_in[:10])
    assert (after.w_in[10:] != before.w_in[10:]).any(1).all()


def test_weights_given_are_trained_in_place():
    weights = Weights.create(WORDS, SMALL)
    weights.w_in[:, :12] *= 3
    before = weights.w_in.copy()
    assert train(make_corpus(), COUNTS, SMALL, weights=weights).weights is weights
    assert not np.array_equal(weights.w_in, before)


MODELS = [{"sg": sg, "hs": hs, "negative": 0 if hs else 5} for sg in (True, False) for hs in (False, True)]


def watch(corpus):
    """How many chunks are read at a time, from now on."""
    taken, whole = [], corpus.read

    def read(k, stop):
        taken.append(stop - k)
        return whole(k, stop)

    corpus.read = read
    return taken


@pytest.mark.parametrize("both", [False, True])
def test_chunks_that_several_threads_take_at_once(monkeypatch, both):
    """As many as one thread does; but one where both output layers take turns at copies of the same rows."""
    monkeypatch.setattr("w2v.train.SHORT", math.inf)
    corpus = many_chunks()
    taken = watch(corpus)
    train(corpus, COUNTS, SMALL.replace(epochs=1, threads=2, hs=both))
    assert sum(taken) == 100
    assert max(taken) == 1 if both else max(taken) >= 4  # more than 12 would leave too little for the other


@pytest.mark.parametrize("models", [*MODELS, {"hs": True, "negative": 5}])
def test_what_threads_make_of_their_copies_is_in_the_matrices_in_the_end(monkeypatch, models):
    """With so small a learning rate output rows go as far whoever trains them, but for the part that merging takes away."""
    monkeypatch.setattr("w2v.train.rounds", lambda _: 1)  # else no row of so small a text is worth a copy
    few = {**models, "alpha": 1e-3, "min_alpha": 1e-3, "epochs": 1}
    moved = []
    for threads in (1, 2):
        weights = train(many_chunks(), COUNTS, SMALL.replace(**few, threads=threads)).weights
        moved.append([m for m in (weights.w_out, weights.w_node) if m is not None])  # they begin with zeros
    for by_one, by_two in zip(*moved, strict=True):
        assert np.abs(by_one).max() > 1e-4
        np.testing.assert_allclose(by_two, by_one, atol=0.4 * np.abs(by_one).max())  # not 1: lost


@pytest.mark.parametrize("models", MODELS)
def test_it_makes_no_difference_how_many_chunks_a_worker_takes_at_once(monkeypatch, models):
    monkeypatch.setattr("w2v.train.SHORT", math.inf)
    runs = []
    for stint in (1, 16):
        monkeypatch.setattr("w2v.worker.STINT", stint)
        corpus = many_chunks()
        taken = watch(corpus)
        runs.append(train(corpus, COUNTS, SMALL.replace(epochs=1, **models)))
        assert (sum(taken), max(taken)) == (100, stint)
    assert_same_bits(runs[0].weights, runs[1].weights)
    assert runs[0].epochs[0].loss == runs[1].epochs[0].loss > 0
    assert (runs[0].epochs[0].pairs, runs[0].epochs[0].words) == (runs[1].epochs[0].pairs, runs[1].epochs[0].words)


def test_a_worker_that_takes_long_takes_less(monkeypatch):
    monkeypatch.setattr("w2v.train.SHORT", 0.01)
    corpus, taken = many_chunks(hook=lambda k: time.sleep(0.02) if k >= 40 else None), []
    monkeypatch.setattr(_Trainer, "_train_chunks", noted(_Trainer._train_chunks, taken))
    train(corpus, COUNTS, SMALL.replace(epochs=1))
    assert max(taken) >= 8
    assert set(taken[-10:]) <= {1, 2}


def noted(train_chunks, taken):
    """The same, and notes how many chunks."""

    def train_and_note(trainer, epoch, chunk, stop, worker):
        taken.append(stop - chunk)
        return train_chunks(trainer, epoch, chunk, stop, worker)

    return train_and_note


def test_both_layers_take_turns_at_every_chunk_however_short(monkeypatch, recorder):
    monkeypatch.setattr("w2v.train.SHORT", math.inf)
    train(many_chunks(), COUNTS, SMALL.replace(hs=True, epochs=1))
    assert [name for name, *_ in recorder.calls] == ["skipgram_ns", "skipgram_hs"] * 100


# --- random streams ---------------------------------------------------------------------------------------------------


def test_no_stream_runs_into_another():
    """A stream counts in steps of GOLDEN: in units of that, all starting points are far apart."""
    keys = [(seed, epoch, k) for seed in (0, 1, 2**40) for epoch in range(3) for k in range(2000)]
    starts = np.array([chunk_streams(*key) for key in keys], np.uint64).ravel()
    with np.errstate(over="ignore"):
        places = np.sort(starts * np.uint64(pow(int(ops.GOLDEN), -1, 2**64)))
    assert np.diff(places).min() > 10**7


def test_streams_are_hashed_as_numbers_are_drawn():
    for state in (0, 1, 2**63, 2**64 - 1, int(ops.MIX_1)):
        with np.errstate(over="ignore"):
            assert _draw(state) == ops.draw(np.array([state], np.uint64), 0)


def test_first_draws_of_neighbouring_chunks_are_independent():
    draws = np.empty((4000, 2), np.uint64)
    with np.errstate(over="ignore"):
        for k in range(len(draws)):
            rng = np.array(chunk_streams(1, 0, k), np.uint64)
            draws[k] = ops.draw(rng, 0), ops.draw(rng, 1)
    for values in (draws[:, 0], draws[:, 1], draws[1:, 0] - draws[:-1, 0], draws[:, 0] ^ draws[:, 1]):
        for shift in (60, 28):  # the top of the high half and of the low half
            bins = np.bincount(((values >> np.uint64(shift)) & np.uint64(15)).astype(int), minlength=16)
            assert chisquare(bins).pvalue > 1e-4
