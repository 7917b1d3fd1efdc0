"""What can go wrong under a run of `w2v train`: one line says so, the exit code is not 0, what was there before is there still,
and nothing else is left.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import zstandard
from click.testing import CliRunner
from runs_cli import is_one_error, names, run, start, wait_for

from w2v import checkpoint, corpus, memory
from w2v.cli import main

TEXT = "the cat sat on the mat\nthe dog sat on the log\n" * 60
SMALL = ("--size", "8", "--min-count", "1", "--epochs", "2", "--threads", "1", "--sample", "0")
ENDLESS = ("--epochs", "10000000")
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")


def w2v(*arguments):
    """The command in this process."""
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A directory with a text and the vectors of an earlier run; TMPDIR beside it, watched, too."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    home = tmp_path / "home"
    (home / "text.txt").write_text(TEXT, encoding="utf-8")
    (home / "m.bin").write_bytes(b"1 1\nearlier \0\0\0\0\n")
    return home


def is_as_before(home: Path, *more: str) -> None:
    """Only the text, the vectors of the earlier run, and what is named; nothing in TMPDIR."""
    assert (home / "m.bin").read_bytes() == b"1 1\nearlier \0\0\0\0\n"
    assert names(home) == sorted(["text.txt", "m.bin", *more])
    assert names(home.parent / "tmp") == []


# --- a full disk --------------------------------------------------------------------------------------------------------


def full_after(size: int):
    """For a child process: no file may grow beyond this, as on a disk that is full (EFBIG where a disk says ENOSPC)."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@LINUX
@pytest.mark.parametrize("name", ["m.bin", "m.w2v", "m.txt.gz"])
def test_a_disk_full_while_vectors_are_written(home, name):
    (home / name).write_bytes(before := (home / "m.bin").read_bytes())
    done = run("train", home / "text.txt", "-o", home / name, *SMALL, "--size", 4000, preexec_fn=full_after(20_000))
    assert done.returncode == 1
    is_one_error(done.stderr, f"cannot write {home / name}: File too large", "--checkpoint")
    assert (home / name).read_bytes() == before
    is_as_before(home, *({name} - {"m.bin"}))


@LINUX
def test_a_run_whose_vectors_could_not_be_written_is_not_lost(home):
    """The checkpoint of its end is written first, on a disk of its own here; --resume writes the vectors elsewhere."""
    options = ["train", home / "text.txt", *SMALL]
    done = run(*options, "-o", "/dev/full", "--format", "word2vec-bin", "--checkpoint", home / "kept")
    assert done.returncode == 1
    is_one_error(done.stderr, "/dev/full: No space left", f"--resume {home / 'kept'}")
    again = run(*options, "-o", home / "n.bin", "--resume", home / "kept")
    assert again.returncode == 0, again.stderr
    assert "come to its end" in again.stderr
    assert w2v(*options, "-o", home / "whole.bin").exit_code == 0
    assert (home / "n.bin").read_bytes() == (home / "whole.bin").read_bytes()
    is_as_before(home, "kept", "n.bin", "whole.bin")


@LINUX
def test_a_disk_full_while_a_checkpoint_is_written(home):
    """The one before stays, and a run goes on from it."""
    options = ["train", home / "text.txt", "-o", home / "m.bin", *SMALL, "--size", 4000, *ENDLESS]
    options += ["--checkpoint-every", "1kw"]
    first = start(*options, "--checkpoint", home / "kept")
    wait_for(first, "epoch 20 ")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    before = checkpoint.load(home / "kept")
    done = run(*options, "--resume", home / "kept", preexec_fn=full_after(100_000))
    assert done.returncode == 1
    is_one_error(done.stderr, "checkpoint.w2v: File too large", "make room", f"--resume {home / 'kept'}")
    assert checkpoint.load(home / "kept").position == before.position
    assert names(home / "kept") == [checkpoint.FILE]
    is_as_before(home, "kept")


