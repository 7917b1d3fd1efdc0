"""The errors users see. Owns their names, and how one takes the place of another; the CLI prints them as one line with a hint.

Every message says what went wrong in one line; `hint` says what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class W2VError(Exception):
    """Base of every error raised on purpose. `hint` is one optional line of advice."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Explained:
    """A block: an error from it becomes what `explain` makes of it; None leaves it as it is, as errors of ours are left.

    A class, because contextlib's generators stand in a cycle with their error on Python 3.13, which would keep the frames of
    the error, and in them a decompressor of up to 256 MB, until a collection comes by.
    """

    def __init__(self, explain: Callable[[Exception], W2VError | None]) -> None:
        self._explain = explain

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, W2VError):
            ours = self._explain(error)
            try:
                if ours is not None:
                    raise ours from error
            finally:
                del ours  # this frame is a part of its traceback: another cycle


class ConfigError(W2VError, ValueError):
    """A parameter, or a combination of parameters, is not usable."""


class CorpusError(W2VError, RuntimeError):
    """The training text is missing, unreadable, or leaves nothing to train on."""


class CorpusTypeError(CorpusError, TypeError):
    """What was given as a corpus, a sentence or a word is none."""


class FormatError(W2VError, ValueError):
    """A file does not hold what its header or its format promises."""


class TruncatedError(FormatError, EOFError):
    """A file ends before the data that its header announces."""


class NotAModelError(FormatError, AttributeError):
    """A file holds vectors only, where a model was asked for. (gensim raises an AttributeError.)"""


class FileError(W2VError, OSError):
    """A file cannot be opened, read or written."""


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file."""


class EncodingError(FormatError, UnicodeDecodeError):
    """Bytes are not text in the encoding they were said to be in."""

    def __init__(self, message: str, cause: UnicodeDecodeError, hint: str | None = None) -> None:
        UnicodeDecodeError.__init__(self, *cause.args)
        self._message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._message, UnicodeDecodeError(*self.args), self.hint)

    def __str__(self) -> str:
        return self._message


class VectorsError(W2VError, ValueError):
    """Vectors, or a question put to them, do not fit: a wrong shape, nothing to compare, a vector without direction."""


class WordError(W2VError, KeyError):
    """A word is not in the vocabulary. The hint may be a function, called only if it is read: the search takes time."""

    def __init__(self, message: str, hint: str | Callable[[], str | None] | None = None) -> None:
        self._hint: str | Callable[[], str | None] | None = None
        super().__init__(message)
        self.hint = hint

    @property
    def hint(self) -> str | None:
        """One line of advice, or None."""
        hint = self._hint() if callable(self._hint) else self._hint
        self._hint = hint
        return hint

    @hint.setter
    def hint(self, hint: str | Callable[[], str | None] | None) -> None:
        self._hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # A function does not travel between processes; its answer does.
        return type(self), (self.args[0], self.hint)

    def __str__(self) -> str:
        # KeyError would show the repr of the message, quotes included.
        return str(self.args[0])


class MissingExtraError(W2VError, ImportError):
    """An optional dependency is needed; the hint names the extra to install."""


class TrainingError(W2VError, RuntimeError):
    """Training cannot go on: non-finite numbers, a changed corpus, a refused resume."""


class MemoryShortageError(W2VError, MemoryError):
    """What was asked for takes more memory than there is; raised before any of it is taken."""


class DeviceError(W2VError, RuntimeError):
    """A GPU was asked for, and there is none, or the run does not fit on it."""
