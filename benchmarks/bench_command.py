"""The whole command, from a text file to saved vectors, beside a script with gensim: time and peak memory.

python -m benchmarks.bench_command --corpus text8
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import partial

from . import common


def watched(command: list[str], peaks: list[float]) -> float:
    """Seconds a command takes; its peak memory in MB is added to `peaks`."""
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=common.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    peaks.append(usage.ru_maxrss / 1024)
    return time.perf_counter() - start


def commands(text: common.Text, directory: str, workers: int, epochs: int, sg: bool) -> dict[str, list[str]]:
    w2v = ["train", str(text.path), "-o", f"{directory}/w2v.bin", "--threads", str(workers), "--epochs", str(epochs)]
    w2v += ["--sg" if sg else "--cbow", "--quiet"]
    gensim = [str(text.path), f"{directory}/gensim.bin", str(workers), str(epochs), str(int(sg))]
    return {
        "w2v": [sys.executable, "-c", "from w2v.cli import main; main()", *w2v],
        "gensim": [sys.executable, "-m", "benchmarks.gensim_command", *gensim],
    }


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    made.add_argument("--epochs", type=int, default=5)
    args = common.parse(made)
    rows = []
    with common.text_of(args) as text, tempfile.TemporaryDirectory() as directory:
        for sg in (True, False):
            memory: dict[str, list[float]] = {"w2v": [], "gensim": []}
            runs = {
                name: partial(watched, command, memory[name])
                for name, command in commands(text, directory, args.workers, args.epochs, sg).items()
            }
            runs["w2v"]()  # compiles the kernels, if no earlier run has: counted apart
            first = memory["w2v"].pop()
            table = common.compare(common.take_turns(runs, args.turns), text.words * args.epochs)
            for name, figures in table.items():
                figures["peak_megabytes"] = round(max(memory[name]), 1)
            model = "skip-gram" if sg else "CBOW"
            common.show(f"whole command, {model}, {args.workers} worker(s)", table, "k words/s", 1e-3)
            print("  peak memory: " + ", ".join(f"{n} {f['peak_megabytes']:.0f} MB" for n, f in table.items()))
            row = {"model": model, "workers": args.workers, "epochs": args.epochs, "first_run_megabytes": round(first, 1)}
            rows.append({**row, "contestants": table})
        common.write(args, "command", rows, words=text.words)


if __name__ == "__main__":
    main()
