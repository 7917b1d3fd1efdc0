"""train.py: how runs stop, pause, go on, report and fail."""

from __future__ import annotations

import math
import signal
import threading
import time

import numpy as np
import pytest
from runs import BOTH_LAYERS, COUNTS, SMALL, WORDS, ListCorpus, assert_same_bits, make_corpus, many_chunks, matrices

from w2v.errors import ConfigError, TrainingError
from w2v.train import Position, _Trainer, train
from w2v.weights import Weights


class Brake:
    """Stops a run in chunk number `at` of all that are read: the reader waits until the trainer has seen the stop."""

    def __init__(self, at):
        self.left, self.stop, self.seen = at, threading.Event(), threading.Semaphore(0)

    def hook(self, _):
        if self.left == 0:
            self.stop.set()
            for _ in range(2):  # the first report may have begun before the stop
                assert self.seen.acquire(timeout=120)
        self.left -= 1

    def on_progress(self, _):
        if self.stop.is_set():
            self.seen.release()


@pytest.mark.parametrize("config", BOTH_LAYERS)
def test_a_run_goes_on_from_anywhere_with_the_same_bits(config):
    whole = train(make_corpus(3), COUNTS, config)
    for at in range(6):
        brake = Brake(at)
        part = train(make_corpus(3, hook=brake.hook), COUNTS, config, stop=brake.stop, on_progress=brake.on_progress)
        assert part.position == divmod(at + 1, 3)
        assert part.finished == (at == 5)
        rest = train(make_corpus(3), COUNTS, config, weights=part.weights, start=part.position)
        assert rest.finished
        assert_same_bits(rest.weights, whole.weights)
        assert part.words + rest.words == whole.words
        assert sum(e.pairs for e in part.epochs + rest.epochs) == sum(e.pairs for e in whole.epochs)


def test_nothing_is_left_to_do_after_the_end():
    read = []
    result = train(make_corpus(hook=read.append), COUNTS, SMALL, start=Position(2, 0))
    assert result.finished
    assert (result.epochs, result.words, read) == ([], 0, [])


def test_a_stop_that_came_before_the_run():
    read, stop = [], threading.Event()
    stop.set()
    result = train(make_corpus(hook=read.append), COUNTS, SMALL, stop=stop)
    assert (result.finished, result.position, read) == (False, (0, 0), [])


@pytest.mark.parametrize("hs", [False, True])
def test_a_stop_after_several_chunks_at_once(monkeypatch, hs):
    monkeypatch.setattr("w2v.train.SHORT", math.inf)
    config, stop = SMALL.replace(hs=hs, negative=0 if hs else 5), threading.Event()

    def halt(k):
        if k == 50:
            stop.set()
            time.sleep(0.5)  # stop is looked at ten times a second

    begun = train(many_chunks(halt), COUNTS, config, stop=stop)
    assert begun.position.epoch == 0
    assert 51 < begun.position.chunk < 100
    ended = train(many_chunks(), COUNTS, config, weights=begun.weights, start=begun.position)
    assert_same_bits(ended.weights, train(many_chunks(), COUNTS, config).weights)


def test_a_pause_between_chunks_changes_nothing():
    """Paused as often as can be; each time the chunks in work are finished, and no thread is left."""
    config, pauses, threads = BOTH_LAYERS[0].values[0].replace(threads=2), [], threading.active_count()

    def on_pause(result):
        pauses.append(result.position)
        assert threading.active_count() == threads
        assert not result.finished

    slow = make_corpus(6, hook=lambda _: time.sleep(0.06))
    result = train(slow, COUNTS, config, pause=lambda _: True, on_pause=on_pause)
    assert result.finished
    assert pauses == sorted(set(pauses))
    assert len(pauses) >= 2
    assert len(result.epochs) == 2
    plain = train(make_corpus(6), COUNTS, config)
    assert [(e.pairs, e.words) for e in result.epochs] == [(e.pairs, e.words) for e in plain.epochs]


def test_progress_never_goes_back():
    events = []
    corpus = make_corpus(8, raw_words=5000, hook=lambda _: time.sleep(0.06))
    train(corpus, COUNTS, SMALL.replace(threads=2), on_progress=events.append)
    assert len(events) > 4
    for name in ("epoch", "words", "seconds"):
        values = [getattr(e, name) for e in events]
        assert values == sorted(values)
    alphas = [e.alpha for e in events]
    assert max(np.diff(alphas)) < 1e-15
    assert {(e.epochs, e.total_words) for e in events} == {(2, 10_000)}
    assert [e.finished for e in events] == [False] * (len(events) - 1) + [True]
    last = events[-1]
    assert (last.epoch, last.words, last.alpha) == (1, 10_000, SMALL.min_alpha)
    assert all(math.isfinite(e.loss) for e in events)


def test_on_epoch_is_told_each_epoch_once():
    seen = []
    result = train(make_corpus(), COUNTS, SMALL, on_epoch=lambda n, so_far: seen.append((n, len(so_far.epochs))))
    assert seen == [(0, 1), (1, 2)]
    assert result.finished


# --- failing ----------------------------------------------------------------------------------------------------------


def test_divergence_is_an_error_with_advice():
    with pytest.raises(TrainingError, match="not finite") as caught:
        train(make_corpus(), COUNTS, SMALL.replace(alpha=1e30, saturation="none", threads=2))
    assert "alpha" in caught.value.hint
    assert "epoch 1" in str(caught.value)


