"""gpu.py under numba's CUDA simulator: batches, totals, matrices there and back. Run by test_cuda_sim.py in its own process."""

from __future__ import annotations

import lockstep  # noqa: F401 - takes over from the simulator's scheduler
import numba
import numpy as np
import pytest

from benchmarks.cuda_ptx import argument_types
from w2v import device, gpu
from w2v.config import TrainConfig
from w2v.errors import DeviceError, TrainingError
from w2v.train import Position, train

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")
GPU = device.Gpu("a simulated one", (9, 0), 1, 1 << 40, 1 << 40, 227 << 10)
WORDS = 12


class Corpus:
    """Some chunks of random sentences."""

    def __init__(self, chunks=5, sentences=2, length=6):
        rng = np.random.default_rng(7)
        self.parts = [
            np.concatenate([np.append(rng.integers(0, WORDS, length), -1) for _ in range(sentences)]).astype(np.int32)
            for _ in range(chunks)
        ]
        self.starts = np.concatenate(([0], np.cumsum([len(p) for p in self.parts]))).astype(np.int64)
        self.n_tokens = self.raw_words = chunks * sentences * length

    def read(self, k, stop):
        return np.concatenate(self.parts[k:stop])

    def counts(self):
        ids = np.concatenate(self.parts)
        return np.bincount(ids[ids >= 0], minlength=WORDS).astype(np.int64)


@pytest.fixture(autouse=True)
def simulated(monkeypatch):
    """One block of few threads, and batches of two chunks."""
    monkeypatch.setattr(device, "demand", lambda: GPU)
    monkeypatch.setattr(gpu, "LEAST_BATCH_TOKENS", 20)
    monkeypatch.setattr(gpu, "BLOCKS_PER_MULTIPROCESSOR", 1)
    monkeypatch.setattr(gpu, "LEAST_GRID", 1)
    monkeypatch.setattr(gpu, "THREADS", 32)
    original = gpu.make_layout
    monkeypatch.setattr(gpu, "make_layout", lambda *a, **k: original(*a, **k, threads=32))


def settings(**changes):
    return TrainConfig(**{"vector_size": 8, "window": 2, "min_count": 1, "epochs": 2, "sample": 0, "alpha": 0.05, **changes})


@pytest.mark.parametrize("sg", [True, False])
def test_both_output_layers(sg):
    corpus, config = Corpus(), settings(sg=sg, hs=True, negative=3)
    here = train(corpus, corpus.counts(), config)
    there = train(corpus, corpus.counts(), config, device="cuda")
    assert there.finished
    assert there.position == Position(2, 0)
    for a, b in zip(here.epochs, there.epochs, strict=True):
        assert a.words == b.words == corpus.n_tokens
        assert b.pairs == pytest.approx(a.pairs, rel=0.25)  # other windows
        assert b.mean_loss == pytest.approx(a.mean_loss, rel=0.1)


def on_the_host(argument):
    """Simulated device arrays as the numpy arrays that they are."""
    if isinstance(argument, tuple):
        return type(argument)(*map(on_the_host, argument))
    return argument.copy_to_host() if hasattr(argument, "copy_to_host") else argument


def test_kernels_get_the_types_that_are_compiled_in_test_cuda_ptx(monkeypatch):
    corpus, config = Corpus(chunks=1), settings(hs=True, epochs=1)
    trainers, begin = [], gpu.Trainer.begin
    monkeypatch.setattr(gpu.Trainer, "begin", lambda self: trainers.append(self) or begin(self))
    train(corpus, corpus.counts(), config, device="cuda")
    trainer = trainers[0]
    for number, layer in enumerate(trainer.layers):
        arguments = trainer._arguments(number, trainer.slots[0], 5, 1, 0.025)
        assert tuple(numba.typeof(on_the_host(a)) for a in arguments) == argument_types(layer.kernel)


def test_pauses_lose_nothing():
    corpus, config = Corpus(), settings(epochs=1)
    asked, stops = iter([True] + [False] * 10_000), []
    found = train(corpus, corpus.counts(), config, device="cuda", pause=lambda _: next(asked), on_pause=stops.append)
    assert found.epochs[0].words == corpus.n_tokens


def test_locked_rows_stay():
    corpus, lock = Corpus(), np.zeros(WORDS, np.float32)
    lock[3] = 1
    first = train(corpus, corpus.counts(), settings(epochs=1), device="cuda").weights.w_in.copy()
    found = train(corpus, corpus.counts(), settings(epochs=1), lock=lock, device="cuda").weights.w_in
    assert np.flatnonzero((found != first).any(axis=1)).size == WORDS - 1 or (found[3] != first[3]).any()


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:overflow")
def test_divergence_is_an_error():
    corpus = Corpus()
    with pytest.raises(TrainingError, match="not finite"):
        train(corpus, corpus.counts(), settings(alpha=1e30, saturation="none"), device="cuda")


def test_what_does_not_fit_is_refused_with_its_size(monkeypatch):
    corpus = Corpus()
    monkeypatch.setattr(device, "demand", lambda: GPU._replace(free_bytes=300 << 20))
    with pytest.raises(DeviceError, match=r"needs [\d,]+ bytes of the GPU's memory, 46,137,344 are free"):
        train(corpus, np.ones(400_000, np.int64), settings(vector_size=100), device="cuda")
    monkeypatch.setattr(device, "demand", lambda: GPU._replace(shared_bytes=1000))
    with pytest.raises(DeviceError, match=r"a window of 2, rows of 16 numbers .* need [\d,]+ bytes of shared memory"):
        train(corpus, corpus.counts(), settings(), device="cuda")


def test_auto_trains_on_the_processor_what_does_not_fit(monkeypatch, caplog):
    corpus, config = Corpus(), settings(vector_size=4096, epochs=1)  # a ring of 1 MB
    monkeypatch.setattr(device, "find", lambda: GPU)
    monkeypatch.setattr(device, "_said", set())
    found = [train(corpus, corpus.counts(), config, device=where).weights.w_in for where in ("auto", "auto", "cpu")]
    np.testing.assert_array_equal(found[0], found[2])
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("training on the processor: a window of 2, rows of 4096 numbers")
    with pytest.raises(DeviceError, match="bytes of shared memory"):
        train(corpus, corpus.counts(), config, device="cuda")
