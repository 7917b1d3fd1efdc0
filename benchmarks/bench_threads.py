"""What a second thread brings: stretches of text by one thread and by two in turn, each beside a loop of multiply-adds.

python -m benchmarks.bench_threads --corpus text8

Stretches are seconds long, so that what disturbs the machine falls on one and two alike, and yet workers take as many chunks at
a time as they do of a whole text. Two cores are not always twice one: they share caches, memory, power, and in a rented machine
perhaps even the core. So four figures stand side by side. `wall`: how many times as fast two threads are by the clock.
`processor`: the same by the time that threads had the processor, as if both had it all the time; what it lacks of 2 the
threads cost each other. `multiply_adds`: what the clock says of a loop that lives in registers, in the same seconds;
`row_moves`: of one that reads and writes rows at random in 64 MB. More than these the machine had not to give, to arithmetic
and to memory; training is made of both. Besides, the nanoseconds that a cache line takes from one core to the other
(`line_trip`): a rented machine's cores may share a cache in one second and none in the next, and where they do not, rows that
both threads write to cost several times as much. It is taken before and after two threads run, and the pairs of either kind are
shown apart, too.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from . import common, peak
from .bench_train import MODELS, SIZES
from .contestants import Ours, Work, config_of

THREADS = 2
TURNS = 24
STRETCH = 832  # chunks, 8 million words
PROBE = 5_000_000  # turns of the loop of multiply-adds: a tenth of a second


class Stretch:
    """Some chunks of a corpus, as a corpus."""

    def __init__(self, whole: Any, number: int, length: int = STRETCH) -> None:
        chunks = len(whole.starts) - 1
        self.whole, self.first = whole, number * length % max(chunks - length, 1)
        self.starts = whole.starts[self.first : self.first + length + 1] - whole.starts[self.first]
        self.n_tokens = self.raw_words = int(self.starts[-1])

    def read(self, k: int, *stop: int) -> Any:
        return self.whole.read(*(self.first + number for number in (k, *stop)))


def run(stretch: Stretch, counts: Any, weights: Any, work: Work, threads: int) -> tuple[float, float]:
    """Seconds of training on the stretch, by the clock and of the processor."""
    from w2v.train import train

    before: list[float] = []
    config = config_of(work, threads)
    result = train(stretch, counts, config, weights=weights, on_compiled=lambda _: before.append(time.process_time()))
    return result.epochs[0].seconds, time.process_time() - before[0]


def bench(corpus: Any, counts: Any, work: Work, turns: int) -> dict[str, Any]:
    """One row: the gains of all turns."""
    from w2v.weights import Weights

    gains: dict[str, list[float]] = {"wall": [], "processor": [], "multiply_adds": [], "row_moves": []}
    trips = []
    weights = Weights.create(len(counts), config_of(work, 1))
    for threads in (1, THREADS):  # kernels are compiled here
        run(Stretch(corpus, 0), counts, weights, work, threads)
    for turn in range(turns):
        stretch = Stretch(corpus, turn)
        clock, own = run(stretch, counts, weights, work, 1)
        before = peak.line_trip()
        clocks, all_of_them = run(stretch, counts, weights, work, THREADS)
        trips.append([round(trip, 1) for trip in (before, peak.line_trip())])
        gains["wall"].append(clock / clocks)
        gains["processor"].append(THREADS * own / all_of_them)
        gains["multiply_adds"].append(peak.multiply_adds(THREADS, PROBE) / peak.multiply_adds(1, PROBE))
        gains["row_moves"].append(peak.row_moves(THREADS) / peak.row_moves(1))
    return {"model": work.model, "vector_size": work.vector_size, "workers": THREADS, "gains": gains, "line_trip": trips}


def show(row: dict[str, Any]) -> None:
    print(f"\n{row['model']}, D={row['vector_size']}: {row['workers']} threads over one")
    for name, values in row["gains"].items():
        print(f"  {name:14} {common.spread(values)}", flush=True)
    for name, figure in common.by_distance(row).items():
        print(f"  {name:14} {figure}", flush=True)


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("--sizes", default="D=100", help="of " + ", ".join(SIZES))
    args = common.parse(made, turns=TURNS, quick=3)
    if args.turns < 2:
        made.error("at least two turns: their spread is shown")
    ours, rows = Ours(), []
    with common.text_of(args) as text:
        vocab, corpus = ours.encoded(text)
        for size in args.sizes.split(","):
            for model in MODELS:
                rows.append(bench(corpus, vocab.counts, replace(SIZES[size], **model), args.turns))
                show(rows[-1])
        common.write(args, "threads", rows, words=text.words)


if __name__ == "__main__":
    main()
