"""How the command speaks: rows on standard output, messages on standard error, errors in one line and a hint.

Owns the exit codes: 0 well, 1 an error, 2 wrong usage (click's), 130 and 143 stopped by a signal. Never a traceback for
what a user, a file or a full disk can cause. Words come from strangers' files, so nothing that a terminal would obey is
printed as it is.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import click

from ..errors import W2VError

_LONGEST_LINE = 1 << 16  # bytes of a question


def shown(text: str) -> str:
    r"""`text` with everything that is no visible character or plain space written as an escape (\n, \x1b, \u202e)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def row(*cells: str | int | float) -> None:
    """One line of data on standard output; numbers with a fraction get four decimals."""
    texts = (f"{cell:.4f}" if isinstance(cell, float) else shown(str(cell)) for cell in cells)
    sys.stdout.write("\t".join(texts) + "\n")


def say(message: str) -> None:
    """One line on standard error."""
    click.echo(shown(message), err=True)


def complain(error: Exception) -> None:
    """The error as one line on standard error, and its hint as another."""
    say(f"error: {_message(error)}")
    hint = getattr(error, "hint", None)
    if hint:
        say(f"hint: {hint}")


def input_lines(words: int, what: str) -> Iterator[list[str]]:
    """Questions from standard input, one a line, each of so many words between white space; empty lines don't count."""
    if sys.stdin.isatty():
        say(f"reading {what} from standard input, one a line")
    for number, line in enumerate(iter(lambda: sys.stdin.buffer.readline(_LONGEST_LINE + 1), b""), 1):
        if len(line) > _LONGEST_LINE:
            raise W2VError(f"line {number} of standard input is longer than {_LONGEST_LINE:,} bytes", f"give {what}")
        found = line.decode("utf-8", "replace").split()
        if found and len(found) != words:
            raise W2VError(f"line {number} of standard input holds {len(found)} words, not {words}", f"give {what}")
        if found:
            yield found


def groups_of(words: Iterable[str], size: int, usage: str) -> Iterator[list[str]]:
    """The arguments, `size` at a time (click.UsageError where they don't come out even)."""
    words = list(words)
    if len(words) % size:
        raise click.UsageError(usage)
    return (words[at : at + size] for at in range(0, len(words), size))


class Group(click.Group):
    """A click group that turns every foreseeable failure into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        _prepare()
        try:
            try:
                return super().invoke(ctx)
            finally:
                _flush()
        except click.ClickException as error:  # which repeats what was typed, or what a glob found
            object.__setattr__(error, "message", shown(error.message))  # which click calls final
            raise
        except W2VError as error:
            self._fail(ctx, error)
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader had enough: click leaves quietly
                raise
            self._fail(ctx, error)
        except MemoryError as error:
            self._fail(ctx, error)
        except KeyboardInterrupt:
            say("stopped")
            ctx.exit(130)

    def _fail(self, ctx: click.Context, error: Exception) -> NoReturn:
        complain(error)
        ctx.exit(1)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, W2VError):
        place = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        return f"{place}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return f"not enough memory{f': {error}' if str(error) else ''}"
    return str(error)


def _flush() -> None:
    """A full disk or a closed pipe shows here, as an error like others, and not in the interpreter's last breath."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w")  # what could not be written is not tried again at exit
        raise


def _prepare() -> None:
    """A word that the terminal's encoding lacks is escaped; the library's warnings become lines like the others."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    logger = logging.getLogger("w2v")
    if not logger.handlers:
        logger.addHandler(_Lines(logging.WARNING))
        logger.propagate = False
    warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}")


class _Lines(logging.Handler):
    """Log records as lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"{record.levelname.lower()}: {record.getMessage()}")
