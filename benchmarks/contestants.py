"""Who trains: w2v, gensim, fastText, word2vec.c, pWord2Vec. Each prepares apart, and reports the seconds of training.

Reading the text, the vocabulary, the tables and the first vectors are left out on all sides, as far as a peer lets us;
the times of programs that print only a rate are worked out from it. Every peer works in its fastest way: gensim with
`corpus_file`, pWord2Vec with its text in memory.
"""

from __future__ import annotations

import logging
import re
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .common import Text

SAMPLE = 1e-3
MIN_COUNT = 5
ALPHA = 0.025


@dataclass(frozen=True)
class Work:
    """What is trained."""

    sg: bool
    hs: bool
    vector_size: int
    window: int
    negative: int
    divided: bool = False  # CBOW's corrected gradient, which is ours alone: peers do their CBOW
    epochs: int = 1

    @property
    def model(self) -> str:
        """Its name in tables."""
        loss = "hierarchical softmax" if self.hs else "negative sampling"
        return f"{'skip-gram' if self.sg else 'CBOW'}, {loss}{', corrected gradient' if self.divided else ''}"


class Ours:
    """w2v. `last` is the result of the last run."""

    name = "w2v"

    def __init__(self) -> None:
        self.last: Any = None
        self._encoded: tuple[Path, Any, Any] | None = None

    def encoded(self, text: Text) -> tuple[Any, Any]:
        """(vocabulary, corpus) of the text, encoded once."""
        from w2v.corpus import encode

        if self._encoded is None or self._encoded[0] != text.path:
            self._encoded = (text.path, *encode(text.path, min_count=MIN_COUNT))
        return self._encoded[1:]

    def prepare(self, text: Text, work: Work, workers: int) -> Callable[[], float]:
        """A run over the text; its kernels are loaded, or compiled, here."""
        from w2v.corpus import encode
        from w2v.train import train

        vocab, corpus = self.encoded(text)
        config = config_of(work, workers)
        small_vocab, small = encode([["a", "b", "c", "d"]] * 8, min_count=1)
        train(small, small_vocab.counts, config)

        def run() -> float:
            self.last = train(corpus, vocab.counts, config)
            return float(self.last.seconds)  # from when tables and first vectors are made, as gensim's train()

        return run


def config_of(work: Work, workers: int, seed: int = 1) -> Any:
    """The work as w2v's configuration; the learning rate of the corrected gradient is w2v's default for it."""
    from w2v.config import TrainConfig

    return TrainConfig(
        vector_size=work.vector_size,
        window=work.window,
        sg=work.sg,
        hs=work.hs,
        negative=0 if work.hs else work.negative,
        sample=SAMPLE,
        alpha=None if work.divided else ALPHA,
        min_count=MIN_COUNT,
        epochs=work.epochs,
        seed=seed,
        threads=workers,
        **({"cbow_gradient": "divided"} if work.divided else {}),
    )


def gensim_model(work: Work, workers: int, seed: int = 1) -> Any:
    """Gensim's Word2Vec with the same work."""
    from gensim.models import Word2Vec

    logging.getLogger("gensim").setLevel(logging.ERROR)
    return Word2Vec(
        vector_size=work.vector_size,
        window=work.window,
        sg=int(work.sg),
        hs=int(work.hs),
        negative=0 if work.hs else work.negative,
        sample=SAMPLE,
        alpha=ALPHA,
        min_count=MIN_COUNT,
        epochs=work.epochs,
        seed=seed,
        workers=workers,
    )


class Gensim:
    """gensim, reading `corpus_file` in its compiled threads: its fastest path."""

    name = "gensim"
    once = False

    def prepare(self, text: Text, work: Work, workers: int) -> Callable[[], float]:
        model = gensim_model(work, workers)
        model.build_vocab(corpus_file=str(text.path))

        def run() -> float:
            start = time.perf_counter()
            with warnings.catch_warnings(action="ignore"):
                model.train(corpus_file=str(text.path), total_words=model.corpus_total_words, epochs=work.epochs)
            return time.perf_counter() - start

        return run


