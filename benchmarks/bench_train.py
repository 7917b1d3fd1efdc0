"""Training speed beside the peers': four models, two sizes, one worker and two, in raw words a second.

python -m benchmarks.bench_train --corpus text8 --word2vec-c PATH --pword2vec PATH

A machine without AVX-512 has results of its own, train-avx2.json.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from . import common, peak
from .contestants import Ours, Work, present

SIZES = {
    "D=100": Work(sg=True, hs=False, vector_size=100, window=5, negative=5),
    "D=300": Work(sg=True, hs=False, vector_size=300, window=8, negative=10),
}
MODELS = [
    {"sg": True, "hs": False},
    {"sg": False, "hs": False},
    {"sg": False, "hs": False, "divided": True},
    {"sg": True, "hs": True},
    {"sg": False, "hs": True},
]


def useful_flops(work: Work, vocab: Any, result: Any) -> float:
    """Floating-point operations that the model asks for: logits, output steps and input steps, a multiply-add each.

    Rows padded, or noise scored again, are not counted; nor are CBOW's sums over the context.
    """
    from w2v.huffman import build_tree
    from w2v.sampling import keep_thresholds

    outputs = 1.0 + work.negative
    if work.hs:
        kept = vocab.counts * (keep_thresholds(vocab.counts, 1e-3) / 2**32)
        outputs = float(np.average(np.diff(build_tree(vocab.counts).offsets), weights=kept))
    return sum(e.pairs for e in result.epochs) * outputs * 3 * work.vector_size * 2


def first_call(work: Work) -> tuple[float, bool]:
    """Seconds of the first training in this process, and whether kernels were compiled in it, not loaded from the cache."""
    from w2v.corpus import encode
    from w2v.kernels import cpu
    from w2v.train import train

    from .contestants import config_of

    vocab, corpus = encode([["a", "b", "c", "d"]] * 8, min_count=1)

    def missed() -> int:
        kernels = (cpu.skipgram_ns, cpu.skipgram_hs, cpu.cbow_ns, cpu.cbow_hs)
        return sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels)

    before, start = missed(), time.perf_counter()
    train(corpus, vocab.counts, config_of(work, 1))
    return time.perf_counter() - start, missed() > before


def bench(work: Work, workers: int, text: common.Text, ours: Ours, peers: list[Any], turns: int, top: float) -> dict[str, Any]:
    """One row: everybody's rate at the work."""
    loading, compiled = first_call(work)
    runs = {c.name: c.prepare(text, work, workers) for c in (ours, *peers)}
    seconds = common.take_turns(
        {name: run for name, run in runs.items() if run is not None}, turns, {p.name for p in peers if p.once}
    )
    table = common.compare(seconds, text.words * work.epochs)
    flops = useful_flops(work, ours.encoded(text)[0], ours.last) / statistics.median(seconds["w2v"])
    row = {"model": work.model, **asdict(work), "workers": workers, "words": text.words}
    row.update(first_call_seconds=round(loading, 2), compiled=compiled)
    return {**row, "gflops": round(flops / 1e9, 1), "share_of_peak": round(flops / 1e9 / top, 3), "contestants": table}


def show(row: dict[str, Any]) -> None:
    title = f"{row['model']}, D={row['vector_size']}, {row['workers']} worker(s)"
    common.show(f"{title}: {row['share_of_peak']:.0%} of FMA peak", row["contestants"], "k words/s", 1e-3)


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("--workers", default="1,2", help="numbers of workers to compare at")
    made.add_argument("--sizes", default=",".join(SIZES), help="of " + ", ".join(SIZES))
    made.add_argument("--only", default="", help="models whose name has this in it")
    made.add_argument("--programs", default=",".join(SIZES), help="sizes at which peers that are programs, and slow, take part")
    args = common.parse(made)
    from w2v.kernels import simd

    peaks = peak.measure(2 if args.quick else 5)
    rows, ours, peers = [], Ours(), present(args)
    with common.text_of(args) as text:
        for size in args.sizes.split(","):
            taking_part = [p for p in peers if not p.once or size in args.programs.split(",")]
            for model in MODELS:
                work = replace(SIZES[size], **model)
                if args.only not in work.model:
                    continue
                for workers in map(int, args.workers.split(",")):
                    top = peaks["fma_gflops_one_core"] * workers
                    rows.append(bench(work, workers, text, ours, taking_part, args.turns, top))
                    show(rows[-1])
        name = "train" if simd.LANES == 16 else "train-avx2"
        common.write(args, name, rows, peaks=peaks, words=text.words, vocabulary=text.types(5))


if __name__ == "__main__":
    main()
