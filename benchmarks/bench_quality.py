"""What the vectors are worth: analogies and human judgements after equal epochs, beside gensim, over several seeds.

python -m benchmarks.bench_quality --corpus text8 --eval-dir DIR

DIR holds any of questions-words.txt, wordsim353.tsv, EN-MEN-TR-3k.txt, simlex999.txt.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from . import common
from .bench_train import MODELS, SIZES
from .contestants import Ours, Work, config_of, gensim_model

PAIRS = {"ws353": "wordsim353.tsv", "men": "EN-MEN-TR-3k.txt", "simlex999": "simlex999.txt"}
ANALOGIES = "questions-words.txt"


def scores(kv: Any, directory: Path) -> dict[str, float]:
    """Share of analogies solved, and Spearman correlations; for the test sets that are there."""
    from w2v.evaluate import word_analogies, word_pairs

    found = {}
    if (directory / ANALOGIES).exists():
        found["analogies"] = word_analogies(kv, directory / ANALOGIES).total.accuracy
    for name, file in PAIRS.items():
        if (directory / file).exists():
            found[name] = float(word_pairs(kv, directory / file, delimiter=None).spearman[0])
    return found


def train_ours(text: common.Text, work: Work, workers: int, ours: Ours, seed: int) -> tuple[Any, float]:
    from w2v import KeyedVectors
    from w2v.train import train

    vocab, corpus = ours.encoded(text)
    ours.prepare(text, work, workers)  # kernels are loaded
    start = time.perf_counter()
    result = train(corpus, vocab.counts, config_of(work, workers, seed))
    seconds = time.perf_counter() - start
    return KeyedVectors.from_arrays(list(vocab.words), result.weights.vectors.copy()), seconds


def train_gensim(text: common.Text, work: Work, workers: int, seed: int) -> tuple[Any, float]:
    """Gensim's vectors, handed to our KeyedVectors, so that both are judged by the same code."""
    from w2v import KeyedVectors

    model = gensim_model(work, workers, seed)
    model.build_vocab(corpus_file=str(text.path))
    start = time.perf_counter()
    model.train(corpus_file=str(text.path), total_words=model.corpus_total_words, epochs=work.epochs)
    seconds = time.perf_counter() - start
    return KeyedVectors.from_arrays(list(model.wv.index_to_key), model.wv.vectors), seconds


def judged(trainer: Callable[[int], tuple[Any, float]], seeds: int, directory: Path) -> dict[str, Any]:
    """Mean and spread of every score over the seeds, and the median seconds of training."""
    runs = []
    for seed in range(1, seeds + 1):
        kv, seconds = trainer(seed)
        runs.append({**scores(kv, directory), "train_seconds": seconds})
    table: dict[str, Any] = {"train_seconds": round(statistics.median(r.pop("train_seconds") for r in runs), 2)}
    for name in runs[0]:
        values = [r[name] for r in runs]
        table[name] = {"mean": round(statistics.mean(values), 4), "all": [round(v, 4) for v in values]}
    return table


def works(epochs: int, only: str) -> Iterator[Work]:
    for model in MODELS:
        work = replace(SIZES["D=100"], **model, epochs=epochs)
        if only in work.model:
            yield work


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("--eval-dir", type=Path, required=True, help="directory of the test sets")
    made.add_argument("--seeds", type=int, default=3)
    made.add_argument("--peer-seeds", type=int, help="seeds of gensim, which takes long (default: as many)")
    made.add_argument("--epochs", type=int, default=5)
    made.add_argument("--workers", type=int, default=2)
    made.add_argument("--only", default="", help="models whose name has this in it")
    args = common.parse(made)
    rows, ours, gensims = [], Ours(), {}
    with common.text_of(args) as text:
        for work in works(args.epochs, args.only):
            table = {"w2v": judged(partial(train_ours, text, work, args.workers, ours), args.seeds, args.eval_dir)}
            peer = replace(work, divided=False)  # gensim has one CBOW: train it once
            if peer not in gensims:
                trainer = partial(train_gensim, text, peer, args.workers)
                gensims[peer] = judged(trainer, args.peer_seeds or args.seeds, args.eval_dir)
            table["gensim"] = gensims[peer]
            show(work.model, table)
            rows.append({"model": work.model, "epochs": args.epochs, "contestants": table})
        common.write(args, "quality", rows, words=text.words)


def show(title: str, table: dict[str, dict[str, Any]]) -> None:
    print(f"\n{title}")
    for name, figures in table.items():
        values = "  ".join(f"{k} {v['mean']:.4f}" for k, v in figures.items() if k != "train_seconds")
        print(f"  {name:8} {figures['train_seconds']:8.1f} s   {values}", flush=True)


if __name__ == "__main__":
    main()
