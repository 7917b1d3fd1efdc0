"""Checkpoints: what is saved comes back, and a run goes on from it as if it had never stopped."""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

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


opened: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def _watched() -> None:
    """The names of all files that are opened (PEP 578)."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            opened.append(os.fsdecode(arguments[0]))

    sys.addaudithook(hook)  # once, as it cannot be taken away


def _record(path: Path) -> str:
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return str(header["__metadata__"]["record"])


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
    asked = threading.Event()

    def pause(progress: Progress) -> bool:
        asked.set()
        return True

    class Slow:
        """The corpus, whose chunks come no faster than pauses are asked for."""

        def __getattr__(self, name: str) -> Any:
            return getattr(corpus, name)

        def read(self, k: int, stop: int) -> np.ndarray:
            assert k == 0 or asked.wait(60)
            asked.clear()
            return corpus.read(k, stop)

    def write(result: Result) -> None:
        if result.position.chunk > 0 and len(seen) < pauses:
            seen.append(result.position)
            checkpoint.save(tmp_path, vocab, result, CONFIG, corpus)

    train(Slow(), vocab.counts, CONFIG, pause=pause, on_pause=write)
    assert len(seen) == pauses
    saved = checkpoint.load(tmp_path)
    checkpoint.check(saved, CONFIG, corpus, len(vocab))
    assert saved.position == seen[-1]
    assert saved.position.chunk > 0
    resumed = finish(text, saved)
    np.testing.assert_array_equal(resumed.w_in, whole.w_in)
    np.testing.assert_array_equal(resumed.w_out, whole.w_out)
    np.testing.assert_array_equal(resumed.w_node, whole.w_node)


def saved_start(text: tuple[Vocab, EncodedCorpus], folder: Path, lock: np.ndarray | None = None) -> checkpoint.Checkpoint:
    vocab, corpus = text
    result = Result(Weights.create(len(vocab), CONFIG), [], Position(1, 2), False, 0.0)
    checkpoint.save(folder, vocab, result, CONFIG, corpus, lock)
    return checkpoint.load(folder)


def test_locks_come_back(text: tuple[Vocab, EncodedCorpus], tmp_path: Path) -> None:
    lock = np.linspace(0, 1, len(text[0])).astype(np.float32)
    saved = saved_start(text, tmp_path, lock)
    assert saved.lock is not None
    np.testing.assert_array_equal(saved.lock, lock)


def test_another_configuration_is_refused_by_name(text: tuple[Vocab, EncodedCorpus], tmp_path: Path) -> None:
    saved = saved_start(text, tmp_path)
    with pytest.raises(TrainingError, match="window was 3 and is now 4"):
        checkpoint.check(saved, CONFIG.replace(window=4), text[1], len(text[0]))
    checkpoint.check(saved, CONFIG.replace(threads=2), text[1], len(text[0]))


def test_another_corpus_is_refused(text: tuple[Vocab, EncodedCorpus], tmp_path: Path) -> None:
    saved = saved_start(text, tmp_path)
    shorter = encode([["w1", "w2"] * 50], min_count=1)
    with pytest.raises(TrainingError, match=r"corpus has changed: words read were 6000 and are now 100, .*types were"):
        checkpoint.check(saved, CONFIG, shorter[1], len(shorter[0]))
    with shorter[1] as corpus:
        saved.words, saved.identity = {"words read": 100, "words trained on": 100, "types": 2}, "another"
        with pytest.raises(TrainingError, match="as many words, but not the same"):
            checkpoint.check(saved, CONFIG, corpus, 2)


def renamed(data: bytes, name: str) -> bytes:
    """A checkpoint whose record has `name` for its corpus, for itself and for other files."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    record = json.loads(header["__metadata__"]["record"])
    record["checkpoint"] |= {"corpus": name, "file": name, "path": name, "directory": name}
    header["__metadata__"]["record"] = json.dumps(record | {"file": name, name: name})
    written = json.dumps(header).encode()
    return len(written).to_bytes(8, "little") + written + data[8 + length :]


