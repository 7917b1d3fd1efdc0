"""What every input is held to: a value or a W2VError in one short line, in bounded time and memory. Owns the bounds.

Memory is what Python and numpy allocate, by tracemalloc; mapped files are not counted, as they take no more than the file.
tracemalloc takes three times as long as reading does. So the long runs measure one input in MEASURED by it, and for all inputs
have the kernel refuse what is far out of bounds (RLIMIT_AS, __main__.py): a MemoryError, which is a finding.
"""

from __future__ import annotations

import signal
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2v.errors import W2VError

from .targets import Target

# Buffers of some megabytes, where the size of what comes is not known; and so many bytes for one of the file: in a pickle
# one byte makes an empty dictionary, which takes 64, and with its place in a list and the memo 190.
FIXED, FACTOR = 12 << 20, 256
SECONDS = 2.0  # of processor time for an input of some kilobytes
HANG = 20  # when it is interrupted
LONGEST_MESSAGE = 2000  # characters
MEASURED = 8


class Hang(BaseException):
    """An input took too long."""


@dataclass(frozen=True)
class Verdict:
    """What became of one input."""

    refused: str | None  # the message, where it was refused
    seconds: float
    peak: int  # bytes


def judge(target: Target, path: Path, data: bytes, measure: bool = True) -> Verdict:
    """Read `data` as a file of the target. Raises AssertionError, Hang, or whatever escaped, for a finding."""
    target.place(path, data)
    if measure:
        tracemalloc.start()
    try:
        return _judge(target, path, len(data))
    finally:
        tracemalloc.stop()


def _judge(target: Target, path: Path, size: int) -> Verdict:
    began = time.process_time()
    refused = None
    with _interrupted():
        try:
            value = target.read(path)
        except W2VError as error:
            refused = str(error)
            _check_message(refused, error.hint)
        else:
            target.check(value)
            del value
    verdict = Verdict(refused, time.process_time() - began, tracemalloc.get_traced_memory()[1])
    assert verdict.peak < FIXED + FACTOR * size, f"{verdict.peak:,} bytes for an input of {size:,}"
    assert verdict.seconds < SECONDS, f"{verdict.seconds:.1f} s for an input of {size:,} bytes"
    return verdict


def _check_message(message: str, hint: Any) -> None:
    for text in (message, hint or "x"):
        assert text, "an error without a message"
        assert "\n" not in text, f"a message of several lines: {text[:200]!r}"
        assert len(text) <= LONGEST_MESSAGE, f"a message of {len(text):,} characters: {text[:200]!r}"


@contextmanager
def _interrupted() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise Hang(f"no answer in {HANG} s of processor time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
