"""memory.py: what a process can have, by the files that Linux keeps of it."""

from __future__ import annotations

import mmap
import platform
import re
import sys
import threading
import time
from pathlib import Path

import numba
import numpy as np
import pytest

from w2v import Word2Vec, memory
from w2v.errors import MemoryShortageError, W2VError

MIB = 1 << 20


def system(root: Path, files: dict[str, str]) -> Path:
    """A machine with 100 MiB left, and these files."""
    for name, text in {"proc/meminfo": f"MemTotal: 900000 kB\nMemFree: 5 kB\nMemAvailable: {100 * 1024} kB\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def v2(folder: str, limit: str, used: int, cache: int = 0) -> dict[str, str]:
    at = f"sys/fs/cgroup/{folder}"
    return {
        f"{at}/memory.max": f"{limit}\n",
        f"{at}/memory.current": f"{used}\n",
        f"{at}/memory.stat": f"anon 7\ninactive_file {cache}\n",
    }


def v1(folder: str, limit: int, used: int, cache: int = 0) -> dict[str, str]:
    at = f"sys/fs/cgroup/memory/{folder}"
    return {
        f"{at}/memory.limit_in_bytes": f"{limit}\n",
        f"{at}/memory.usage_in_bytes": f"{used}\n",
        f"{at}/memory.stat": f"inactive_file 3\ntotal_inactive_file {cache}\n",
    }


@pytest.mark.parametrize(
    ("files", "mib"),
    [
        ({}, 100),
        ({"proc/self/cgroup": "0::/a/b\n", **v2("a/b", "max", 9), **v2("a", "max", 9)}, 100),
        ({"proc/self/cgroup": "0::/a/b\n", **v2("a/b", str(50 * MIB), 20 * MIB)}, 30),
        ({"proc/self/cgroup": "0::/a/b\n", **v2("a/b", str(50 * MIB), 20 * MIB, 5 * MIB)}, 35),
        ({"proc/self/cgroup": "0::/a/b\n", **v2("a/b", "max", 9), **v2("a", str(40 * MIB), 0)}, 40),
        ({"proc/self/cgroup": "0::/\n", **v2(".", str(10 * MIB), 4 * MIB)}, 6),
        ({"proc/self/cgroup": "0::/of/the/host\n", **v2(".", str(10 * MIB), 4 * MIB)}, 6),
        ({"proc/self/cgroup": "0::/a\n", **v2("a", str(10 * MIB), 12 * MIB)}, 0),
        ({"proc/self/cgroup": "5:cpu:/c\n4:memory:/c\n0::/\n", **v1("c", 30 * MIB, 20 * MIB, 1 * MIB)}, 11),
        ({"proc/self/cgroup": "4:hugetlb,memory:/of/the/host\n", **v1(".", 30 * MIB, 20 * MIB)}, 10),
        ({"proc/self/cgroup": "4:memory:/c\n", **v1("c", 2**63 - 4096, 20 * MIB)}, 100),
    ],
)
def test_the_tightest_room_counts(tmp_path, files, mib):
    assert memory.available(system(tmp_path, files)) == mib * MIB


def test_a_system_that_says_nothing_is_asked_nothing(tmp_path, monkeypatch):
    assert memory.available(tmp_path) is None
    monkeypatch.setattr(memory, "available", lambda: None)
    memory.demand(1 << 80, "all of it", "")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")
def test_this_machine_has_some():
    assert MIB < memory.available() < 1 << 50


def test_a_model_that_does_not_fit_is_refused_with_the_figure(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 5000)
    with pytest.raises(MemoryShortageError, match="takes 5,760,000 bytes of memory, and 5,000 are available") as caught:
        Word2Vec([["a", "b", "c"]], min_count=1, vector_size=240_000)
    assert isinstance(caught.value, W2VError)
    assert isinstance(caught.value, MemoryError)
    assert "vector size" in caught.value.hint


def resident(library: str) -> int:
    """KiB of a library's code in this process's memory."""
    found = re.findall(rf" r-xp .*/{library}\S*\n(?:.*\n)*?Rss: +(\d+) kB", Path("/proc/self/smaps").read_text())
    assert found, f"{library} is not loaded"
    return sum(map(int, found))


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not say what is in memory")
@pytest.mark.compiled
def test_the_compiler_s_code_is_given_back_and_still_works():
    numba.njit(lambda x: x + 1)(1)
    before = resident("libllvmlite")
    memory.drop_compiler()
    assert resident("libllvmlite") < before / 4
    assert numba.njit(lambda x: x + 2)(1) == 3


def test_only_what_nobody_ever_wrote_to_is_dropped():
    def mapping(at: int, rights: str, name: str, anonymous: int) -> str:
        head = f"{at:x}000-{at + 1:x}000 {rights} 00010000 fe:00 53259 {name}"
        return f"{head}\nRss:                   8 kB\nAnonymous:             {anonymous} kB\n"

    library, other = "/a b/libllvmlite.so", "/lib/libc.so.6"
    text = mapping(1, "r--p", library, 0) + mapping(3, "r-xp", library, 0) + mapping(5, "r--p", library, 4)
    text += mapping(7, "rw-p", library, 0) + mapping(9, "r-xp", other, 0) + mapping(11, "r-xp", library, 0)
    text += "f000-10000 r-xp 00000000 00:00 0\nAnonymous:             0 kB\n"
    assert list(memory._unwritten(text, "libllvmlite")) == [(0x1000, 0x2000), (0x3000, 0x4000), (0xB000, 0xC000)]
    assert list(memory._unwritten("", "libllvmlite")) == []


def in_memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


POPULATES = sys.platform == "linux" and tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (5, 14)


@pytest.mark.skipif(not POPULATES, reason="the system makes pages only when they are touched")
def test_pages_are_there_before_they_are_written_to():
    before, block = in_memory(), np.empty(96 * MIB, np.uint8)
    assert in_memory() - before < 32 * MIB, "they were there from the start"
    with memory.PagesAhead(block):
        late = time.monotonic() + 10
        while in_memory() - before < 90 * MIB and time.monotonic() < late:
            time.sleep(0.001)
    assert in_memory() - before >= 90 * MIB


@pytest.mark.skipif(not POPULATES, reason="the system makes pages only when they are touched")
def test_pages_are_no_longer_asked_for_when_nobody_needs_them():
    before, block = in_memory(), np.empty(1024 * MIB, np.uint8)
    with pytest.raises(W2VError), memory.PagesAhead(block):
        raise W2VError("the file is damaged")
    assert in_memory() - before < 512 * MIB


@pytest.mark.parametrize("size", [0, 1, 4097])
def test_small_blocks_and_their_ends_stay_as_they_are(size):
    block = np.arange(size + 2 * 4096, dtype=np.uint32)
    with memory.PagesAhead(block[4096 : 4096 + size]):
        pass
    assert (block == np.arange(size + 2 * 4096)).all()


def test_where_no_thread_can_begin_pages_come_as_ever(monkeypatch):
    def none_left(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    block = np.empty(MIB, np.uint8)
    with memory.PagesAhead(block):
        block[:] = 7
    assert (block == 7).all()
