"""Processes that do the same at the same time: each gets what it would have got alone, or a clear refusal."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runs_cli import is_one_error, names, run, start, wait_for

from w2v import KeyedVectors, checkpoint, formats

TEXT = "the cat sat on the mat\nthe dog sat on the log\n" * 60
SMALL = ("--size", "8", "--min-count", "1", "--epochs", "2", "--threads", "1", "--sample", "0")
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="locks of Linux")


@pytest.fixture
def text(tmp_path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    return tmp_path / "text.txt"


def test_two_runs_into_one_file(text, tmp_path):
    """One of the two is there at the end, whole."""
    options = ["train", text, *SMALL]
    both = [start(*options, "-o", tmp_path / "m.bin", "--seed", seed) for seed in (1, 2)]
    for one in both:
        one.communicate(timeout=120)
        assert one.returncode == 0
    assert names(tmp_path) == ["m.bin", "text.txt"]
    alone = []
    for seed in (1, 2):
        assert run(*options, "-o", tmp_path / f"{seed}.bin", "--seed", seed).returncode == 0
        alone.append((tmp_path / f"{seed}.bin").read_bytes())
    assert (tmp_path / "m.bin").read_bytes() in alone
    assert alone[0] != alone[1]


@LINUX
@pytest.mark.parametrize("option", ["--checkpoint", "--resume"])
def test_two_runs_with_one_directory_of_checkpoints(text, tmp_path, option):
    """The second is refused while the first lives; one that was killed is in nobody's way."""
    options = ["train", text, *SMALL, "--epochs", 10_000_000, "--checkpoint-every", "1kw"]
    first = start(*options, "-o", tmp_path / "a.bin", "--checkpoint", tmp_path / "kept")
    wait_for(first, "epoch 1 ")
    while not (tmp_path / "kept" / checkpoint.FILE).exists():
        wait_for(first, "epoch ")
    second = run(*options, "-o", tmp_path / "b.bin", option, tmp_path / "kept")
    assert second.returncode == 1
    is_one_error(second.stderr, "another run keeps its checkpoints here")
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=120)
    third = start(*options, "-o", tmp_path / "b.bin", "--resume", tmp_path / "kept")
    wait_for(third, "going on in epoch ")
    wait_for(third, "epoch ")
    third.send_signal(signal.SIGTERM)
    third.communicate(timeout=120)
    assert third.returncode == 143
    assert names(tmp_path) == ["b.bin", "kept", "text.txt"]


READER = """
import sys
import numpy as np
from w2v import formats
seen = set()
while True:
    matrix = formats.load(sys.argv[1]).vectors
    values = np.unique(matrix)
    assert matrix.shape == (500, 40) and len(values) == 1, (matrix.shape, values[:5])
    seen.add(float(values[0]))
    if not (seen - {0.0, 99.0}):
        print("reading", flush=True)
    if 99.0 in seen:
        break
print(len(seen))
"""


def test_readers_of_a_model_that_is_replaced(tmp_path):
    """Two processes map it while a third replaces it again and again: every matrix they see is of one model."""
    path = tmp_path / "m.w2v"

    def write(value: float) -> None:
        words = [f"w{k}" for k in range(500)]
        formats.save(KeyedVectors.from_arrays(words, np.full((500, 40), value, np.float32)), path)

    write(0)
    line = [sys.executable, "-c", READER, str(path)]
    readers = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for reader in readers:
        assert reader.stdout.readline() == "reading\n"
    for value in range(1, 100):
        write(value)
    for reader in readers:
        answers = reader.communicate(timeout=120)[0].split("\n")
        assert reader.returncode == 0
        assert int(answers[-2]) >= 3, "it hardly saw the file change: the test tests nothing"
    assert names(tmp_path) == ["m.w2v"]
