"""Checkpoints: a running training on disk, to go on from after a crash.

Owns what is in one and whether it fits a run. A checkpoint is a model file (formats/native.py) in a directory of its
own, so that its vectors can be queried too; its record adds the place in the run, the corpus's identity and a
checksum. The random streams need no saving: they are keyed by the place (train.chunk_streams). The file is replaced
whole or not at all (atomic.py), and a directory is one run's at a time (lock.py).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .atomic import leftovers, sync_directory
from .config import TrainConfig
from .errors import ConfigError, FormatError, TrainingError
from .formats import native
from .lock import locked
from .train import EpochStats, Position, Progress, Result
from .vectors import KeyedVectors, PackedWords
from .vocab import Vocab
from .weights import Weights

FILE = "checkpoint.w2v"
FREE = ("threads",)  # what a resumed run may do otherwise without another outcome being asked for
BLOCK_ROWS = 1 << 14
_UNITS = {"s": 1, "m": 60, "h": 3600, "kw": 1e3, "Mw": 1e6, "Gw": 1e9}


class Corpus(Protocol):
    """What tells an encoded corpus from another; corpus.EncodedCorpus is one."""

    @property
    def identity(self) -> str:
        """The same for the same ids, chunks and vocabulary."""

    @property
    def raw_words(self) -> int:
        """Words read."""

    @property
    def n_tokens(self) -> int:
        """Words of the vocabulary among them."""


@dataclass
class Checkpoint:
    """A run as it was when the checkpoint was written."""

    config: TrainConfig
    identity: str  # of the encoded corpus
    words: dict[str, int]  # the same for people: words read, words trained on, types
    position: Position
    epochs: list[EpochStats]
    weights: Weights
    lock: NDArray[np.float32] | None


@contextmanager
def reserved(directory: str | Path, *, resume: bool) -> Iterator[None]:
    """Hold a directory for the checkpoints of one run while the block runs; it is made if it is not there.

    Raises TrainingError where another run writes there, where `resume` finds no checkpoint, and where a new run would destroy
    the checkpoint of one that is not finished.
    """
    folder = Path(directory)
    if resume:
        _demand(folder)
    made = _make(folder)
    try:
        with _held(folder):
            for rest in leftovers(folder / FILE):
                rest.unlink(missing_ok=True)
            if not resume:
                _refuse_unfinished(folder)
            yield
    except BlockingIOError:
        raise TrainingError(
            f"{directory}: another run keeps its checkpoints here", "give each run a directory of its own"
        ) from None
    finally:
        if made:
            with suppress(OSError):  # there is a checkpoint in it, or somebody else removed it
                folder.rmdir()


def save(directory: str | Path, vocab: Vocab, result: Result, config: TrainConfig, corpus: Corpus, lock: Any = None) -> Path:
    """Write the checkpoint of a run that stands still; returns the file. The one before stays whole until this one is."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    weights = result.weights
    kv = KeyedVectors.from_arrays(PackedWords(vocab.blob, vocab.offsets), weights.vectors, counts=vocab.counts)
    if lock is not None:
        kv.expandos["lock"] = lock
    state: dict[str, Any] = {
        "corpus": corpus.identity,
        "words": _words(corpus, len(vocab)),
        "position": list(result.position),
        "epochs": [dataclasses.asdict(stats) for stats in result.epochs],
    }
    state["checksum"] = _checksum(weights, lock, config, state)
    size = weights.vector_size
    native.save_model(
        folder / FILE, kv, config=config, record={"checkpoint": state},
        w_out=None if weights.w_out is None else weights.w_out[:, :size],
        w_node=None if weights.w_node is None else weights.w_node[: max(len(vocab) - 1, 0), :size],
    )  # fmt: skip
    return folder / FILE


def load(directory: str | Path) -> Checkpoint:
    """Read a checkpoint; TrainingError where there is none, FormatError where it is not whole."""
    path = _demand(Path(directory))
    model, config, state = _read(path)
    try:
        position, epochs = Position(*map(_count, state["position"])), [_stats(**stats) for stats in state["epochs"]]
        words = {what: _count(number) for what, number in state["words"].items()}
        identity, checksum = state["corpus"], state.pop("checksum")
    except (KeyError, TypeError, AttributeError):
        identity = None
    if not isinstance(identity, str):
        raise FormatError(f"{path}: its record of the run cannot be read", "the file is damaged")
    weights = _weights(model, config)
    lock = model.kv.expandos.get("lock")
    lock = None if lock is None else np.array(lock, np.float32)
    if _checksum(weights, lock, config, state) != checksum:
        raise FormatError(f"{path}: the checksum does not match: the file is damaged")
    return Checkpoint(config, identity, words, position, epochs, weights, lock)


