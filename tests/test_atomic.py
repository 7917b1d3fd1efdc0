"""atomic.py: a file is the old one or the new one, and nothing else is left in its directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from w2v import atomic

NAMELESS = pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="this system has no files without a name")


@pytest.fixture(params=["unnamed", "named"])
def way(request, monkeypatch):
    """Both ways to a temporary file: the second is that of systems and file systems that lack the first."""
    if request.param == "named":
        monkeypatch.setattr(atomic, "_unnamed", lambda directory: None)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("this system has no files without a name")
    return request.param


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def write(path: Path, then) -> None:
    with atomic.replacing(path) as file:
        file.write(b"new")
        then()


def interrupt():
    raise KeyboardInterrupt


def test_the_file_is_replaced_at_the_end_of_the_block(way, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic.replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        assert len(names(tmp_path)) == (1 if way == "unnamed" else 2)
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_a_failure_leaves_the_old_file_alone(way, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write(path, interrupt)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions_are_those_of_new_files(way, tmp_path, mask):
    before = os.umask(mask)
    try:
        with atomic.replacing(tmp_path / "file"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_directory_that_goes_while_it_is_written_to(way, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(FileNotFoundError):
        write(folder / "file", lambda: shutil.rmtree(folder))
    assert names(tmp_path) == []


def test_file_and_directory_are_synced_in_order(way, tmp_path, monkeypatch):
    """fsync of the file, rename, fsync of the directory: a power cut finds the old file or the whole new one."""
    events = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle):
        events.append("directory" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def note_replace(*args):
        events.append("rename")
        replace(*args)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    with atomic.replacing(tmp_path / "file") as file:
        file.write(b"new")
    assert events == ["file", "rename", "directory"]


@NAMELESS
def test_a_killed_writer_leaves_nothing_behind(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    program = (
        "import sys, time\nfrom w2v.atomic import replacing\nwith replacing(sys.argv[1]) as file:\n"
        "    file.write(bytes(1 << 20))\n    file.flush()\n    print('written', flush=True)\n    time.sleep(60)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "file")], stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "written\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_leftovers_of_writers_with_named_files_are_found(tmp_path):
    for name in ("file", ".file.ab12.part", ".other.ab12.part", ".file.txt"):
        (tmp_path / name).touch()
    assert [p.name for p in atomic.leftovers(tmp_path / "file")] == [".file.ab12.part"]
