"""Real runs, killed at random moments: the last checkpoint is whole, and the vectors at the end are those of a run that was
never disturbed, bit for bit.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from runs_cli import command, names, run

from w2v import checkpoint
from w2v.train import Position

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc at what a process has open")

# Due at every look at the clock, ten times a second: much of the time of such a run goes into checkpoints.
OFTEN = ("--checkpoint-every", "1kw")


@dataclass
class Tally:
    """What the kills met."""

    before_training: int = 0  # there was no checkpoint yet
    while_writing: int = 0  # a file in the directory of the checkpoints was open for writing
    other: int = 0
    resumed: int = 0
    ended: int = 0  # runs that came to their end

    @property
    def kills(self) -> int:
        return self.before_training + self.while_writing + self.other


def kill_and_resume(options: list, output: Path, whole: bytes, kills: int, reach: float, seed: int) -> Tally:
    """Start a run again and again until it was killed so often, each time after a random time, up to `reach` seconds beyond
    what it takes to the first checkpoint; then let it end. One that ends before starts anew. Every end has the same vectors.
    """
    rng, tally, folder, before = random.Random(seed), Tally(), output.with_name("kept"), Position()
    startup = 0.0
    while True:
        going_on = (folder / checkpoint.FILE).exists()
        tally.resumed += going_on
        began = time.monotonic()
        process = _spawn([*options, "-o", output, "--resume" if going_on else "--checkpoint", folder])
        if tally.kills == kills:
            _, status = os.waitpid(process, 0)
        else:
            if startup:
                early = rng.random() < 0.1
                time.sleep(rng.uniform(0, startup) if early else startup * 0.7 + rng.uniform(0, startup * 0.3 + reach))
            else:
                _wait_for(folder / checkpoint.FILE, process)
                startup = time.monotonic() - began
            status = _kill(process, folder, tally)
        if status is None:
            if (folder / checkpoint.FILE).exists():
                now = checkpoint.load(folder).position  # the checksum, too
                assert now >= before, "the checkpoint went back"
                before = now
            continue
        assert os.waitstatus_to_exitcode(status) == 0
        assert output.read_bytes() == whole
        assert names(folder) == [checkpoint.FILE]
        tally.ended, before = tally.ended + 1, Position()
        if tally.kills == kills:
            return tally
        shutil.rmtree(folder)
        output.unlink()


def _wait_for(path: Path, process: int) -> None:
    while not path.exists():
        assert os.waitpid(process, os.WNOHANG) == (0, 0), f"it ended without {path}"
        time.sleep(0.01)


def _spawn(arguments: list) -> int:
    """Start a process that says nothing; its number."""
    quiet = os.open(os.devnull, os.O_RDWR)
    line = command(*arguments)
    process = os.posix_spawn(line[0], line, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, quiet, n) for n in (0, 1, 2)])
    os.close(quiet)
    return process


def _kill(process: int, folder: Path, tally: Tally) -> int | None:
    """SIGSTOP, see what it is doing, SIGKILL. The status of a run that had ended, None for one that was killed."""
    os.kill(process, signal.SIGSTOP)
    _, status = os.waitpid(process, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        return status
    before, writing = not (folder / checkpoint.FILE).exists(), _is_writing(process, folder)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    if writing:
        tally.while_writing += 1
    elif before:
        tally.before_training += 1
    else:
        tally.other += 1
    return None


def _is_writing(process: int, folder: Path) -> bool:
    """Whether a file in the directory of the checkpoints is open for writing; its name, if any, begins like the directory's."""
    for number in os.listdir(f"/proc/{process}/fd"):
        try:
            place = os.readlink(f"/proc/{process}/fd/{number}")
            flags = Path(f"/proc/{process}/fdinfo/{number}").read_text()
        except OSError:
            continue
        mode = int(flags.split("flags:")[1].split()[0], 8) & os.O_ACCMODE
        if place.startswith(f"{folder}{os.sep}") and mode != os.O_RDONLY:
            return True
    return False


def check(austen: Path, tmp_path: Path, *, kills: int, epochs: int, size: int, reach: float, seed: int) -> Tally:
    options = ["train", austen, "--size", size, "--epochs", epochs, "--threads", 1, "--seed", 7, "-q"]
    done = run(*options, "-o", tmp_path / "whole.bin")
    assert done.returncode == 0, done.stderr
    whole = (tmp_path / "whole.bin").read_bytes()
    tally = kill_and_resume([*options, *OFTEN], tmp_path / "killed.bin", whole, kills, reach, seed)
    assert names(tmp_path) == ["kept", "killed.bin", "whole.bin"]
    return tally


@pytest.mark.compiled
def test_a_run_that_is_killed_a_few_times_ends_with_the_same_bits(austen, tmp_path):
    tally = check(austen, tmp_path, kills=4, epochs=5, size=24, reach=0.3, seed=random.randrange(1 << 32))
    assert tally.kills == 4


@pytest.mark.slow
def test_a_run_that_is_killed_fifty_times_ends_with_the_same_bits(austen, tmp_path, capsys):
    seed = int(os.environ.get("W2V_KILL_SEED", random.randrange(1 << 32)))
    tally = check(austen, tmp_path, kills=50, epochs=40, size=100, reach=1.0, seed=seed)
    with capsys.disabled():
        sys.stdout.write(f"\nseed {seed}: {tally}\n")
    assert tally.kills == 50
    assert tally.while_writing >= 1, "no kill met a checkpoint being written: the test tests too little"
