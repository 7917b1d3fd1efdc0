"""Lines of a test set and words of a model, brought together. Owns decoding and letter case; judges nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, FormatError
from ..formats.files import Source

if TYPE_CHECKING:
    from ..vectors import KeyedVectors

logger = logging.getLogger(__name__)

_LONGEST_LINE = 1 << 16  # bytes; the longest of the public sets has 100


def lines_of(path: str | os.PathLike[str], encoding: str = "utf8") -> Iterator[tuple[int, str]]:
    """(line number from 1, text without its line end) of a file, plain or compressed. FormatError, naming the line, for one
    that is no text (in another encoding, or with a NUL in it) or has no end; FileError where the file cannot be read.
    """
    with Source(path) as source:
        for number, line in enumerate(source.lines(_LONGEST_LINE), 1):
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError as error:
                raise FormatError(f"line {number} of {path} is not {encoding}", "give the file's encoding") from error
            if "\0" in text:
                raise FormatError(f"line {number} of {path} holds a NUL byte", "is it a text file?")
            yield number, text.rstrip("\r\n").removeprefix("\ufeff")


@dataclass
class LeftOut:
    """The lines of a test set that are not what they should be: how many, and the number of the first."""

    count: int = 0
    first: int = 0

    def add(self, number: int) -> None:
        """Count a line."""
        self.first = self.first or number
        self.count += 1

    def __str__(self) -> str:
        return f"{self.count} bad lines" + (f" (the first is line {self.first})" if self.count else "")

    def warn(self, path: str | os.PathLike[str], wanted: str) -> None:
        """Say in a warning that they were left out, if there are any."""
        if self.count:
            logger.warning("%d lines of %s are not %s: left out; the first is line %d", self.count, path, wanted, self.first)


class KnownWords:
    """The first `restrict` words of a model (None or 0: all) as a test set sees them, in one letter case if `fold`.

    Of the case variants of a word the first, the most frequent in a sorted vocabulary, stands for all.
    """

    def __init__(self, kv: KeyedVectors, restrict: int | None, fold: bool) -> None:
        if restrict is not None and restrict < 0:
            raise ConfigError(f"restrict_vocab must be a number of words, not {restrict}")
        self.rows = kv.directions(0, min(restrict or len(kv), len(kv)))
        blank = set(self.rows.blank.tolist())
        self._fold = fold
        self._variants: dict[str, list[int]] = {}
        for index, word in enumerate(kv.index_to_key[: len(self.rows)]):
            if isinstance(word, str) and index not in blank:
                self._variants.setdefault(self.fold(word), []).append(index)

    def fold(self, word: str) -> str:
        """The form in which words are compared."""
        return word.upper() if self._fold else word

    def __contains__(self, folded: str) -> bool:
        return folded in self._variants

    def index(self, folded: str) -> int:
        """The row that stands for a word."""
        return self._variants[folded][0]

    def variants(self, folded: str) -> list[int]:
        """The rows of all case variants of a word."""
        return self._variants[folded]

    def units(self, words: list[str]) -> NDArray[np.floating]:
        """The unit vectors of known words: (n, D)."""
        return self.rows.units(np.array([self.index(word) for word in words], np.int64))
