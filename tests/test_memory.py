"""memory.py: what a process can have, by the files that Linux keeps of it."""

from __future__ import annotations

import sys
from pathlib import Path

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