class Program:
    """A peer that is a program. A child gives its arguments and the pattern of the last rate that it prints."""

    name: str
    rate: str  # a number, with k for thousands, in words of the vocabulary and line ends
    per_thread: bool
    once = True  # slow, and steady: one turn tells enough

    def __init__(self, path: str) -> None:
        self.path = path

    def arguments(self, text: Text, work: Work, workers: int, output: str) -> list[str] | None:
        """Of the program; None if it cannot do the work."""
        raise NotImplementedError

    def prepare(self, text: Text, work: Work, workers: int) -> Callable[[], float] | None:
        if self.arguments(text, work, workers, "") is None:
            return None
        tokens = (text.kept(MIN_COUNT) + text.lines) * work.epochs

        def run() -> float:
            with tempfile.TemporaryDirectory() as directory:
                command = [self.path, *self.arguments(text, work, workers, f"{directory}/v")]
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
            number, thousands = re.findall(self.rate, done.stdout.decode(errors="replace"))[-1]
            rate = float(number) * (1000 if thousands else 1) * (workers if self.per_thread else 1)
            return tokens / rate

        return run


class FastText(Program):
    """fastText without subwords. Its losses are those of word2vec; `-t` is the subsampling threshold."""

    name = "fastText"
    rate = r"words/sec/thread:\s*([\d.]+)(k?)"
    per_thread = True

    def arguments(self, text: Text, work: Work, workers: int, output: str) -> list[str]:
        options = {
            "-input": text.path,
            "-output": output,
            "-dim": work.vector_size,
            "-ws": work.window,
            "-neg": work.negative,
            "-loss": "hs" if work.hs else "ns",
            "-epoch": work.epochs,
            "-lr": ALPHA,
            "-t": SAMPLE,
            "-minCount": MIN_COUNT,
            "-thread": workers,
            "-minn": 0,
            "-maxn": 0,
        }
        return ["skipgram" if work.sg else "cbow", *flat(options)]


class Word2vecC(Program):
    """word2vec.c. It reads the clock of all its threads together, so that its rate is one thread's."""

    name = "word2vec.c"
    rate = r"Words/thread/sec:\s*([\d.]+)(k?)"
    per_thread = True

    def arguments(self, text: Text, work: Work, workers: int, output: str) -> list[str]:
        return flat({**self.common(text, work, workers, output), "-hs": int(work.hs), "-cbow": int(not work.sg)})

    def common(self, text: Text, work: Work, workers: int, output: str) -> dict[str, Any]:
        return {
            "-train": text.path,
            "-output": output,
            "-binary": 1,
            "-size": work.vector_size,
            "-window": work.window,
            "-negative": 0 if work.hs else work.negative,
            "-sample": SAMPLE,
            "-alpha": ALPHA,
            "-iter": work.epochs,
            "-min-count": MIN_COUNT,
            "-threads": workers,
        }


class PWord2vec(Word2vecC):
    """Intel's pWord2Vec: skip-gram with negative sampling by matrix products; a batch holds a whole window."""

    name = "pWord2Vec"
    rate = r"Words/sec:\s*([\d.]+)(k?)"
    per_thread = False
    once = False

    def arguments(self, text: Text, work: Work, workers: int, output: str) -> list[str] | None:  # type: ignore[override]
        if work.hs or not work.sg:
            return None
        return flat({**self.common(text, work, workers, output), "-batch-size": 2 * work.window + 1})


def flat(options: dict[str, Any]) -> list[str]:
    """{"-a": 1} -> ["-a", "1"]."""
    return [str(part) for option in options.items() for part in option]


def present(args: Any) -> list[Any]:
    """The peers that are installed or were given; the slow ones are left out of a quick run."""
    peers: list[Any] = [Gensim()] if _have_gensim() else []
    for kind, path in ((FastText, args.fasttext), (Word2vecC, args.word2vec_c), (PWord2vec, args.pword2vec)):
        if path and not (args.quick and kind.once):
            peers.append(kind(path))
    return peers


def _have_gensim() -> bool:
    try:
        import gensim  # noqa: F401
    except ImportError:
        return False
    return True
