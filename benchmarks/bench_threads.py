"""What a second thread brings: short runs of one thread and of two in turn, each beside a loop of multiply-adds.

python -m benchmarks.bench_threads --corpus text8 --words 2000000

Two cores are not always twice one: they share caches, memory, power, and in a rented machine perhaps even the core. So three
figures stand side by side. `wall`: how many times as fast two threads are by the clock. `processor`: the same by the time that
threads had the processor, as if both had it all the time; what it lacks of 2 the threads cost each other. `multiply_adds`: what
the clock says of a loop that lives in registers, in the same seconds: more than that the machine had not to give.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import Any

from . import common, peak
from .bench_train import MODELS, SIZES
from .contestants import Ours, Work, config_of

THREADS = 2
TURNS = 12  # half of them undisturbed, with luck
PROBE = 20_000_000  # turns of the loop of multiply-adds: a quarter of a second


def run(corpus: Any, vocab: Any, work: Work, threads: int) -> tuple[float, float]:
    """Seconds of one epoch, by the clock and of the processor."""
    from w2v.train import train

    before: list[float] = []
    config = config_of(work, threads)
    result = train(corpus, vocab.counts, config, on_compiled=lambda _: before.append(time.process_time()))
    return result.epochs[0].seconds, time.process_time() - before[0]


def bench(corpus: Any, vocab: Any, work: Work, turns: int) -> dict[str, Any]:
    """One row: the gains of all turns."""
    gains: dict[str, list[float]] = {"wall": [], "processor": [], "multiply_adds": []}
    run(corpus, vocab, work, THREADS), run(corpus, vocab, work, 1)  # kernels are compiled here
    for _ in range(turns):
        (clock, own), (clocks, all_of_them) = run(corpus, vocab, work, 1), run(corpus, vocab, work, THREADS)
        gains["wall"].append(clock / clocks)
        gains["processor"].append(THREADS * own / all_of_them)
        gains["multiply_adds"].append(peak.multiply_adds(THREADS, PROBE) / peak.multiply_adds(1, PROBE))
    return {"model": work.model, "vector_size": work.vector_size, "workers": THREADS, "gains": gains}


def show(row: dict[str, Any]) -> None:
    print(f"\n{row['model']}, D={row['vector_size']}: {row['workers']} threads over one")
    for name, values in row["gains"].items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"  {name:14} {middle:5.2f} ({low:.2f} to {high:.2f})", flush=True)


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("--sizes", default="D=100", help="of " + ", ".join(SIZES))
    made.set_defaults(turns=TURNS, words=2_000_000)
    args = common.parse(made)
    turns = 2 if args.quick else args.turns
    ours, rows = Ours(), []
    with common.text_of(args) as text:
        vocab, corpus = ours.encoded(text)
        for size in args.sizes.split(","):
            for model in MODELS:
                rows.append(bench(corpus, vocab, replace(SIZES[size], **model), turns))
                show(rows[-1])
        common.write(args, "threads", rows, words=text.words)


if __name__ == "__main__":
    main()
