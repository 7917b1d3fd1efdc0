"""Progress on standard error: a line an epoch, and a bar on terminals. And the two signals that end a run in order."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from .console import say

if TYPE_CHECKING:
    from ..train import Progress, Result


class Bar:
    """A tqdm bar that is there on terminals only; `quiet` leaves out the lines of epochs, too."""

    def __init__(self, what: str, unit: str, quiet: bool) -> None:
        from tqdm import tqdm

        self.quiet = quiet
        # disable=None: drawn on a terminal only
        self.bar = tqdm(desc=what, unit=unit, unit_scale=True, file=sys.stderr, disable=True if quiet else None,
                        dynamic_ncols=True, leave=False)  # fmt: skip

    def read(self, done: int, total: int | None, words: int) -> None:
        """Progress of reading the corpus, in bytes."""
        if not self.bar.disable:
            self.bar.total = total
            self.bar.set_postfix_str(f"{words / 1e6:,.1f} M words", refresh=False)
            self.bar.update(done - self.bar.n)

    def train(self, progress: Progress) -> None:
        """Progress of training, in words of the corpus, all epochs counted."""
        if not self.bar.disable:
            self.bar.total = progress.total_words
            self.bar.set_description(f"epoch {progress.epoch + 1}/{progress.epochs}", refresh=False)
            self.bar.set_postfix_str(f"alpha {progress.alpha:.5f}, loss {progress.loss:.4f}", refresh=False)
            self.bar.update(progress.words - self.bar.n)

    def epoch(self, number: int, result: Result, epochs: int, raw_words: int) -> None:
        """One line for an epoch that ended."""
        if self.quiet:
            return
        stats = result.epochs[-1]
        speed = raw_words / max(stats.seconds, 1e-9)
        self.bar.clear()
        say(f"epoch {number + 1} of {epochs}: loss {stats.mean_loss:.4f}, {speed / 1e6:.2f} M words/s")

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()


class Stoppable:
    """The first SIGINT or SIGTERM asks for an end after the chunks in work (`event`); the next one ends the process at once.

    signal   the number of the first, None before it
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signal: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stoppable:
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._handle) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        for either in self._before:  # from here on the system ends the process, whatever this thread waits for
            signal.signal(either, signal.SIG_DFL)
        self.signal = number
        self.event.set()
        with suppress(RuntimeError):  # the signal came while another line was being written
            say(f"{signal.Signals(number).name}: stopping after the chunks in work; once more stops at once")
