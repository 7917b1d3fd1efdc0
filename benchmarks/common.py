"""What every benchmark shares: arguments, text, timing in turns, the description of the machine, the file of results.

Contestants take turns within one run, so that a slow minute of the machine falls on all of them; how many times faster
one is than another is the median over the turns.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import lzma
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
BUNDLED = ROOT / "corpora" / "austen.txt.xz"
NEAR = 100  # nanoseconds of a cache line from a core to another: those that share a cache are nearer
PACKAGES = ("numpy", "numba", "llvmlite", "gensim", "scipy")


def parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that all benchmarks take; each adds its own."""
    made = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    made.add_argument("--quick", action="store_true", help="less work; the results go to quick-*.json, which no table shows")
    made.add_argument("--turns", type=int, help="turns of every contestant (default 3; quick: 1)")
    made.add_argument("--out", type=Path, default=RESULTS, help="directory of the results")
    made.add_argument("--corpus", type=Path, default=BUNDLED, help="text, plain or .xz (default: the bundled novels)")
    made.add_argument("--words", type=int, help="use the first so many words of it (default: all)")
    made.add_argument("--fasttext", default=shutil.which("fasttext"), help="fastText's program (default: from PATH)")
    made.add_argument("--word2vec-c", help="the program made of word2vec.c")
    made.add_argument("--pword2vec", help="Intel's pWord2Vec")
    return made


def parse(made: argparse.ArgumentParser, turns: int = 3, quick: int = 1) -> argparse.Namespace:
    """Parsed arguments; where no number of turns is asked for, `turns`, or `quick` for a quick run."""
    args = made.parse_args()
    args.turns = args.turns or (quick if args.quick else turns)
    return args


# --- text -------------------------------------------------------------------------------------------------------------


@dataclass
class Text:
    """A plain text file and what is in it, counted here and not by any contestant."""

    path: Path
    lines: int
    counts: Counter[bytes]

    @property
    def words(self) -> int:
        """All words: what words per second are counted in."""
        return sum(self.counts.values())

    def types(self, min_count: int) -> int:
        """Different words that occur at least `min_count` times."""
        return sum(n >= min_count for n in self.counts.values())

    def kept(self, min_count: int) -> int:
        """Words that occur at least `min_count` times: what some peers count in."""
        return sum(n for n in self.counts.values() if n >= min_count)


@contextmanager
def text_of(args: argparse.Namespace) -> Iterator[Text]:
    """The text to work on, as a temporary plain file."""
    with tempfile.TemporaryDirectory(prefix="w2v-bench-") as directory:
        path = Path(directory) / "text.txt"
        lines, counts, left = 0, Counter[bytes](), args.words
        with _open(args.corpus) as source, open(path, "wb") as target:
            for block in _blocks(source):
                words = block.split()
                if left is not None and len(words) > left:
                    words = words[:left]
                    block = b" ".join(words) + b"\n"  # line ends within the last block do not matter
                target.write(block)
                lines += block.count(b"\n")
                counts.update(words)
                if left is not None and (left := left - len(words)) == 0:
                    break
        yield Text(path, lines, counts)


def _open(path: Path) -> Any:
    return lzma.open(path) if path.suffix == ".xz" else open(path, "rb")


def _blocks(file: Any, size: int = 1 << 20) -> Iterator[bytes]:
    """Blocks that end at white space, though a line may be as long as the file."""
    rest = b""
    while block := file.read(size):
        block = rest + block
        cut = max(block.rfind(b" "), block.rfind(b"\n")) + 1
        yield block[:cut]
        rest = block[cut:]
    if rest:
        yield rest + b"\n"


# --- timing -----------------------------------------------------------------------------------------------------------


def take_turns(runs: dict[str, Callable[[], float]], turns: int, once: Collection[str] = ()) -> dict[str, list[float]]:
    """Seconds that each run reports, one after the other, `turns` times; those named in `once` only the first time."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(turns):
        for name, run in runs.items():
            if turn == 0 or name not in once:
                seconds[name].append(run())
    return seconds


def compare(seconds: dict[str, list[float]], work: float, ours: str = "w2v") -> dict[str, dict[str, Any]]:
    """For each contestant its seconds, its median rate in work per second, and how many times faster we are."""
    table = {}
    for name, taken in seconds.items():
        ratios = [theirs / own for theirs, own in zip(taken, seconds[ours], strict=False)]
        table[name] = {
            "per_second": round(work / statistics.median(taken), 1),
            "seconds": [round(s, 4) for s in taken],
            "times_slower": round(statistics.median(ratios), 2),
        }
    return table


def spread(values: list[float], digits: int = 2) -> str:
    """The median, and the middle half."""
    low, middle, high = (f"{value:.{digits}f}" for value in statistics.quantiles(values, n=4))
    return f"{middle} ({low} to {high})"


def by_distance(row: dict[str, Any]) -> dict[str, str]:
    """Of a row of bench_threads: median and number of the pairs before and after which the cores were near each other, of those
    with cores apart both times, and of the rest: what became of these cores in between nobody knows.
    """
    kinds: dict[str, list[float]] = {"near": [], "apart": [], "moved": []}
    for gain, trips in zip(row["gains"]["wall"], row["line_trip"], strict=True):
        near = sum(trip < NEAR for trip in trips)
        kinds["near" if near == len(trips) else "moved" if near else "apart"].append(gain)
    return {kind: f"{statistics.median(gains):.2f} ({len(gains)})" if gains else "-" for kind, gains in kinds.items()}


def show(title: str, table: dict[str, dict[str, Any]], unit: str, scale: float = 1.0) -> None:
    """Print a line a contestant."""
    print(f"\n{title}")
    for name, figures in table.items():
        rate, factor = figures["per_second"] * scale, figures["times_slower"]
        print(f"  {name:12} {rate:12,.1f} {unit}   w2v is {factor:.2f} x", flush=True)


# --- results ----------------------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """The machine and the versions, as far as Linux tells."""
    from w2v import __version__
    from w2v.kernels import simd

    versions = {"w2v": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "lanes": simd.LANES,
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
        "commit": _commit(),
    }


def _cpu_model() -> str:
    """The model's name; and its numbers, for a hypervisor may hide the name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    fields = dict(_field(line) for line in lines)
    return f"{fields.get('model name', '?')} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _commit() -> str:
    """The commit measured, with a + if the tree differs from it."""
    git = ["git", "-C", str(ROOT)]
    try:
        name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
        changed = subprocess.run([*git, "status", "--porcelain", "w2v"], capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.strip() + ("+" if changed.strip() else "")


def write(args: argparse.Namespace, name: str, rows: list[dict[str, Any]], **more: Any) -> Path:
    """Write results/NAME.json (quick-NAME.json): the machine, the arguments, and a list of rows."""
    flags = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k not in ("out", "eval_dir")}
    for program in ("fasttext", "word2vec_c", "pword2vec", "corpus"):
        flags[program] = flags[program] and Path(flags[program]).name
    path = args.out / f"{'quick-' if args.quick else ''}{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), "flags": flags, **more, "rows": rows}, indent=1) + "\n")
    print(f"wrote {path.name}")
    return path
