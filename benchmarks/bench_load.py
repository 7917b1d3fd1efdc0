"""Loading vectors from files: word2vec's binary and text formats beside gensim, and our own, which is memory-mapped.

python -m benchmarks.bench_load --rows 1000000
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import common, vectors

BINARY, TEXT, NATIVE = "word2vec .bin", "word2vec text", "native"
USES: dict[str, Callable[[Any], Any]] = {
    "one lookup": lambda kv: kv["word7"],
    "one query": lambda kv: kv.most_similar("word7"),
}


def seconds_to(load: Callable[[], Any], use: Callable[[Any], Any]) -> Callable[[], float]:
    """Time to load a file and to use it once, so that nothing is put off unseen. The file is in the page cache."""

    def run() -> float:
        start = time.perf_counter()
        use(load())
        return time.perf_counter() - start

    return run


def write_files(directory: Path, rows: dict[str, int], size: int) -> dict[str, str]:
    """A file of each format; by format, its path."""
    from w2v import formats

    paths = {}
    for what, suffix in ((BINARY, "bin"), (TEXT, "txt"), (NATIVE, "w2v")):
        path = directory / f"vectors.{suffix}"
        formats.save(vectors.ours(vectors.matrix(rows[what], size)), path)
        paths[what] = str(path)
    return paths


def loaders(what: str, path: str) -> dict[str, Callable[[], Any]]:
    from gensim.models import KeyedVectors

    from w2v import formats

    theirs = {
        BINARY: lambda: KeyedVectors.load_word2vec_format(path, binary=True),
        TEXT: lambda: KeyedVectors.load_word2vec_format(path, binary=False),
        NATIVE: lambda: KeyedVectors.load(path + ".kv", mmap="r"),
    }
    return {"w2v": lambda: formats.load(path), "gensim": theirs[what]}


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("--rows", type=int, help="words (default 1,000,000; quick: 50,000); text has a fifth of them")
    made.add_argument("--size", type=int, default=300)
    args = common.parse(made)
    rows = args.rows or (50_000 if args.quick else 1_000_000)
    number = {BINARY: rows, TEXT: rows // 5, NATIVE: rows}
    out = []
    with tempfile.TemporaryDirectory() as directory:
        paths = write_files(Path(directory), number, args.size)
        vectors.gensims(vectors.matrix(rows, args.size)).save(paths[NATIVE] + ".kv")
        for what, path in paths.items():
            loads = loaders(what, path)
            row: dict[str, Any] = {"what": what, "rows": number[what], "bytes": Path(path).stat().st_size}
            for use, use_it in USES.items():
                runs = {name: seconds_to(load, use_it) for name, load in loads.items()}
                table = common.compare(common.take_turns(runs, args.turns), number[what])
                common.show(f"{what}, {number[what]:,} x {args.size}, and {use}", table, "k words/s", 1e-3)
                row[use] = table
            out.append(row)
    common.write(args, "load", out, size=args.size)


if __name__ == "__main__":
    main()
