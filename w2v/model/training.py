"""train(): gensim's arguments, messages and return values over the engine in w2v.train. Owns the passage, not the
training.

The corpus is read and encoded once per call, however many epochs; so a generator will do. The learning rate falls
along one line over the words planned, `epochs` times the totals given, of which this call may do a part.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import TrainConfig
from ..corpus.encoder import EncodedCorpus, encode
from ..errors import ConfigError, TrainingError
from ..train import Position, Progress, Result
from ..train import train as run_epochs
from ..weights import Weights
from .callbacks import CallbackAny2Vec
from .counts import sentences_of
from .matrices import Matrix
from .source import Source
from .vocabulary import VocabularyMaker

logger = logging.getLogger("w2v.model")

# Words for each worker at the least. Starting one takes longer than a tenth of this; and a corpus below twice this
# gives the same vectors every time, for one worker trains it (several race; see kernels/cpu.py).
WORDS_A_WORKER = 80_000

# In a corpus below this, unless the user says otherwise, centre words do not share their noise, for each noise word
# counts (Lee corpus, 60,000 words, rank of 'bombings' near 'attacks', mean of 10 seeds: 19.5 in groups of three, 14.6
# alone; gensim 15.1), and no GPU is asked for, whose start takes longer than the training.
FEW_WORDS = 2_000_000


class Trainer(VocabularyMaker):
    """The part of Word2Vec that trains."""

    def train(
        self,
        corpus_iterable: Any = None,
        corpus_file: Any = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool = False,
        callbacks: Iterable[CallbackAny2Vec] = (),
    ) -> tuple[int, int]:
        """Train on a corpus for `epochs`; return how many words were trained (known ones that subsampling left), and
        read.

        total_examples, total_words: how many sentences, or words, one epoch of the whole plan has: corpus_count or
          corpus_total_words after build_vocab() of the same corpus. One is required. The learning rate falls linearly
          from start_alpha to end_alpha (default: alpha, min_alpha; given ones are kept) over epochs x that; if the
          corpus has fewer words the rate stops on the way, if it has more it counts as it is. A difference is logged.
        word_count: words of the plan that were trained before: the rate starts so far down the line.
        report_delay: seconds between two lines in the log. queue_factor: there is no queue; another value than 2 is
        warned of. compute_loss: keep the sum of the loss over all training pairs for get_latest_training_loss().
        callbacks: see CallbackAny2Vec. Raises ConfigError (ValueError) for missing totals or epochs; TrainingError
        (RuntimeError) for a model without vocabulary, and where numbers stop being finite; CorpusError for a corpus
        that is empty or has no known word.

        >>> from w2v import Word2Vec
        >>> sentences = [["cat", "says", "meow"], ["dog", "says", "woof"]]
        >>> model = Word2Vec(min_count=1, sample=0)
        >>> model.build_vocab(sentences)
        >>> model.train(sentences, total_examples=model.corpus_count, epochs=3)
        (18, 18)
        """
        self.alpha = self.alpha if start_alpha is None else float(start_alpha)
        self.min_alpha = self.min_alpha if end_alpha is None else float(end_alpha)
        self._check_training(epochs, total_examples, total_words)
        if queue_factor != 2:
            warnings.warn("queue_factor: no effect, there is no queue between readers and workers", UserWarning, stacklevel=2)
        source = Source(corpus_iterable, corpus_file)
        self.epochs = epochs if epochs is not None else self.epochs
        self.compute_loss, self.running_training_loss = bool(compute_loss), 0.0
        with self._encoded(source) as corpus:
            line = _line(corpus, self.epochs, total_examples, total_words, word_count)
            run = _Run(self, corpus, line, list(callbacks), report_delay)
            self._log_begin(corpus, total_examples, total_words)
            try:
                run.go()
            finally:
                self.wv.norms = None
        self.train_count += 1
        seconds = max(run.seconds, 1e-9)
        self.add_lifecycle_event(
            "train",
            msg=f"training on {run.raw_words} raw words ({run.trained_words} effective words) took {run.seconds:.1f}s, "
            f"{run.raw_words / seconds:.0f} raw words/s",
        )
        for callback in run.callbacks:
            callback.on_train_end(self)  # type: ignore[arg-type]
        return run.trained_words, run.raw_words

    def get_latest_training_loss(self) -> float:
        """The loss of the last call of train() with compute_loss: the sum over all training pairs of all epochs so far.

        A pair's loss is -log of the probability that the model gives its true word (negative sampling: its true word
        and the noise words). Summed in float64, by all workers together.
        """
        return self.running_training_loss

    def _encoded(self, source: Source) -> EncodedCorpus:
        handover, self._handover = self._handover, None
        if handover is not None:
            if handover[0] is source.given:
                return handover[1]
            handover[1].close()
        corpus = encode(source.for_encoder(), vocab=self._vocab(), chunk_words=int(self.batch_words))[1]
        logger.info("%s", corpus.stats.summary())
        return corpus

    def _check_training(self, epochs: int | None, total_examples: int | None, total_words: int | None) -> None:
        if not self.hs and not self.negative:
            raise ConfigError("You must set either 'hs' or 'negative' to be positive for proper training.")
        if self.hs and self.negative:
            logger.warning(
                "Both hierarchical softmax and negative sampling are activated. This is probably a mistake: "
                "set either hs=0 or negative=0."
            )
        if self.alpha > self.min_alpha_yet_reached:
            logger.warning("Effective 'alpha' higher than previous training cycles")
        if not len(self.wv):
            counted = "no word occurs often enough (min_count)" if self._was_scanned else "call build_vocab()"
            raise TrainingError("you must first build vocabulary before training the model", counted)
        if not len(self.wv.vectors):
            raise TrainingError("you must initialize vectors before training the model", "call prepare_weights()")
        if total_words is None and total_examples is None:
            raise ConfigError(
                "You must specify either total_examples or total_words, for the learning rate",
                "for the corpus that the vocabulary was built of: total_examples=model.corpus_count",
            )
        if epochs is None or epochs <= 0:
            raise ConfigError("You must specify an explicit epochs count.", "the usual value is epochs=model.epochs")
        self._check_device()
        self._config(epochs)  # before the corpus is read: it may take hours
        self._weights()
        self._lock()

    def _log_begin(self, corpus: EncodedCorpus, total_examples: int | None, total_words: int | None) -> None:
        self.add_lifecycle_event(
            "train",
            msg=f"training model with {self.workers} workers on {len(self.wv)} vocabulary and {self.layer1_size} "
            f"features, using sg={self.sg} hs={self.hs} sample={self.sample} negative={self.negative} "
            f"window={self.window} shrink_windows={self.shrink_windows}",
        )
        found = (("example", total_examples, sentences_of(corpus)), ("raw word", total_words, corpus.raw_words))
        for name, supplied, count in found:
            if supplied is not None and supplied != count:
                logger.warning("supplied %s count (%d) did not equal expected count (%d)", name, supplied, count)


@dataclass(frozen=True)
class _Line:
    """The part of the way from alpha to min_alpha that one call of train() goes."""

    begin: float
    end: float

    def rates(self, alpha: float, min_alpha: float) -> tuple[float, float]:
        """First and last learning rate."""
        way = alpha - min_alpha
        return alpha - way * self.begin, min_alpha if self.end == 1 else alpha - way * self.end


def _line(corpus: EncodedCorpus, epochs: int, total_examples: int | None, total_words: int | None, word_count: int) -> _Line:
    words = corpus.raw_words
    if total_words is None:
        per_epoch = words * (0 if total_examples is None else total_examples) / sentences_of(corpus)
    else:
        per_epoch = float(total_words)
    stop = word_count + epochs * words
    planned = max(epochs * per_epoch, stop)
    return _Line(word_count / planned, stop / planned)


@dataclass
class _Plan:
    """What the engine is given; callbacks may change the model so that it becomes another."""

    config: TrainConfig
    weights: Weights
    lock: Matrix | None
    device: str

    def same(self, other: _Plan) -> bool:
        mine, theirs = self.weights, other.weights
        if self.config != other.config or self.device != other.device:
            return False
        if self.lock is None or other.lock is None:
            if self.lock is not other.lock:
                return False
        elif not np.array_equal(self.lock, other.lock):
            return False
        return mine.w_in is theirs.w_in and mine.w_out is theirs.w_out and mine.w_node is theirs.w_node


class _Changed(Exception):
    """A callback changed the plan: go on from the next epoch with a new one."""


class _Run:
    """One call of train()."""

    def __init__(
        self, model: Trainer, corpus: EncodedCorpus, line: _Line, callbacks: list[CallbackAny2Vec], report_delay: float
    ) -> None:
        self.model, self.corpus, self.line, self.callbacks = model, corpus, line, callbacks
        self.epochs, self.report_delay = model.epochs, report_delay
        self.next_report = time.perf_counter() + report_delay
        self.trained_words = self.raw_words = 0
        self.seconds = 0.0

    def go(self) -> None:
        """All epochs."""
        self._call("on_train_begin")
        self._call("on_epoch_begin")
        corpus: Any = self.corpus  # whose counts are properties; the engine's protocol speaks of attributes
        position = Position()
        while position.epoch < self.epochs:
            plan = self._plan()
            try:
                run_epochs(
                    corpus,
                    self.model._counts,
                    plan.config,
                    weights=plan.weights,
                    lock=plan.lock,
                    device=plan.device,
                    start=position,
                    on_progress=self._report,
                    on_epoch=lambda epoch, result: self._after(epoch, result, plan),  # noqa: B023
                )
                return
            except _Changed as changed:
                position = changed.args[0]

    def _plan(self) -> _Plan:
        model = self.model
        alpha, min_alpha = self.line.rates(model.alpha, model.min_alpha)
        config = model._config(self.epochs, alpha, min_alpha)
        threads = min(config.threads, max(1, self.corpus.n_tokens // WORDS_A_WORKER))
        few = self.corpus.n_tokens < FEW_WORDS
        group = 1 if few and model.noise_group is None else config.noise_group
        device = "cpu" if few and model.device == "auto" else model.device
        return _Plan(config.replace(threads=threads, noise_group=group), model._weights(), model._lock(), device)

    def _after(self, epoch: int, result: Result, plan: _Plan) -> None:
        model, stats = self.model, result.epochs[-1]
        self.trained_words += stats.words
        self.raw_words += self.corpus.raw_words
        self.seconds += stats.seconds
        model.total_train_time += stats.seconds
        done, config = (epoch + 1) / self.epochs, plan.config
        model.min_alpha_yet_reached = config.start_alpha - (config.start_alpha - config.min_alpha) * done
        if model.compute_loss:
            model.running_training_loss += stats.loss
        model.wv.norms = None
        logger.info(
            "EPOCH %d: training on %d raw words (%d effective words) took %.1fs, mean loss %.4f",
            epoch, self.corpus.raw_words, stats.words, stats.seconds, stats.mean_loss,
        )  # fmt: skip
        self._call("on_epoch_end")
        if epoch + 1 < self.epochs:
            self._call("on_epoch_begin")
            if not plan.same(self._plan()):
                raise _Changed(Position(epoch + 1, 0))

    def _call(self, hook: str) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self.model)

    def _report(self, progress: Progress) -> None:
        now = time.perf_counter()
        if now >= self.next_report:
            self.next_report = now + self.report_delay
            share = 100 * progress.words / max(progress.total_words, 1)
            speed = progress.words / max(progress.seconds, 1e-9)
            logger.info("EPOCH %d - PROGRESS: at %.2f%% words, %.0f words/s", progress.epoch, share, speed)
