"""kernels/cache.py: what lies in the cache of compiled kernels is what was put there, whoever else writes to it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from w2v.kernels.cache import Files, stamp


def files(folder: Path, stamp: str = "source 1") -> Files:
    return Files(str(folder), "kernel", stamp)


def test_what_is_saved_is_loaded(tmp_path):
    for key in range(3):
        files(tmp_path).save(key, f"code {key}")
    files(tmp_path).save(1, "code 1, again")
    assert [files(tmp_path).load(key) for key in range(4)] == ["code 0", "code 1, again", "code 2", None]
    assert len(list(tmp_path.iterdir())) == 4


def test_a_new_version_of_the_source_never_finds_old_code(tmp_path, monkeypatch):
    """numba wrote the new index first: a process killed then, or one that looked then, ran the code of the old source."""
    files(tmp_path).save("key", "old code")
    new = files(tmp_path, "source 2")
    assert new.load("key") is None

    def killed(*_):
        raise KeyboardInterrupt

    for step in ("_save_data", "_save_index"):
        with monkeypatch.context() as patch:
            patch.setattr(Files, step, killed)
            with pytest.raises(KeyboardInterrupt):
                new.save("key", "new code")
        assert new.load("key") is None
        assert files(tmp_path).load("key") is None
    new.save("key", "new code")
    assert new.load("key") == "new code"


def test_code_is_as_old_as_the_files_it_may_be_made_of(tmp_path):
    """A change in a file of helpers must not leave a kernel's old code in use."""
    for name in ("kernel.py", "helper.py"):
        (tmp_path / name).write_text("one = 1\n")
    before = stamp(tmp_path)
    (tmp_path / "helper.py").write_text("one = 2\n")
    stamp.cache_clear()
    assert stamp(tmp_path) != before


@pytest.mark.parametrize("name", ["kernel.nbi", "kernel.1.nbc"])
@pytest.mark.parametrize("damage", [b"", b"\x80\x05", b"no pickle"])
def test_what_cannot_be_read_is_made_again(tmp_path, name, damage):
    files(tmp_path).save("key", "code")
    (tmp_path / name).write_bytes(damage)
    assert files(tmp_path).load("key") is None
    files(tmp_path).save("key", "code")
    assert files(tmp_path).load("key") == "code"


def test_a_full_disk_costs_the_cache_and_not_the_run(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Files, "_dump", full)
    files(tmp_path).save("key", "code")
    assert files(tmp_path).load("key") is None
    assert list(tmp_path.iterdir()) == []


WRITER = """
import sys
from w2v.kernels.cache import Files, stamp
folder, number = sys.argv[1], int(sys.argv[2])
sys.stdin.read()
for k in range(20):
    Files(folder, "kernel", "source").save((number, k), f"code {number} {k}")
"""


def test_processes_that_write_at_once_get_what_they_wrote(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(n)], stdin=subprocess.PIPE) for n in range(3)]
    for writer in writers:
        writer.stdin.close()
    assert [writer.wait(120) for writer in writers] == [0] * 3
    found = Files(str(tmp_path), "kernel", "source")
    for n in range(3):
        for k in range(20):
            assert found.load((n, k)) == f"code {n} {k}"
    assert len(list(tmp_path.iterdir())) == 61


COMPILER = """
import numpy as np
from w2v.corpus.second_pass import fingerprint
print(fingerprint(np.arange(5, dtype=np.int32), 0, 5), sum(fingerprint.stats.cache_hits.values()))
"""


@pytest.mark.compiled
def test_two_processes_compile_one_kernel_into_an_empty_cache(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    line = [sys.executable, "-c", COMPILER]
    both = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    answers = [compiler.communicate(timeout=120)[0].split() for compiler in both]
    assert [compiler.returncode for compiler in both] == [0, 0]
    after = subprocess.run(line, capture_output=True, text=True, timeout=120, env=environment, check=True).stdout.split()
    assert {answer for answer, _ in answers} == {after[0]}
    assert after[1] == "1"
    assert sorted(p.suffix for p in tmp_path.rglob("*.nb*")) == [".nbc", ".nbi"]
