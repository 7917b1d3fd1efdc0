"""One run of `w2v train` after its corpus was read: weights, checkpoints, signals, and the file at the end."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..checkpoint import Checkpoint, Schedule, check
from ..checkpoint import save as save_checkpoint
from ..config import TrainConfig
from ..corpus import EncodedCorpus
from ..errors import W2VError
from ..train import START, EpochStats, Position, Result
from ..train import train as train_corpus
from ..vectors import KeyedVectors, PackedWords
from ..vocab import Vocab
from ..weights import Weights, copy_known
from .console import say
from .progress import Bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@contextmanager
def _advised(advice: str) -> Iterator[None]:
    """An error gets this hint, unless it has one of its own."""
    try:
        yield
    except W2VError as error:
        error.hint = error.hint or advice
        raise


@dataclass
class Run:
    """What is trained, from what, and where its checkpoints go (None: nowhere)."""

    config: TrainConfig
    vocab: Vocab
    corpus: EncodedCorpus
    weights: Weights
    lock: NDArray[np.float32] | None
    start: Position
    earlier: list[EpochStats]  # epochs before `start`; the last is a part of one where start.chunk > 0
    directory: str | None
    quiet: bool
    kept: Position | None = None  # of the last checkpoint

    @classmethod
    def begin(
        cls, config: TrainConfig, vocab: Vocab, corpus: EncodedCorpus, init: KeyedVectors | None, init_lock: float,
        directory: str | None, quiet: bool,
    ) -> Run:  # fmt: skip
        """A new run, from seeded weights and known vectors."""
        import numpy as np

        weights, lock = Weights.create(len(vocab), config), None
        if init is not None:
            known = copy_known(weights, vocab.words, init)
            if not quiet:
                say(f"{known:,} of {len(vocab):,} words start from known vectors; output layers start anew")
            if init_lock != 1:
                lock = np.array([init_lock if init.has_index_for(word) else 1 for word in vocab.words], np.float32)
        return cls(config, vocab, corpus, weights, lock, START, [], directory, quiet)

    @classmethod
    def resume(
        cls, saved: Checkpoint, config: TrainConfig, vocab: Vocab, corpus: EncodedCorpus, directory: str, quiet: bool
    ) -> Run:
        """Go on from a checkpoint of the same configuration and corpus (TrainingError)."""
        check(saved, config, corpus, len(vocab))
        if not quiet:
            epoch, share = saved.position.epoch + 1, 100 * saved.position.chunk / len(corpus)
            ended = "the run had come to its end: nothing is left but to write its vectors"
            say(f"going on in epoch {epoch} of {config.epochs}, at {share:.0f}%" if epoch <= config.epochs else ended)
        position = saved.position
        return cls(config, vocab, corpus, saved.weights, saved.lock, position, saved.epochs, directory, quiet, position)

    def train(self, schedule: Schedule | None, device: str, stop: threading.Event) -> Result:
        """Train to the end, or until `stop`; the result speaks of all epochs. The last checkpoint is that of the result."""
        with Bar("training", " words", self.quiet) as bar:
            result = train_corpus(
                self.corpus, self.vocab.counts, self.config, weights=self.weights, lock=self.lock, start=self.start,
                on_progress=bar.train, stop=stop,
                on_epoch=lambda number, so_far: bar.epoch(number, so_far, self.config.epochs, self.corpus.raw_words),
                pause=None if schedule is None else schedule.due, on_pause=self.save_checkpoint,
                on_compiled=self._tell_compiled, device=device,
            )  # fmt: skip
        if self.trained(result):
            self.save_checkpoint(result)  # of a finished run too: it holds what is left if the vectors cannot be written
        return self._whole(result)

    def trained(self, result: Result) -> bool:
        """Whether there is anything to write: the first signal may come before the first chunk."""
        return result.position != START

    def _tell_compiled(self, seconds: float) -> None:
        if seconds > 1 and not self.quiet:
            say(f"compiled the kernels in {seconds:.1f} s; later runs find them in the cache")

    def save_checkpoint(self, result: Result) -> None:
        """Write the checkpoint of a run that stands still, if there is to be one and it is not there already."""
        if self.directory is None or self.kept == result.position:
            return
        whole = self._whole(result)
        advice = "" if self.kept is None else f"; the one before is whole: go on from it with --resume {self.directory}"
        with _advised(f"make room for {self.weights.nbytes:,} bytes{advice}"):
            save_checkpoint(self.directory, self.vocab, whole, self.config, self.corpus, self.lock)
        self.kept = result.position

    def _whole(self, result: Result) -> Result:
        """The result with the epochs before the start in front, the two parts of a resumed epoch as one."""
        before, after = list(self.earlier), list(result.epochs)
        if self.start.chunk > 0 and before and after:
            parts = zip(dataclasses.astuple(before.pop()), dataclasses.astuple(after[0]), strict=True)
            after[0] = EpochStats(*(a + b for a, b in parts))
        return dataclasses.replace(result, epochs=before + after)

    def write(self, output: str, file_format: str | None, result: Result) -> None:
        """Write the vectors; in the native format everything that training needs to go on."""
        if self.directory is None:
            advice = "the run is lost; with --checkpoint DIR it would not be"
        else:
            advice = f"nothing is lost: the same command with --resume {self.directory} writes them, to another -o too"
        with _advised(advice):
            self._write(output, file_format, result)

    def _write(self, output: str, file_format: str | None, result: Result) -> None:
        from .. import formats

        vocab, weights, size = self.vocab, result.weights, self.config.vector_size
        kv = KeyedVectors.from_arrays(PackedWords(vocab.blob, vocab.offsets), weights.vectors, counts=vocab.counts)
        if formats.format_for(output, file_format) != "native":
            formats.save(kv, output, file_format)
            return
        formats.native.save_model(
            output, kv, config=self.config, record=self._record(result),
            w_out=None if weights.w_out is None else weights.w_out[:, :size],
            w_node=None if weights.w_node is None else weights.w_node[: len(vocab) - 1, :size],
        )  # fmt: skip

    def _record(self, result: Result) -> dict[str, Any]:
        from .. import __version__

        return {
            "program": f"w2v {__version__}",
            "corpus": self.corpus.identity,
            "raw_words": self.corpus.raw_words,
            "tokens": self.corpus.n_tokens,
            "finished": result.finished,
            "seconds": round(sum(epoch.seconds for epoch in result.epochs), 3),
            "loss": [epoch.mean_loss for epoch in result.epochs],
        }
