"""Checkpoints: what is saved comes back, and a run goes on from it as if it had never stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from w2v import checkpoint
from w2v.config import TrainConfig
from w2v.corpus import EncodedCorpus, encode
from w2v.errors import ConfigError, TrainingError, W2VError
from w2v.train import Position, Progress, Result, train
from w2v.vocab import Vocab
from w2v.weights import Weights

CONFIG = TrainConfig(vector_size=20, window=3, negative=4, hs=True, epochs=3, min_count=1, sample=1e-2, seed=5)


@pytest.fixture(scope="module")
def text() -> tuple[Vocab, EncodedCorpus]:
    draws = np.random.default_rng(0).zipf(1.4, 6000) % 200
    sentences = [[f"w{i}" for i in draws[k : k + 20]] for k in range(0, 6000, 20)]
    return encode(sentences, min_count=1, chunk_words=500)


def finish(text: tuple[Vocab, EncodedCorpus], saved: checkpoint.Checkpoint) -> Weights:
    vocab, corpus = text
    result = train(corpus, vocab.counts, saved.config, weights=saved.weights, start=saved.position, lock=saved.lock)
    return result.weights


@pytest.mark.parametrize("pauses", [1, 7])
def test_a_resumed_run_equals_an_uninterrupted_one(
    text: tuple[Vocab, EncodedCorpus], tmp_path: Path, pauses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    vocab, corpus = text
    monkeypatch.setattr("w2v.train.POLL_SECONDS", 0.0005)
    whole = train(corpus, vocab.counts, CONFIG).weights
    seen: list[Position] = []

    def write(result: Result) -> None:
        if result.position.chunk > 0 and len(seen) < pauses:
            seen.append(result.position)
            checkpoint.save(tmp_path, vocab, result, CONFIG, corpus.identity)

    train(corpus, vocab.counts, CONFIG, pause=lambda progress: True, on_pause=write)
    assert seen, "the run never paused"
    saved = checkpoint.load(tmp_path)
    checkpoint.check(saved, CONFIG, corpus.identity)
    assert saved.position == seen[-1]
    assert saved.position.chunk > 0
    resumed = finish(text, saved)
    np.testing.assert_array_equal(resumed.w_in, whole.w_in)
    np.testing.assert_array_equal(resumed.w_out, whole.w_out)
    np.testing.assert_array_equal(resumed.w_node, whole.w_node)


def saved_start(text: tuple[Vocab, EncodedCorpus], folder: Path, lock: np.ndarray | None = None) -> checkpoint.Checkpoint:
    vocab, corpus = text
    result = Result(Weights.create(len(vocab), CONFIG), [], Position(1, 2), False, 0.0)
    checkpoint.save(folder, vocab, result, CONFIG, corpus.identity, lock)
    return checkpoint.load(folder)


def test_locks_come_back(text: tuple[Vocab, EncodedCorpus], tmp_path: Path) -> None:
    lock = np.linspace(0, 1, len(text[0])).astype(np.float32)
    saved = saved_start(text, tmp_path, lock)
    assert saved.lock is not None
    np.testing.assert_array_equal(saved.lock, lock)


def test_another_configuration_is_refused_by_name(text: tuple[Vocab, EncodedCorpus], tmp_path: Path) -> None:
    saved = saved_start(text, tmp_path)
    with pytest.raises(TrainingError, match="window was 3 and is now 4"):
        checkpoint.check(saved, CONFIG.replace(window=4), text[1].identity)
    checkpoint.check(saved, CONFIG.replace(threads=2), text[1].identity)


def test_another_corpus_is_refused(text: tuple[Vocab, EncodedCorpus], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="corpus has changed"):
        checkpoint.check(saved_start(text, tmp_path), CONFIG, "another")


def test_damage_is_noticed_or_harmless(text: tuple[Vocab, EncodedCorpus], tmp_path: Path) -> None:
    intact = saved_start(text, tmp_path)
    path = tmp_path / checkpoint.FILE
    content = path.read_bytes()
    noticed = 0
    for place in range(5, len(content), len(content) // 300):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            damaged = checkpoint.load(tmp_path)
        except W2VError:
            noticed += 1
            continue
        np.testing.assert_array_equal(damaged.weights.w_in, intact.weights.w_in)
        np.testing.assert_array_equal(damaged.weights.w_out, intact.weights.w_out)
        assert (damaged.config, damaged.position, damaged.identity) == (intact.config, intact.position, intact.identity)
    assert noticed > 200  # most of the file is matrices


def test_a_failed_write_leaves_the_checkpoint_before(
    text: tuple[Vocab, EncodedCorpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved_start(text, tmp_path)
    before = (tmp_path / checkpoint.FILE).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("w2v.formats.native.tensors.write", full)
    with pytest.raises(Exception, match="No space left"):
        saved_start(text, tmp_path)
    assert (tmp_path / checkpoint.FILE).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [checkpoint.FILE]


def test_no_checkpoint_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no checkpoint"):
        checkpoint.load(tmp_path)


def progress(words: int, seconds: float) -> Progress:
    return Progress(0, 1, words, 10**9, 0.025, 0.0, seconds)


def test_schedules() -> None:
    by_time = checkpoint.Schedule.parse("2m")
    assert [by_time.due(progress(0, t)) for t in (60, 121, 130, 242)] == [False, True, False, True]
    by_words = checkpoint.Schedule.parse("5kw")
    assert [by_words.due(progress(w, 0)) for w in (4000, 5000, 9000, 10_000)] == [False, True, False, True]
    for bad in ("", "10", "m", "-1m", "0s", "5 days"):
        with pytest.raises(ConfigError):
            checkpoint.Schedule.parse(bad)


def test_deterministic_runs_do_not_depend_on_threads(text: tuple[Vocab, EncodedCorpus]) -> None:
    vocab, corpus = text
    runs = [train(corpus, vocab.counts, CONFIG.replace(threads=n, deterministic=True)).weights for n in (1, 3)]
    np.testing.assert_array_equal(runs[0].w_in, runs[1].w_in)
