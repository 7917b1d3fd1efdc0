"""Two versions of the code in alternation: how much of the old one's time the new one takes, by the clock and the processor.

python -m benchmarks.bench_versions OLD NEW --corpus text8 --models "CBOW" --workers 1,2

OLD and NEW are folders with a w2v/ in them. Each version lives in a process of its own, trains a stretch of text when told to,
and waits while the other one does: stretches of less than half a second, so that what disturbs the machine falls on both alike.
Which pages of memory a process gets for its compiled code moves its speed by 10 to 20 % (CBOW), with the same code: several
pairs of processes are compared, and what they differ by is shown. OLD twice tells how much that is.
Writes no result: it is for whoever changes a kernel.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from . import common
from .bench_train import MODELS, SIZES
from .contestants import MIN_COUNT, Work, config_of

STRETCH = 0.4  # seconds
PROCESSES = 5  # pairs
Taken = list[float]  # nanoseconds a word by the clock, and of the processor
Pairs = list[tuple[Taken, Taken]]  # of the old version and of the new one
# benchmarks are those here, also where the folder of a version has its own
SERVE = """
import sys
sys.path.insert(0, sys.argv[2])
import benchmarks
sys.path.insert(0, sys.argv[1])
from benchmarks.bench_versions import serve
serve(*sys.argv[3:])
"""


class Version:
    """A process with one version of the code, and a way to have it work."""

    def __init__(self, folder: Path, text: Path, work: Work, workers: int) -> None:
        command = [sys.executable, "-c", SERVE, folder, common.ROOT, text, json.dumps(asdict(work)), str(workers)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        [self.chunks_a_second] = self._answer()  # ready

    def _answer(self) -> Taken:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a version has ended before its time")
        return [float(part) for part in line.split()]

    def train(self, first: int, chunks: int) -> Taken:
        """Train a stretch."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{first} {chunks}\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self.process.communicate()


def serve(text: str, work: str, workers: str) -> None:
    """The process of one version: a stretch for every line of the input."""
    from w2v.corpus import encode
    from w2v.train import train
    from w2v.weights import Weights

    from .bench_threads import Stretch

    vocab, corpus = encode(text, min_count=MIN_COUNT)
    config = config_of(Work(**json.loads(work)), int(workers))
    weights = Weights.create(len(vocab), config)

    def stretch(number: int, chunks: int) -> Taken:
        before: list[float] = []
        part = Stretch(corpus, number, chunks)
        done = train(part, vocab.counts, config, weights=weights, on_compiled=lambda _: before.append(time.process_time()))
        return [done.seconds / part.n_tokens * 1e9, (time.process_time() - before[0]) / part.n_tokens * 1e9]

    stretch(0, 1)  # kernels are compiled here
    print(1e9 / stretch(0, 16)[0] / corpus.n_tokens * len(corpus), flush=True)
    for line in sys.stdin:
        print(*stretch(*map(int, line.split())), flush=True)


def bench(old: Path, new: Path, text: Path, work: Work, workers: int, seconds: float, turn: int = 0) -> Pairs:
    """Pairs of stretches by one pair of processes; who begins, and at odd turns who starts up first, takes turns."""
    step = -1 if turn % 2 else 1
    versions = [Version(folder, text, work, workers) for folder in (old, new)[::step]][::step]
    chunks = max(1, round(STRETCH * versions[0].chunks_a_second))
    pairs: Pairs = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(pairs) < 2:
        if len(pairs) % 2 == 0:
            before, after = (version.train(len(pairs), chunks) for version in versions)
        else:
            after, before = (version.train(len(pairs), chunks) for version in reversed(versions))
        pairs.append((before, after))
    for version in versions:
        version.close()
    return pairs


def told(runs: list[Pairs]) -> str:
    """The new version's share of the old one's time: of each pair of processes the median, and the median of those."""
    figures = []
    for k, name in enumerate(("clock", "processor")):
        shares = [statistics.median(after[k] / before[k] for before, after in pairs) for pairs in runs]
        figures.append(f"{name} {statistics.median(shares):.3f} ({min(shares):.3f} to {max(shares):.3f})")
    rate = statistics.median(after[0] for pairs in runs for _, after in pairs)
    return f"{'  '.join(figures)}  now {rate:.0f} ns a word"


def main() -> None:
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    made.add_argument("old", type=Path)
    made.add_argument("new", type=Path)
    made.add_argument("--corpus", type=Path, default=common.BUNDLED, help="text, plain or .xz (default: the bundled novels)")
    made.add_argument("--words", type=int, help="use the first so many words of it (default: all)")
    made.add_argument("--models", default="", help="models whose name has this in it")
    made.add_argument("--sizes", default=",".join(SIZES), help="of " + ", ".join(SIZES))
    made.add_argument("--workers", default="1", help="numbers of workers to compare at")
    made.add_argument("--seconds", type=float, default=20, help="for each comparison")
    made.add_argument("--processes", type=int, default=PROCESSES, help="pairs of processes, among which these are divided")
    args = made.parse_args()
    if args.processes < 1:
        made.error("at least one pair of processes")
    with common.text_of(args) as text:
        for size in args.sizes.split(","):
            for work in (replace(SIZES[size], **model) for model in MODELS):
                for workers in map(int, args.workers.split(",")) if args.models in work.model else ():
                    given = args.old.resolve(), args.new.resolve(), text.path, work, workers, args.seconds / args.processes
                    runs = [bench(*given, turn) for turn in range(args.processes)]
                    print(f"{work.model}, {size}, {workers} worker(s): {told(runs)}", flush=True)


if __name__ == "__main__":
    main()