@pytest.mark.parametrize("name", ["../../victim", "{}/victim", "checkpoint.w2v/../../victim"])
def test_names_in_a_record_are_no_paths(
    text: tuple[Vocab, EncodedCorpus], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its one file is called checkpoint.w2v, whatever the record says, and be the checksum right."""
    vocab, corpus = text
    (tmp_path / "victim").write_bytes(b"untouched")
    path = checkpoint.save(tmp_path / "a" / "run", vocab, train(corpus, vocab.counts, CONFIG), CONFIG, corpus)
    path.write_bytes(renamed(path.read_bytes(), name.format(tmp_path)))
    with pytest.raises(W2VError, match="checksum"):
        checkpoint.load(path.parent)
    monkeypatch.setattr(checkpoint, "_checksum", lambda *_: json.loads(_record(path))["checkpoint"]["checksum"])
    opened.clear()
    saved = checkpoint.load(path.parent)
    assert {name for name in opened if not name.startswith(("/proc/", "/sys/"))} == {str(path)}  # those say what memory is left
    with pytest.raises(TrainingError, match="the corpus has changed"):
        checkpoint.check(saved, CONFIG, corpus, len(vocab))
    with checkpoint.reserved(path.parent, resume=True):
        pass
    assert str(tmp_path / "victim") not in {os.path.normpath(path) for path in opened}
    assert (tmp_path / "victim").read_bytes() == b"untouched"


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


@pytest.mark.parametrize("threads", [2, 4])
def test_deterministic_runs_do_not_depend_on_threads(text: tuple[Vocab, EncodedCorpus], threads: int) -> None:
    vocab, corpus = text
    one, several = (train(corpus, vocab.counts, CONFIG.replace(threads=n, deterministic=True)).weights for n in (1, threads))
    np.testing.assert_array_equal(one.w_in, several.w_in)
    np.testing.assert_array_equal(one.w_out, several.w_out)
    np.testing.assert_array_equal(one.w_node, several.w_node)


def test_a_run_of_several_threads_that_was_resumed_is_as_good(
    text: tuple[Vocab, EncodedCorpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in every epoch and resumed with two threads: the loss of the last epoch is that of a run that never stopped."""
    vocab, corpus = text
    monkeypatch.setattr("w2v.train.POLL_SECONDS", 0.0005)
    config = CONFIG.replace(threads=2, epochs=8)
    whole = train(corpus, vocab.counts, config).epochs[-1].mean_loss
    start = Result(Weights.create(len(vocab), config), [], Position(), False, 0.0)
    checkpoint.save(tmp_path, vocab, start, config, corpus)
    legs = 0
    while True:
        saved, stop = checkpoint.load(tmp_path), threading.Event()
        before = saved.position

        def halt(progress: Progress, stop: threading.Event = stop, before: Position = before) -> None:
            if progress.epoch > before.epoch:
                stop.set()

        part = train(
            corpus, vocab.counts, config, weights=saved.weights, start=before, on_progress=halt, stop=stop
        )  # fmt: skip
        if part.finished:
            break
        legs += 1
        checkpoint.save(tmp_path, vocab, part, config, corpus)
    assert legs >= 3
    last = part.epochs[-1].mean_loss
    assert abs(last - whole) < 0.03 * whole


# --- the directory ----------------------------------------------------------------------------------------------------


def test_a_directory_is_one_run_s_at_a_time(text: tuple[Vocab, EncodedCorpus], tmp_path: Path) -> None:
    with checkpoint.reserved(tmp_path / "kept", resume=False):
        with pytest.raises(TrainingError, match="another run keeps its checkpoints here"), _reserve(tmp_path / "kept"):
            pass
        saved_start(text, tmp_path / "kept")
    with checkpoint.reserved(tmp_path / "kept", resume=True):
        pass


def test_a_directory_made_for_nothing_goes_again(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no checkpoint"), checkpoint.reserved(tmp_path / "kept", resume=True):
        pass
    with checkpoint.reserved(tmp_path / "kept", resume=False):
        assert (tmp_path / "kept").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_new_run_does_not_destroy_the_checkpoint_of_an_unfinished_one(
    text: tuple[Vocab, EncodedCorpus], tmp_path: Path
) -> None:
    vocab, corpus = text
    saved_start(text, tmp_path)
    before = (tmp_path / checkpoint.FILE).read_bytes()
    with pytest.raises(TrainingError, match="not finished") as caught, _reserve(tmp_path):
        pass
    assert "--resume" in str(caught.value.hint)
    assert (tmp_path / checkpoint.FILE).read_bytes() == before
    finished = Result(Weights.create(len(vocab), CONFIG), [], Position(CONFIG.epochs, 0), True, 0.0)
    checkpoint.save(tmp_path, vocab, finished, CONFIG, corpus)
    with _reserve(tmp_path):
        pass


def test_what_a_killed_writer_left_is_swept(text: tuple[Vocab, EncodedCorpus], tmp_path: Path) -> None:
    """On file systems without nameless files; the lock says that nobody is still writing."""
    saved_start(text, tmp_path)
    (tmp_path / f".{checkpoint.FILE}.ab12.part").write_bytes(b"half")
    with checkpoint.reserved(tmp_path, resume=True):
        assert [p.name for p in tmp_path.iterdir()] == [checkpoint.FILE]


def _reserve(folder: Path) -> AbstractContextManager[None]:
    return checkpoint.reserved(folder, resume=False)
