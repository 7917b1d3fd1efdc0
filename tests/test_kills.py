"""Real runs, killed at random moments: the last checkpoint is whole, and the vectors at the end are those of a run that was
never disturbed, bit for bit.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from runs_cli import command, names, run

from w2v import checkpoint
from w2v.train import Position

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc at what a process has open")

# 1kw is due at every look at the clock, ten times a second: much of the time of such a run goes into checkpoints.
OFTEN = ("--checkpoint-every", "1kw")


@dataclass
class Tally:
    """What the kills met."""

    before_training: int = 0
    while_writing: int = 0  # the file of a checkpoint was open for writing
    other: int = 0
    resumed: int = 0
    ended: int = 0  # runs that came to their end before the kill
    places: list[Position] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.before_training + self.while_writing + self.other


def kill_and_resume(options: list, tmp_path: Path, kills: int, reach: float, seed: int) -> Tally:
    """Start the run again and again, each time killed after a random time of up to `reach` seconds of training, until it has
    been killed so often; then let it end.
    """
    rng, tally, folder = random.Random(seed), Tally(), tmp_path / "kept"
    startup = None
    while tally.kills < kills:
        going_on = (folder / checkpoint.FILE).exists()
        began = time.monotonic()
        arguments = [*options, "--resume" if going_on else "--checkpoint", folder]
        process = _spawn(arguments)
        if startup is None:  # the first is given the time to write one, which says how long a run takes to get there
            while not (folder / checkpoint.FILE).exists():
                assert os.waitpid(process, os.WNOHANG) == (0, 0), "it ended without a checkpoint"
                time.sleep(0.01)
            startup = time.monotonic() - began
        elif rng.random() < 0.1:
            time.sleep(rng.uniform(0, startup))
        else:
            time.sleep(startup * 0.8 + rng.uniform(0, reach))
        tally.resumed += going_on
        _kill(process, folder, tally, tmp_path)
        if (folder / checkpoint.FILE).exists():
            tally.places.append(checkpoint.load(folder).position)  # the checksum, too
    done = run(*options, "--resume", folder)
    assert done.returncode == 0, done.stderr
    assert tally.places == sorted(tally.places), "a checkpoint went back"
    return tally


def _spawn(arguments: list) -> int:
    """Start a process that says nothing; its number."""
    quiet = os.open(os.devnull, os.O_RDWR)
    line = command(*arguments)
    process = os.posix_spawn(line[0], line, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, quiet, n) for n in (0, 1, 2)])
    os.close(quiet)
    return process


def _kill(process: int, folder: Path, tally: Tally, tmp_path: Path) -> None:
    """SIGSTOP, see what it is doing, SIGKILL."""
    os.kill(process, signal.SIGSTOP)
    _, status = os.waitpid(process, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        assert os.waitstatus_to_exitcode(status) == 0
        tally.ended += 1
        raise AssertionError(f"the run ended after {tally.kills} kills: it is too short for this test")
    before, writing = not any(p.name == "checkpoint.w2v" for p in _names(folder)), _is_writing(process, folder)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    if writing:
        tally.while_writing += 1
    elif before:
        tally.before_training += 1
    else:
        tally.other += 1


def _names(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_writing(process: int, folder: Path) -> bool:
    """Whether a file in the directory of the checkpoints is open for writing; its name, if any, begins like the directory's."""
    for entry in os.scandir(f"/proc/{process}/fd"):
        try:
            place, flags = os.readlink(entry.path), Path(f"/proc/{process}/fdinfo/{entry.name}").read_text()
        except OSError:
            continue
        mode = int(flags.split("flags:")[1].split()[0], 8) & os.O_ACCMODE
        if place.startswith(f"{folder}{os.sep}") and mode != os.O_RDONLY:
            return True
    return False


def options_of(austen: Path, output: Path, epochs: int, size: int) -> list:
    return ["train", austen, "-o", output, "--size", size, "--epochs", epochs, "--threads", 1, "--seed", 7, "-q", *OFTEN]


def check(austen: Path, tmp_path: Path, *, kills: int, epochs: int, size: int, reach: float, seed: int) -> Tally:
    whole = options_of(austen, tmp_path / "whole.bin", epochs, size)
    done = run(*whole, "--checkpoint", tmp_path / "whole")
    assert done.returncode == 0, done.stderr
    tally = kill_and_resume(options_of(austen, tmp_path / "killed.bin", epochs, size), tmp_path, kills, reach, seed)
    assert (tmp_path / "killed.bin").read_bytes() == (tmp_path / "whole.bin").read_bytes()
    assert names(tmp_path / "kept") == [checkpoint.FILE]
    assert names(tmp_path) == ["kept", "killed.bin", "whole", "whole.bin"]
    return tally


def test_a_run_that_is_killed_a_few_times_ends_with_the_same_bits(austen, tmp_path):
    tally = check(austen, tmp_path, kills=4, epochs=12, size=24, reach=0.3, seed=random.randrange(1 << 32))
    assert tally.kills == 4


@pytest.mark.slow
def test_a_run_that_is_killed_fifty_times_ends_with_the_same_bits(austen, tmp_path, capsys):
    seed = int(os.environ.get("W2V_KILL_SEED", random.randrange(1 << 32)))
    tally = check(austen, tmp_path, kills=50, epochs=150, size=100, reach=1.0, seed=seed)
    with capsys.disabled():
        sys.stdout.write(f"\nseed {seed}: {tally}\n")
    assert tally.kills == 50
    assert tally.while_writing >= 3, "too few kills met a checkpoint being written: the test tests too little"
