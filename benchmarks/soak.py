"""The whole command on generated text of any length, from a pipe, with the memory of the process watched: is it flat?

    python -m benchmarks.soak 1G 10G                                            # results/soak.json
    python -m benchmarks.soak 2G --types 20M --once --min-count 1 --name types

The training itself is tiny (16 numbers, one noise word, one epoch, most words thinned out): what is soaked is the reader, the
temporary file and the vocabulary. Anonymous memory is what the process needs; pages of mapped files are the system's to take
back, and counted apart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from . import common, zipf

INTERVAL = 0.05  # seconds between two looks
WARM_UP = 10**6  # bytes of a run that compiles the kernels
PHASES = {"words in": "reading", "epoch 1": "training", "numbers each": "writing"}  # the line that ends each


class Watch:
    """Peaks of a process by phase, in MB (1e6 bytes), looked up until it ends."""

    def __init__(self, pid: int, directory: str) -> None:
        self.pid, self.directory = pid, directory
        self.phase = "reading"
        self.peaks: dict[str, dict[str, float]] = {}
        self.spill = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _run(self) -> None:
        while (status := self._status()) is not None:
            peaks = self.peaks.setdefault(self.phase, {"anonymous": 0.0, "mapped_files": 0.0})
            peaks["anonymous"] = max(peaks["anonymous"], status["RssAnon"] + status["RssShmem"])
            peaks["mapped_files"] = max(peaks["mapped_files"], status["RssFile"])
            self.spill = max(self.spill, self._temporary())
            time.sleep(INTERVAL)

    def _status(self) -> dict[str, float] | None:
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return None
        fields = dict(line.split(":", 1) for line in lines)
        if "RssAnon" not in fields:  # it has ended, and nobody has asked yet how
            return None
        return {name: int(fields[name].split()[0]) * 1024 / 1e6 for name in ("RssAnon", "RssFile", "RssShmem")}

    def _temporary(self) -> float:
        """MB on disk of files without a name that the process holds in its directory."""
        total = 0
        try:
            for name in os.listdir(f"/proc/{self.pid}/fd"):
                link = f"/proc/{self.pid}/fd/{name}"
                if os.readlink(link).startswith(self.directory):
                    total += os.stat(link).st_blocks * 512
        except OSError:  # it has just been closed
            pass
        return total / 1e6


def soak(size: int, args: Any, directory: str) -> dict[str, Any]:
    """One run: seconds and peaks of each phase, and what must be held at least."""
    output = f"{directory}/vectors.w2v"
    flags = ["--size", args.size, "--window", 1, "--negative", 1, "--epochs", 1, "--sample", "1e-9", "--threads", args.threads]
    flags += ["--min-count", args.min_count, *(["--max-final-vocab", args.max_final_vocab] if args.max_final_vocab else [])]
    flags += ["--max-vocab-size", args.max_vocab_size] if args.max_vocab_size else []
    source = ["benchmarks.zipf", size, "--types", args.types, *(["--once"] if args.once else [])]
    maker = subprocess.Popen(_python(*source), stdout=subprocess.PIPE, cwd=common.ROOT)
    spill = f"{directory}/spill"  # unnamed files show up in /proc under the directory that they were made in
    os.mkdir(spill)
    environment = {**os.environ, "TMPDIR": spill}
    command = _python("w2v", "train", "-", "-o", output, *flags)
    child = subprocess.Popen(command, stdin=maker.stdout, stderr=subprocess.PIPE, text=True, cwd=common.ROOT, env=environment)
    assert maker.stdout is not None
    maker.stdout.close()  # or a child that dies would leave the maker waiting
    watch = Watch(child.pid, spill)
    seconds, said = _listen(child, watch)
    watch.join()
    for program in (child, maker):
        if program.wait():
            print(*said, sep="\n", file=sys.stderr)
            raise subprocess.CalledProcessError(program.returncode, program.args)
    said = [line.replace(f"{directory}/", "") for line in said]
    row = {
        "bytes": size,
        "command": " ".join(["w2v", "train", "-", *map(str, flags)]),
        "said": said,
        "seconds": {phase: round(taken, 1) for phase, taken in seconds.items()},
        "peak_megabytes": {phase: {k: round(v, 1) for k, v in peaks.items()} for phase, peaks in watch.peaks.items()},
        "spill_megabytes": round(watch.spill, 1),
        "output_megabytes": round(os.path.getsize(output) / 1e6, 1),
    }
    if args.query and size != WARM_UP:
        row["query"] = query(output)
    os.remove(output)
    return row


def _python(*words: object) -> list[str]:
    return [sys.executable, "-m", *map(str, words)]


def _listen(child: subprocess.Popen[str], watch: Watch) -> tuple[dict[str, float], list[str]]:
    """Seconds of each phase, by the lines that end them; and the lines."""
    seconds: dict[str, float] = {}
    said, phases, began = [], iter(PHASES.items()), time.perf_counter()
    mark, watch.phase = next(phases)
    assert child.stderr is not None
    for line in child.stderr:
        said.append(line.strip())
        if mark in line:
            now = time.perf_counter()
            seconds[watch.phase], began = now - began, now
            mark, watch.phase = next(phases, ("\0", watch.phase))
    return seconds, said


def query(path: str) -> dict[str, Any]:
    """The vectors asked for the neighbours of a word, in a process of its own: seconds and peaks."""
    command = _python("w2v", "similar", path, "e", "-n", 3)
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=common.ROOT)
    watch = Watch(child.pid, "/nowhere")
    answer = child.communicate()[0]
    watch.join()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    [peaks] = watch.peaks.values()
    peaks = {name: round(value, 1) for name, value in peaks.items()}
    return {"seconds": round(time.perf_counter() - began, 1), "peak_megabytes": peaks, "answer": answer.splitlines()}


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("bytes", type=zipf.number, nargs="+", help="lengths of the text: 1G 10G")
    made.add_argument("--types", type=zipf.number, default=10**6, help="different words in it (default 1M)")
    made.add_argument("--once", action="store_true", help="begin with every type once")
    made.add_argument("--size", type=int, default=16, help="numbers a word")
    made.add_argument("--min-count", type=int, default=5)
    made.add_argument("--max-final-vocab", type=zipf.number)
    made.add_argument("--max-vocab-size", type=zipf.number)
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--query", action="store_true", help="ask for neighbours afterwards, in a new process")
    made.add_argument("--name", default="soak", help="of the file of results")
    args = common.parse(made)
    args.corpus = None  # the text is made
    rows = []
    for number, size in enumerate([WARM_UP, *args.bytes]):
        with tempfile.TemporaryDirectory(prefix="w2v-soak-") as directory:
            row = soak(size, args, directory)
        if number > 0:
            print(row, flush=True)
            rows.append(row)
    common.write(args, args.name, rows)


if __name__ == "__main__":
    main()