@pytest.mark.parametrize("config", BOTH_LAYERS)
def test_weights_that_are_no_numbers_are_an_error(config):
    weights = Weights.create(WORDS, config)
    weights.w_in[:, 0] = np.nan
    with pytest.raises(TrainingError, match="to start from are not finite"):
        train(make_corpus(), COUNTS, config, weights=weights)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("options", "alpha"),
    [
        ({"sg": True}, 1e20),
        ({"sg": False}, 1e20),
        ({"sg": True, "hs": True, "negative": 0, "saturation": "none", "noise_group": 1}, 1e20),
        ({"sg": False, "hs": True, "negative": 0, "saturation": "none"}, 1e25),
    ],
    ids=["skipgram", "cbow", "skipgram-hs", "cbow-hs"],
)
def test_rows_that_no_later_step_meets_are_looked_at_too(options, alpha, threads, monkeypatch):
    """Two sentences of words that hardly come back: rows overflow, and the loss, taken before the step, is finite.

    Chunks are trained in order, whoever has them: what the loss tells would else hang on which thread came first.
    """
    monkeypatch.setattr(_Trainer, "_train_chunks", in_order(_Trainer._train_chunks, chunks=2))
    config, corpus = SMALL.replace(alpha=alpha, min_alpha=alpha, threads=threads, **options), [[0, 1, 2, -1], [3, 4, -1]]
    with monkeypatch.context() as patch:
        patch.setattr(Weights, "finite", lambda _: True)
        blind = [n for n in (1, 2, 3) if overflows(ListCorpus(corpus), COUNTS, config.replace(epochs=n))]
    assert blind, "the loss tells in all of these: the test tests nothing"
    handed = []

    def keep(so_far):
        handed.append(so_far.weights.w_in.copy())

    calls = {"on_epoch": lambda _, so_far: keep(so_far), "pause": lambda _: True, "on_pause": keep}
    with pytest.raises(TrainingError, match="weights are not finite any more") as caught:
        train(ListCorpus(corpus), COUNTS, config.replace(epochs=blind[0]), **calls)
    assert "alpha" in caught.value.hint
    assert all(np.isfinite(w).all() for w in handed)


def in_order(train_chunks, chunks):
    """The same, after the chunk before; there are so few that they are taken one by one."""
    turn, ended = threading.Condition(), "chunks_ended"

    def train_in_turn(trainer, epoch, chunk, stop, worker):
        with turn:
            assert turn.wait_for(lambda: getattr(trainer, ended, 0) == epoch * chunks + chunk, timeout=120)
            try:
                return train_chunks(trainer, epoch, chunk, stop, worker)
            finally:
                setattr(trainer, ended, getattr(trainer, ended, 0) + 1)
                turn.notify_all()

    return train_in_turn


def overflows(*run):
    """Whether a run ends by its loss alone as if all were well, with numbers that are none."""
    try:
        return not all(np.isfinite(m).all() for m in matrices(train(*run).weights))
    except TrainingError:
        return False


def test_epochs_that_are_over_at_once_are_paused_after_too():
    """Checkpoints of a small text: its epochs end between two looks at the clock."""
    pauses = []
    train(
        make_corpus(),
        COUNTS,
        SMALL.replace(epochs=5),
        pause=lambda _: True,
        on_pause=lambda so_far: pauses.append(so_far.position),
    )
    assert {(epoch, 0) for epoch in range(1, 5)} <= set(pauses)
    assert (5, 0) not in pauses


class Broken(Exception):
    pass


@pytest.mark.parametrize("threads", [1, 3])
def test_what_goes_wrong_in_a_worker_reaches_the_caller(threads):
    def hook(k):
        if k == 2:
            raise Broken

    running = threading.active_count()
    with pytest.raises(Broken):
        train(make_corpus(50, hook=hook), COUNTS, SMALL.replace(threads=threads))
    assert threading.active_count() == running


@pytest.mark.parametrize("where", ["on_progress", "on_epoch", "pause"])
def test_what_goes_wrong_in_a_callback_ends_the_workers(where):
    def callback(*_):
        raise Broken

    running = threading.active_count()
    with pytest.raises(Broken):
        train(make_corpus(hook=lambda _: time.sleep(0.1)), COUNTS, SMALL, **{where: callback})
    assert threading.active_count() == running


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_after_the_chunks_in_work(threads):
    begun, done = [], []

    def hook(k):
        begun.append(k)
        time.sleep(0.01)
        if k == 5:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.01)
        done.append(k)

    corpus = ListCorpus([[0, 1, -1]] * 1000, hook=hook)
    with pytest.raises(KeyboardInterrupt):
        train(corpus, COUNTS, SMALL.replace(threads=threads))
    assert len(done) == len(begun) < 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": COUNTS[:-1]}, "do not fit"),
        ({"config": SMALL.replace(vector_size=13)}, "do not fit"),
        ({"config": SMALL.replace(hs=True)}, "output layers"),
        ({"config": SMALL.replace(hs=True, negative=0)}, "output layers"),
        ({"lock": np.ones(WORDS)}, "lock must be float32"),
        ({"lock": np.ones(WORDS - 1, np.float32)}, "lock must be float32"),
        ({"corpus": ListCorpus([])}, "nothing to train on"),
        ({"corpus": ListCorpus([[-1]])}, "nothing to train on"),
        ({"start": Position(0, 4)}, "goes on"),
        ({"start": Position(-1, 0)}, "goes on"),
        ({"start": Position(2, 1)}, "goes on"),
    ],
)
def test_parts_that_do_not_fit_together(change, message):
    given = {
        "corpus": make_corpus(),
        "counts": COUNTS,
        "config": SMALL,
        "weights": Weights.create(WORDS, SMALL),
        **change,
    }
    with pytest.raises(ConfigError, match=message):
        train(**given)
