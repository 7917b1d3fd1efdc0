"""Nearest words: one query at a time, and a thousand at once, beside gensim and the machine's peaks.

python -m benchmarks.bench_query --rows 1000000
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import common, peak, vectors


def seconds_a_query(ask: Callable[[int], Any], queries: int) -> Callable[[], float]:
    """Median time of single queries for different words."""

    def run() -> float:
        taken = []
        for i in range(queries):
            start = time.perf_counter()
            ask(i)
            taken.append(time.perf_counter() - start)
        return float(np.median(taken))

    return run


def seconds_of_batch(ask: Callable[[list[str]], Any], queries: int) -> Callable[[], float]:
    """Time of a batch, for one of its queries."""

    def run() -> float:
        start = time.perf_counter()
        ask([f"word{i}" for i in range(queries)])
        return (time.perf_counter() - start) / queries

    return run


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("--rows", type=int, help="words (default 1,000,000; quick: 100,000)")
    made.add_argument("--size", type=int, default=300)
    made.add_argument("--batch", type=int, default=1000)
    args = common.parse(made)
    rows = args.rows or (100_000 if args.quick else 1_000_000)
    data = vectors.matrix(rows, args.size)
    ours, gensims = vectors.ours(data), vectors.gensims(data)
    for kv in (ours, gensims):
        kv.most_similar("word0")  # norms are filled in
    peaks = peak.measure(2 if args.quick else 5)

    single = {
        "w2v": seconds_a_query(lambda i: ours.most_similar(f"word{i}"), 20),
        "gensim": seconds_a_query(lambda i: gensims.most_similar(f"word{i}"), 20),
    }
    batch = {
        "w2v": seconds_of_batch(ours.most_similar_batch, args.batch),
        "gensim": single["gensim"],  # it has no batches
    }
    one = common.compare(common.take_turns(single, args.turns), 1)
    many = common.compare(common.take_turns(batch, args.turns), 1)
    read = data.nbytes * one["w2v"]["per_second"] / 1e9
    gflops = 2 * data.size * many["w2v"]["per_second"] / 1e9
    common.show(f"one query on {rows:,} x {args.size}: {read:.1f} GB/s read", one, "queries/s")
    common.show(f"{args.batch} queries at once: {gflops:.0f} GFLOP/s", many, "queries/s")
    rows_out = [
        {
            "what": "one query",
            "gb_per_second": round(read, 2),
            "share_of_peak": round(read / peaks["read_gb_per_second_all_cores"], 3),
            "contestants": one,
        },
        {
            "what": f"{args.batch} queries at once",
            "gflops": round(gflops, 1),
            "share_of_peak": round(gflops / peaks["sgemm_gflops_all_cores"], 3),
            "contestants": many,
        },
    ]
    common.write(args, "query", rows_out, peaks=peaks, shape=[rows, args.size])


if __name__ == "__main__":
    main()