@LINUX
def test_a_disk_full_while_the_corpus_is_spilled(home):
    """34 million words, which are kept in a temporary file; as a text of a few kilobytes."""
    (home / "text.txt").write_bytes(gzip.compress(b"a b\n" * 1000, 9) * 17_000)
    done = run("train", home / "text.txt", "-o", home / "m.bin", *SMALL, preexec_fn=full_after(1 << 20))
    assert done.returncode == 1
    is_one_error(done.stderr, "cannot keep the encoded corpus in", "File too large", "TMPDIR")
    is_as_before(home)


# --- directories --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [False, True])
def test_an_output_directory_that_goes_during_training(home, kept):
    (home / "out").mkdir()
    options = ["train", home / "text.txt", "-o", home / "out" / "m.bin", *SMALL, *ENDLESS]
    going = start(*options, *(("--checkpoint", home / "kept") if kept else ()))
    wait_for(going, "epoch 1 ")
    shutil.rmtree(home / "out")
    going.send_signal(signal.SIGTERM)
    _, errors = going.communicate(timeout=120)
    assert going.returncode == 1
    is_one_error(
        errors.split("epoch")[-1].split("\n", 1)[1], f"cannot write {home / 'out' / 'm.bin'}", "no such file or directory"
    )
    assert f"--resume {home / 'kept'}" in errors if kept else "with --checkpoint DIR" in errors
    is_as_before(home, *(["kept"] if kept else []))


def test_a_checkpoint_directory_that_goes_during_training_is_made_again(home):
    going = start("train", home / "text.txt", "-o", home / "n.bin", *SMALL, *ENDLESS, "--checkpoint", home / "kept")
    wait_for(going, "epoch 1 ")
    shutil.rmtree(home / "kept")
    going.send_signal(signal.SIGTERM)
    going.communicate(timeout=120)
    assert going.returncode == 143
    assert checkpoint.load(home / "kept").position > (0, 0)


@pytest.mark.parametrize("option", ["-o", "--checkpoint", "--save-vocab"])
def test_a_directory_that_cannot_be_written_to_is_found_before_the_corpus_is_read(home, option, monkeypatch):
    monkeypatch.setattr(corpus, "encode", lambda *_, **__: pytest.fail("it was read"), raising=False)
    place = home / "closed"
    place.mkdir()
    if os.geteuid() == 0:  # whom permissions do not stop
        place = Path("/proc")
    else:
        place.chmod(0o555)
    options = ["-o", home / "m.bin"] if option != "-o" else []
    done = w2v("train", home / "text.txt", *options, option, place / "new", *SMALL)
    assert done.exit_code == 1
    is_one_error(done.stderr, "cannot write", str(place))
    is_as_before(home, "closed")


# --- the corpus ---------------------------------------------------------------------------------------------------------


@pytest.mark.compiled
def test_a_text_that_is_cut_while_training_goes_on_is_of_no_interest(home):
    """It was read once, before; the same run on the whole text gives the same vectors."""
    options = ["train", home / "text.txt", *SMALL, "--epochs", 1000]
    whole = run(*options, "-o", home / "whole.bin")
    assert whole.returncode == 0
    going = start(*options, "-o", home / "n.bin")
    wait_for(going, "epoch 1 ")
    (home / "text.txt").write_bytes(b"")
    going.communicate(timeout=120)
    assert going.returncode == 0
    assert (home / "n.bin").read_bytes() == (home / "whole.bin").read_bytes()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """A directory with a text and the checkpoint and vectors of a run that Ctrl-C stopped."""
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "text.txt").write_text(TEXT)
    going = start("train", folder / "text.txt", "-o", folder / "m.bin", *SMALL, *ENDLESS, "--checkpoint", folder / "kept")
    wait_for(going, "epoch 1 ")
    going.send_signal(signal.SIGINT)
    going.communicate(timeout=120)
    assert going.returncode == 130
    return folder


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (TEXT[: len(TEXT) // 2], [], ["words read were 720 and are now 360"]),
        (TEXT.replace("mat", "cat"), [], ["types were 7 and are now 6"]),
        (TEXT.replace("on the mat", "the mat on"), [], ["as many words"]),
        (TEXT, ["--max-sentence-length", "3"], ["as many words", "--max-sentence-length"]),
        (TEXT, ["--alpha", "0.01"], ["alpha was None and is now 0.01"]),
    ],
    ids=["cut", "fewer types", "another order", "--max-sentence-length", "--alpha"],
)
def test_a_run_is_not_resumed_on_another_text_or_with_other_options(stopped, text, options, words):
    kept, vectors = (stopped / "kept" / checkpoint.FILE).read_bytes(), (stopped / "m.bin").read_bytes()
    (stopped / "text.txt").write_text(text)
    command = ["train", stopped / "text.txt", "-o", stopped / "m.bin", *SMALL, *ENDLESS]
    done = w2v(*command, *options, "--resume", stopped / "kept")
    assert done.exit_code == 1
    is_one_error(done.stderr.split("\n", 1)[1], "not the run of the checkpoint", *words)
    assert (stopped / "kept" / checkpoint.FILE).read_bytes() == kept
    assert (stopped / "m.bin").read_bytes() == vectors
    assert names(stopped) == ["kept", "m.bin", "text.txt"]


