"""The long run: python -m tests.fuzz READER... [--runs N | --atheris SECONDS]. Prints a line for each reader.

Owns the drawing, the counting and the keeping of findings. A finding stops nothing: it is counted by what escaped and from
where, and the first input of each kind is kept in --keep.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .edits import drawn, edited
from .judge import MEASURED, Hang, judge
from .targets import TARGETS, Target, quiet

HEADROOM = 512 << 20  # bytes of addresses beyond what the warm process has: more is refused by the kernel, and a finding


def kind_of(error: BaseException) -> str:
    """What escaped, and from where in the package."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "w2v" in frame.filename] or [None]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames[-1] else "?"
    return f"{type(error).__name__} at {where}: {str(error)[:120]!r}"


def run(target: Target, runs: int, seed: int, folder: Path, keep: Path) -> tuple[Counter[str], Counter[str], float, int]:
    """`runs` inputs. Counts of read and refused, of findings by kind, the slowest in seconds and the largest in bytes."""
    files = target.seeds()
    rng = random.Random(f"{target.name} {seed}")
    outcomes: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    slowest, largest = 0.0, 0
    for number in range(runs):
        data = edited(rng.choice(files), drawn(rng), files, target.rewrite)
        try:
            verdict = judge(target, folder / "input", data, number % MEASURED == 0)
        except (Exception, Hang) as error:
            kind = kind_of(error)
            if not findings[kind]:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{target.name}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
            findings[kind] += 1
            continue
        outcomes["read" if verdict.refused is None else "refused"] += 1
        slowest, largest = max(slowest, verdict.seconds), max(largest, verdict.peak)
    return outcomes, findings, slowest, largest


def one(target: Target, options: argparse.Namespace) -> int:
    """The edits, in this process."""
    faulthandler.enable()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=options.dir) as name:
        _warm_up(target, Path(name, "input"))
        _limit_memory()
        began = time.monotonic()
        outcomes, findings, slowest, largest = run(target, options.runs, options.seed, Path(name), options.keep)
    took = time.monotonic() - began
    line = f"{target.name}: {options.runs} inputs in {took:.0f} s: {outcomes['read']} read, {outcomes['refused']} refused, "
    line += f"{sum(findings.values())} findings; slowest {slowest:.3f} s, largest {largest / 1e6:.1f} MB"
    sys.stdout.write(line + "\n")
    for kind, count in findings.most_common():
        sys.stdout.write(f"    {count} x {kind}\n")
    return bool(findings)


def _warm_up(target: Target, path: Path) -> None:
    """Compile what is compiled, and import what is imported on first use."""
    for data in target.seeds():
        target.place(path, data)
        target.check(target.read(path))


def _limit_memory() -> None:
    status = Path("/proc/self/statm")
    if status.exists():
        most = int(status.read_text().split()[0]) * resource.getpagesize() + HEADROOM
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def covered(target: Target, options: argparse.Namespace) -> int:
    """Coverage-guided, by atheris, in this process, which libFuzzer ends itself: with code 77 for a finding."""
    import atheris

    folder = Path(tempfile.mkdtemp(prefix="atheris-", dir=options.dir))
    _warm_up(target, folder / "input")
    for function in functions():
        atheris.instrument_func(function)
    corpus = folder / "corpus"
    corpus.mkdir()
    for i, data in enumerate(target.seeds()):
        (corpus / str(i)).write_bytes(data)

    def test(data: bytes) -> None:
        judge(target, folder / "input", data, measure=False)  # libFuzzer watches the memory

    options.keep.mkdir(parents=True, exist_ok=True)
    prefix = f"-artifact_prefix={options.keep}/{target.name}-"
    flags = [prefix, f"-max_total_time={options.atheris}", "-max_len=4096",
             "-print_final_stats=1", "-rss_limit_mb=4096", "-timeout=60", f"-seed={options.seed + 1}"]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags, str(corpus)], test)
    atheris.Fuzz()
    return 0


def functions() -> Iterator[types.FunctionType]:
    """All functions and methods of the package that are loaded, but for those that are compiled, or are a part of such."""
    names = [name for name in sorted(sys.modules) if name.split(".")[0] == "w2v" and name.split(".")[:2] != ["w2v", "kernels"]]
    modules = [sys.modules[name] for name in names]
    for module in modules:
        for thing in [*vars(module).values()]:
            things = vars(thing).values() if isinstance(thing, (type, types.SimpleNamespace)) else [thing]
            things = thing.values() if isinstance(thing, dict) else things
            for inner in things:
                inner = getattr(inner, "__func__", getattr(inner, "fget", inner))
                if isinstance(inner, types.FunctionType) and inner.__module__ == module.__name__:
                    yield inner


def commands(options: argparse.Namespace) -> Iterator[list[str]]:
    """A process for each reader, so that one that dies takes no other along."""
    for name in options.readers or TARGETS:
        yield [sys.executable, "-m", "tests.fuzz", name, "--here", "--runs", str(options.runs), "--seed", str(options.seed),
               "--dir", str(options.dir), "--keep", str(options.keep),
               *(["--atheris", str(options.atheris)] if options.atheris else [])]  # fmt: skip


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Hostile files for the readers of w2v.")
    parser.add_argument("readers", nargs="*", choices=[*TARGETS, []], metavar="READER", help=f"all: {', '.join(TARGETS)}")
    parser.add_argument("--runs", type=int, default=10_000, help="edited files for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", type=int, metavar="SECONDS", help="let atheris make the inputs, guided by coverage")
    parser.add_argument("--dir", type=Path, default=Path("/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()))
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where inputs that are findings go")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    quiet()
    warnings.simplefilter("error")
    if options.here:
        target = TARGETS[options.readers[0]]
        return covered(target, options) if options.atheris else one(target, options)
    codes = [subprocess.run(command, check=False).returncode for command in commands(options)]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
