"""Training: epochs over the encoded corpus, threads over its chunks, the learning rate, the loss, and where a run stands.

Owns who works on what and when. The updates are in kernels/, the matrices in weights.py, the corpus in corpus/.

A chunk's random stream is keyed by (seed, epoch, chunk), and its learning rate by its place in the whole run, never by the
thread that happens to take it, nor by how many chunks that takes at once: one thread is repeatable bit for bit, and a run can
go on between any two chunks.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from . import device as devices
from . import memory
from .config import TrainConfig
from .copies import rounds
from .errors import ConfigError, DeviceError, TrainingError
from .passes import Tables, chunk_streams, gpu_options, make_passes, make_tables
from .weights import Weights
from .worker import Worker, most_chunks, take_turns

SHORT = 0.05  # seconds: after a stint no longer than this a worker takes twice as many chunks, after one of four times it half
POLL_SECONDS = 0.1  # between two looks at the workers
LOADING = 0.02  # seconds: kernels that are there already take 1 ms


class Corpus(Protocol):
    """What training needs of an encoded corpus; corpus.EncodedCorpus is one."""

    n_tokens: int
    raw_words: int
    starts: NDArray[np.int64]

    def read(self, k: int, stop: int) -> NDArray[np.int32]:
        """The ids of chunks k .. stop-1, every sentence ended by -1. Read-only."""
        ...


class Position(NamedTuple):
    """The next chunk to train."""

    epoch: int = 0
    chunk: int = 0


START = Position()


@dataclass
class EpochStats:
    """Totals of one epoch. `loss` is the sum over all `pairs` trained (for CBOW, over all centres)."""

    loss: float = 0.0
    pairs: int = 0
    words: int = 0  # tokens left by subsampling
    seconds: float = 0.0

    @property
    def mean_loss(self) -> float:
        """Mean loss per trained pair."""
        return self.loss / self.pairs if self.pairs else 0.0


@dataclass(frozen=True)
class Progress:
    """How far a run is; handed to `on_progress` about ten times a second."""

    epoch: int
    epochs: int
    words: int  # raw words done, all epochs counted
    total_words: int
    alpha: float
    loss: float  # mean of this epoch so far
    seconds: float  # since this call began
    finished: bool = False


@dataclass
class Result:
    """What `train` hands back."""

    weights: Weights
    epochs: list[EpochStats]
    position: Position  # where to go on; (epochs, 0) when finished
    finished: bool
    seconds: float
    words: int = 0  # raw words gone through by this call
    compile_seconds: float = 0.0  # before the clock starts: compiling the kernels, or loading them from the cache


@dataclass
class _Run:
    """The state that workers share, guarded by `lock`."""

    position: Position
    stats: EpochStats
    halt: bool = False
    error: BaseException | None = None
    working: int = 0  # threads
    idle: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


def train(
    corpus: Corpus,
    counts: NDArray[np.int64],
    config: TrainConfig,
    *,
    weights: Weights | None = None,
    lock: NDArray[np.float32] | None = None,
    start: Position = START,
    on_progress: Callable[[Progress], None] | None = None,
    on_epoch: Callable[[int, Result], None] | None = None,
    stop: threading.Event | None = None,
    pause: Callable[[Progress], bool] | None = None,
    on_pause: Callable[[Result], None] | None = None,
    on_compiled: Callable[[float], None] | None = None,
    device: str = "cpu",
) -> Result:
    """Train for config.epochs over the corpus, from `start` on; counts (V,) int64 are the vocabulary's, in id order.

    weights: matrices to go on with (changed in place); new ones by default.
    lock: (V,) float32, how far each input row may move: 0 frozen, 1 free.
    stop: set it to end after the chunks now in work; the result then says where to go on.
    pause: asked ten times a second; when it says yes, the chunks in work are finished, `on_pause` is called with the result
    so far while nothing moves (to write a checkpoint), and training goes on.
    on_compiled: told how many seconds the kernels took to compile, or to load from the cache.
    device: "cpu", "cuda", or "auto" for a GPU if there is one that the run fits on (device.choose says what that may raise;
    "cuda" also raises DeviceError where the run does not fit).
    Raises ConfigError where the parts do not fit together, TrainingError when the numbers stop being finite: the loss is looked
    at after every few chunks, and the matrices before anyone is handed them (at pauses, ends of epochs, the end).
    """
    weights = Weights.create(len(counts), config) if weights is None else weights
    _check(corpus, counts, config, weights, lock)
    _check_start(start, len(corpus.starts) - 1, config.epochs)
    trainer = _Trainer(corpus, counts, config, weights, lock, on_progress)
    if not trainer.goes_to_gpu(device, counts):
        trainer.compile()
        if on_compiled is not None:
            on_compiled(trainer.compile_seconds)
    stop = threading.Event() if stop is None else stop
    result = Result(weights, [], start, False, 0.0, compile_seconds=trainer.compile_seconds)
    while result.position.epoch < config.epochs and not stop.is_set():
        epoch = result.position.epoch
        if result.position.chunk == 0 or not result.epochs:
            result.epochs.append(EpochStats())
        result.position, paused = trainer.run(result.position, result.epochs[-1], stop, pause)
        result.seconds, result.words = trainer.seconds(), trainer.words_done(result.position) - trainer.words_done(start)
        result.finished = result.position.epoch >= config.epochs
        if result.position.epoch > epoch and on_epoch is not None:
            on_epoch(epoch, result)
        if paused and on_pause is not None and not result.finished and not stop.is_set():
            on_pause(result)
    result.finished = result.position.epoch >= config.epochs
    return result


def _check(corpus: Corpus, counts: Any, config: TrainConfig, weights: Weights, lock: Any) -> None:
    if len(counts) != len(weights.w_in) or weights.vector_size != config.vector_size:
        raise ConfigError(
            f"weights of {weights.w_in.shape[0]:,} x {weights.vector_size} do not fit"
            f" {len(counts):,} words of {config.vector_size} numbers"
        )
    if (config.negative > 0) != (weights.w_out is not None) or config.hs != (weights.w_node is not None):
        raise ConfigError("the weights have other output layers than the configuration (negative, hs)")
    if lock is not None and (lock.shape != (len(counts),) or lock.dtype != np.float32):
        raise ConfigError(f"lock must be float32 of shape ({len(counts)},), not {lock.dtype} {lock.shape}")
    if not weights.finite():
        raise TrainingError("the weights to start from are not finite", "do the vectors of --init hold NaN or infinity?")
    if corpus.n_tokens == 0:
        raise ConfigError("the corpus has no word of the vocabulary, so there is nothing to train on")


def _check_start(start: Position, chunks: int, epochs: int) -> None:
    """Only places that `train` itself hands out: another would skip a part of the corpus without a word."""
    inside = 0 <= start.epoch < epochs and 0 <= start.chunk < chunks
    if not inside and start != Position(epochs, 0):
        raise ConfigError(f"no training of {epochs} epochs of {chunks:,} chunks goes on at {tuple(start)}")


def _threads(config: TrainConfig, chunks: int) -> int:
    """Workers that update the matrices. Their races are what makes runs differ, so a deterministic run has one."""
    return 1 if config.deterministic else min(config.threads, chunks)


class _Trainer:
    """One call of `train`: what does not change from epoch to epoch."""

    def __init__(self, corpus: Corpus, counts: Any, config: TrainConfig, weights: Weights, lock: Any, on_progress: Any) -> None:
        self.corpus, self.config, self.weights, self.lock, self.on_progress = corpus, config, weights, lock, on_progress
        self.chunks = len(corpus.starts) - 1
        self.total_tokens = int(corpus.starts[-1])
        threads = _threads(config, self.chunks)
        self.most = most_chunks(config)
        merges = self.chunks if take_turns(config) else rounds(config)
        self.tables: Tables = make_tables(counts, config, threads, self.total_tokens / merges)
        self.passes = make_passes(config, weights, self.tables)
        longest = int(np.diff(corpus.starts).max(initial=1))
        self.workers = [Worker(config, weights, self.tables, self.passes, lock, longest, threads) for _ in range(threads)]
        self.gpu: Any = None
        self.compile_seconds = 0.0
        self.began = time.perf_counter()

    def compile(self) -> None:
        """Have every kernel ready before the clock starts, by a call over no tokens."""
        self.workers[0].finish()
        self.compile_seconds = self.seconds()
        if self.compile_seconds > LOADING:
            memory.give_back()
            memory.drop_compiler()
        self.began = time.perf_counter()

    def goes_to_gpu(self, wanted: str, counts: Any) -> bool:
        """Whether the run is moved to a GPU, as "cuda" demands; "auto" stays here where it does not fit, and says so."""
        if devices.choose(wanted, deterministic=self.config.deterministic) == "cpu":
            return False
        try:
            self._move_to_gpu(counts)
        except DeviceError as error:
            if wanted == "cuda":
                raise
            devices.say_once(f"training on the processor: {error}")
            return False
        return True

    def _move_to_gpu(self, counts: Any) -> None:
        """From now on one worker hands all chunks to a GPU, which trains many of them at once."""
        from .gpu import Layer, Trainer

        layers = [
            Layer(path.kernel.__name__, path.outputs, path.w_y, gpu_options(self.config, noise=path.noise))
            for path in self.passes
        ]
        self.gpu = Trainer(self.weights.w_in, layers, self.tables.keep, counts, self.lock, self.corpus.starts)
        del self.workers[1:]
        self.compile_seconds = self.seconds()
        self.began = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def words_done(self, position: Position, tokens: int = 0) -> int:
        """Raw words before `position`: the share of the id stream gone through, in words read from the source."""
        at = int(self.corpus.starts[min(position.chunk, self.chunks)]) + tokens
        share = position.epoch + at / max(self.total_tokens, 1)
        return round(share * self.corpus.raw_words)

    def alpha(self, epoch: int, chunk: Any) -> Any:
        """Linear decay over the whole run, by the share of it that lies before the chunk, or before each of a slice."""
        config = self.config
        done = (epoch + self.corpus.starts[chunk] / max(self.total_tokens, 1)) / config.epochs
        return config.start_alpha - (config.start_alpha - config.min_alpha) * done

    def run(self, start: Position, stats: EpochStats, stop: threading.Event, pause: Any) -> tuple[Position, bool]:
        """Train to the end of the epoch, or until stop or pause; all chunks before the returned position are done.

        Also returns whether a pause was asked for: at the end of an epoch too, or one that is over in no time never had any.
        """
        run, paused = _Run(start, stats), False
        began = time.perf_counter()
        threads = [threading.Thread(target=self._work, args=(run, w), daemon=True) for w in self.workers]
        run.working = len(threads)
        try:
            for thread in threads:
                thread.start()
            # not in join(): up to Python 3.12 a thread whose join() is interrupted by Ctrl-C passes for ended
            while not run.idle.wait(POLL_SECONDS):
                progress = self._report(run)
                paused = paused or (pause is not None and pause(progress))
                if stop.is_set() or paused:
                    run.halt = True
        finally:
            run.halt = True  # on Ctrl-C too: chunks in work are finished, no more are begun
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        if run.error is not None:
            raise run.error
        run.stats.seconds += time.perf_counter() - began
        self._check_finite(run)
        if run.position.chunk >= self.chunks:
            run.position = Position(start.epoch + 1, 0)
        progress = self._report(run)
        return run.position, paused or (pause is not None and pause(progress))

    def _report(self, run: _Run) -> Progress:
        epoch, chunk = run.position
        finished = epoch >= self.config.epochs
        words = self.words_done(run.position)
        alpha = self.alpha(epoch, min(chunk, self.chunks)) if not finished else self.config.min_alpha
        progress = Progress(
            epoch=min(epoch, self.config.epochs - 1),
            epochs=self.config.epochs,
            words=words,
            total_words=self.config.epochs * self.corpus.raw_words,
            alpha=float(alpha),
            loss=run.stats.mean_loss,
            seconds=self.seconds(),
            finished=finished,
        )
        if self.on_progress is not None:
            self.on_progress(progress)
        return progress

    def _work(self, run: _Run, worker: Worker) -> None:
        """A worker: take the next chunks until there are none."""
        stint, most = 1, self.most if self.gpu is None else 1
        try:
            if self.gpu is not None:
                self.gpu.begin()
            while (taken := self._take(run, stint)) is not None:
                began = time.perf_counter()
                self._count(run, self._train_chunks(*taken, worker))
                seconds = time.perf_counter() - began
                stint = min(2 * stint, most) if seconds < SHORT else max(stint // 2, 1) if seconds > 4 * SHORT else stint
            if self.gpu is not None:
                self._count(run, [self.gpu.finish()])
            else:
                worker.finish()
        except BaseException as error:  # handed to the thread that waits
            run.error = error
        finally:
            with run.lock:
                run.working -= 1
                if run.working == 0:
                    run.idle.set()

    def _take(self, run: _Run, stint: int) -> tuple[int, int, int] | None:
        """The epoch and the next chunks, first and stop; `stint` of them, or so few that no other worker waits at the end."""
        with run.lock:
            epoch, chunk = run.position
            if run.halt or run.error is not None or chunk >= self.chunks:
                return None
            stop = chunk + max(1, min(stint, (self.chunks - chunk) // (4 * len(self.workers))))
            run.position = Position(epoch, stop)
            return epoch, chunk, stop

    def _count(self, run: _Run, totals: Any) -> None:
        """Add (loss, pairs, words) of each chunk to those of the epoch, one by one: however many were taken at once."""
        for loss, pairs, words in totals:
            if not math.isfinite(loss):
                raise self._diverged("loss is", run)
            with run.lock:
                run.stats.loss += float(loss)
                run.stats.pairs += int(pairs)
                run.stats.words += int(words)

    def _check_finite(self, run: _Run) -> None:
        """Nobody is handed matrices that are not finite. 0.1% of an epoch of 3 million words and 28,140 rows of 100 numbers."""
        if not self.weights.finite():
            raise self._diverged("weights are", run)

    def _diverged(self, what: str, run: _Run) -> TrainingError:
        epoch, chunk = run.position
        return TrainingError(
            f"the {what} not finite any more (epoch {epoch + 1}, alpha {self.alpha(epoch, min(chunk, self.chunks)):.4g})",
            "training has diverged: use a smaller --alpha",
        )

    def _train_chunks(self, epoch: int, chunk: int, stop: int, worker: Worker) -> Any:
        """Go over chunks chunk .. stop-1; returns (loss, pairs, words) of each."""
        tokens, starts = self.corpus.read(chunk, stop), self.corpus.starts
        streams = [chunk_streams(self.config.seed, epoch, k) for k in range(chunk, stop)]
        if self.gpu is not None:
            return [self.gpu.train(tokens, self.alpha(epoch, chunk), streams[0])]
        ends, rates = starts[chunk + 1 : stop + 1] - starts[chunk], self.alpha(epoch, slice(chunk, stop))
        return worker.train(tokens, ends, rates, streams)
