"""Compressed texts that expand to gigabytes without a line or a word ending: read in little memory, whole, and counted."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from fuzz.seeds import PACK

MEMBER = 16 << 20  # bytes of text that are compressed once; the file repeats them, as all four formats allow
CEILING = 256  # MB of addresses beyond what the warm process has: the kernel refuses more
GROWTH = 128  # MB in memory

CONTENTS = {"one word": b"x" * 64, "one line": b"w" * 63 + b" ", "spaces": b" " * 64}
READ = """
import json, os, resource, sys, time
from pathlib import Path
from w2v.corpus import LineSentence, encode
from w2v.errors import CorpusError
small, big, ceiling = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) << 20
def read(path):
    try:
        vocab, corpus = encode(path, min_count=1, memory_limit=0)  # the text's words on disk: 134 MB for 2 GB
    except CorpusError as error:
        return f"{error}; {error.hint}"
    with corpus:
        return len(vocab), corpus.raw_words
def lines(path):
    return sum(map(len, LineSentence(path)))
read(small), lines(small)  # compiles what is compiled, imports what is imported on first use
most = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + ceiling
resource.setrlimit(resource.RLIMIT_AS, (most, most))
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
found = read(big), lines(big)
growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([found, growth / 1024, time.monotonic() - began]))
"""


def bomb(folder, content: str, kind: str, size: int):
    """A small file that holds `size` bytes."""
    member = PACK[kind](CONTENTS[content] * (MEMBER // 64))
    path = folder / "bomb"
    with path.open("wb") as file:
        for _ in range(size // MEMBER):
            file.write(member)
    assert path.stat().st_size * 50 < size
    return path


def read(folder, content: str, kind: str, size: int) -> None:
    """By encode() and by LineSentence."""
    (folder / "small").write_bytes(PACK[kind](b"one two\n"))
    command = [sys.executable, "-c", READ, folder / "small", bomb(folder, content, kind, size), str(CEILING)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (encoded, sentences), growth, seconds = json.loads(done.stdout)
    sys.stdout.write(f"{size >> 20} MB, {content}, {kind}: {growth:.0f} MB, {seconds:.1f} s\n")
    words = size // 64 if content == "one line" else 0
    assert sentences == words
    if content == "one line":
        assert encoded == [1, words]
    elif content == "one word":
        assert encoded.startswith("all 1 words read are longer than 1,000 bytes")
    else:
        assert encoded == f"the corpus holds no words; read: {size:,} bytes, 1 lines"
    assert growth < GROWTH


@pytest.mark.compiled
@pytest.mark.parametrize(("content", "kind"), [("one word", "gz"), ("one line", "xz"), ("spaces", "zst")])
def test_64_megabytes_are_read_in_little_memory(tmp_path, content, kind):
    read(tmp_path, content, kind, 64 << 20)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("content", CONTENTS)
def test_2_gigabytes_are_read_in_little_memory(tmp_path, content, kind):
    read(tmp_path, content, kind, 2 << 30)