def check(saved: Checkpoint, config: TrainConfig, corpus: Corpus, vocabulary: int) -> None:
    """Refuse to go on with another configuration, or another corpus or number of types (TrainingError), naming what differs."""
    before, now = saved.config.to_dict(), config.to_dict()
    differing = [name for name in before if before[name] != now[name] and name not in FREE]
    if differing:
        told = ", ".join(f"{name} was {before[name]} and is now {now[name]}" for name in differing)
        raise TrainingError(f"this is not the run of the checkpoint: {told}", "resume with the same options")
    if saved.identity != corpus.identity:
        counted = ((what, saved.words.get(what), n) for what, n in _words(corpus, vocabulary).items())
        told = ", ".join(f"{what} were {n} and are now {m}" for what, n, m in counted if n != m)
        raise TrainingError(
            f"this is not the run of the checkpoint: the corpus has changed: {told or 'as many words, but not the same'}",
            "resume with the same text and the same --lower, --max-sentence-length, --max-vocab-size, --read-vocab;"
            " or start anew from its vectors with --init",
        )


def _make(folder: Path) -> bool:
    """Whether the directory was not there before."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    sync_directory(folder.parent)
    return True


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
        except BlockingIOError:
            hint = "give each run a directory of its own"
            raise TrainingError(f"{folder}: another run keeps its checkpoints here", hint) from None
        yield


def _demand(folder: Path) -> Path:
    if not (folder / FILE).is_file():
        raise TrainingError(f"{folder}: there is no checkpoint here", f"--checkpoint writes {FILE} into its directory")
    return folder / FILE


def _refuse_unfinished(folder: Path) -> None:
    """The checkpoint of a finished run may go, its vectors are written; any other is all that is left of a run."""
    path = folder / FILE
    if not path.exists():
        return
    _, config, state = _read(path)
    position = state.get("position")
    if not isinstance(position, list) or position != [config.epochs, 0]:
        hint = f"go on from it with --resume {folder}, or remove it, or give another directory"
        raise TrainingError(f"{folder}: the checkpoint of a run that is not finished lies here", hint)


def _read(path: Path) -> tuple[native.NativeModel, TrainConfig, dict[str, Any]]:
    """A model file and what it says of its run."""
    model = native.load_model(path)
    state = (model.record or {}).get("checkpoint")
    if not isinstance(state, dict) or model.config is None:
        raise FormatError(f"{path}: a model, but not a checkpoint", "to train it further, give it to --init")
    return model, model.config, state


def _words(corpus: Corpus, vocabulary: int) -> dict[str, int]:
    return {"words read": corpus.raw_words, "words trained on": corpus.n_tokens, "types": vocabulary}


@dataclass
class Schedule:
    """When the next checkpoint is due: every so many seconds, or every so many words."""

    seconds: float | None = None
    words: float | None = None
    last: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """`30s`, `10m`, `2h`: time; `500kw`, `500Mw`, `1Gw`: words. ConfigError for anything else."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|kw|Mw|Gw)", text.strip())
        if found is None or float(found[1]) <= 0:
            raise ConfigError(f"{text!r} is not an interval", "such as 30s, 10m, 2h, or 500Mw (million words)")
        amount = float(found[1]) * _UNITS[found[2]]
        return cls(words=amount) if found[2].endswith("w") else cls(seconds=amount)

    def due(self, progress: Progress) -> bool:
        """Whether a checkpoint is due; the interval is counted anew from each yes."""
        now, every = (progress.seconds, self.seconds) if self.words is None else (progress.words, self.words)
        if every is None or now - self.last < every:
            return False
        self.last = now
        return True


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _stats(loss: Any, pairs: Any, words: Any, seconds: Any) -> EpochStats:
    """The totals of an epoch as a file has them. Raises TypeError."""
    if not all(type(number) in (int, float) for number in (loss, seconds)):
        raise TypeError
    return EpochStats(float(loss), _count(pairs), _count(words), float(seconds))


def _weights(model: native.NativeModel, config: TrainConfig) -> Weights:
    """Fresh matrices, padded again, with the file's numbers in them. What they take follows from the file, not its record."""
    words = len(model.kv)
    if model.kv.vector_size != config.vector_size:
        raise FormatError(
            f"the checkpoint holds vectors of {model.kv.vector_size} numbers, its configuration says {config.vector_size}"
        )
    weights = Weights.create(words, config)
    pairs = ((weights.w_in, model.kv.vectors), (weights.w_out, model.w_out), (weights.w_node, model.w_node))
    for target, source in pairs:
        if (target is None) != (source is None):
            raise FormatError("the checkpoint lacks an output layer that its configuration has, or the other way round")
        if target is not None and source is not None:
            target[: len(source), : config.vector_size] = source
    return weights


def _checksum(weights: Weights, lock: Any, config: TrainConfig, state: dict[str, Any]) -> str:
    """Over all that a run goes on from; its words and counts are the corpus's, whose identity covers them."""
    digest = hashlib.sha256(json.dumps([config.to_dict(), state], sort_keys=True).encode())
    matrices = [m[:, : weights.vector_size] for m in (weights.w_in, weights.w_out, weights.w_node) if m is not None]
    for matrix in [*matrices, *([] if lock is None else [lock])]:
        for start in range(0, len(matrix), BLOCK_ROWS):
            digest.update(np.ascontiguousarray(matrix[start : start + BLOCK_ROWS]).data)
    return digest.hexdigest()