COMPRESS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}


@pytest.mark.parametrize("damage", ["cut", "checksum", "content"])
@pytest.mark.parametrize("kind", COMPRESS)
def test_a_compressed_text_that_breaks_off_or_fails_its_checksum(home, kind, damage):
    letters = np.random.default_rng(1).integers(97, 123, 400_000, np.uint8)
    letters[::5] = 32
    data = bytearray(COMPRESS[kind](letters.tobytes()))
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[len(data) // 2 if damage == "content" else checksum_at(kind, data)] ^= 1
    (home / "text.txt").write_bytes(data)
    done = w2v("train", home / "text.txt", "-o", home / "m.bin", *SMALL, "--checkpoint", home / "kept")
    assert done.exit_code == 1
    is_one_error(done.stderr, f"cannot read {home / 'text.txt'} after", "bytes of text")
    is_as_before(home)


def checksum_at(kind: str, data: bytes) -> int:
    """Where a checksum lies: at the end, of the text (zstd) or of the streams within (bzip2); xz has that of the block before
    its index, whose size is in the footer (the .xz file format, 1.2.1).
    """
    if kind == "gzip":
        return len(data) - 8  # CRC32, then the length
    if kind == "xz":
        return len(data) - 12 - (int.from_bytes(data[-8:-4], "little") + 1) * 4 - 1
    return len(data) - 2


# --- memory and numbers -------------------------------------------------------------------------------------------------


def test_a_model_larger_than_the_memory_is_refused_with_the_figure(home):
    done = w2v("train", home / "text.txt", "-o", home / "m.bin", *SMALL, "--size", 10**12, "--checkpoint", home / "kept")
    assert done.exit_code == 1
    is_one_error(done.stderr.split("\n", 1)[1], "takes 56,000,000,000,000 bytes of memory", "are available", "vector size")
    is_as_before(home)


def test_a_checkpoint_larger_than_the_memory_is_refused_with_the_figure(home, monkeypatch):
    options = ["train", home / "text.txt", "-o", home / "n.bin", *SMALL]
    assert w2v(*options, "--checkpoint", home / "kept").exit_code == 0
    monkeypatch.setattr(memory, "available", lambda: 895)
    done = w2v(*options, "--resume", home / "kept")
    assert done.exit_code == 1
    is_one_error(done.stderr, "takes 896 bytes of memory, and 895 are available")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("options", [[], ["--cbow"], ["--hs", "--negative", "0", "--saturation", "none"]], ids=str)
def test_a_run_that_diverges_leaves_vectors_and_checkpoint_as_they_were(home, options, threads):
    kept = ["--checkpoint", home / "kept", "--checkpoint-every", "1kw"]
    common = ["train", home / "text.txt", "-o", home / "m.bin", *SMALL, *options, "--threads", threads, "--epochs", 1]
    done = w2v(*common, "--alpha", "1e25", "--min-alpha", "1e25", *kept)
    assert done.exit_code == 1
    is_one_error(done.stderr.split("\n", 1)[1], "not finite any more", "alpha")
    is_as_before(home)
