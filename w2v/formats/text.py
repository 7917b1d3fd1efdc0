"""Rows of text, "word number number ...": the body of word2vec's text format, of fastText's .vec and of GloVe's files.

A row ends in its D numbers; whatever stands before them is the word, spaces included (GloVe's 840B vectors have such
words). Pieces of a megabyte are parsed by numpy's loadtxt, 190 ns a number; only one in which something is unusual, or
wrong, is looked at row by row. In a file so long that a compiler pays, decimals.py takes all that is ordinary.
"""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np

from ..errors import FormatError, TruncatedError
from .files import SAMPLE, Source
from .loaded import MAX_DIM, MAX_WORD, Floats, Loaded, Options, decode_words
from .matrix import GrowingMatrix
from .pieces import Pieces

logger = logging.getLogger(__name__)

_PIECE = 1 << 20
_LONG = 32  # pieces before decimals.py takes over: numba's import takes the time of as many
_NUMBER = 40  # bytes of the longest number and its separator; numpy writes at most 25


def read_rows(source: Source, dim: int, rows: int | None, options: Options, first_line: int) -> Loaded:
    """Read `rows` rows of `dim` numbers, or all there are. `first_line` is the number of the first one, for messages.

    Raises TruncatedError if there are fewer, FormatError (naming the line) for a row that is too short or holds
    something that is no number. What stands behind `rows` rows is counted in a warning, unless a limit was asked for.
    """
    wanted = rows if options.limit is None else min(options.limit, rows if rows is not None else options.limit)
    if rows is not None and wanted is not None:
        source.check_room(wanted * (2 * dim + 1) - 1, f"{wanted} vectors of {dim} numbers as text")
    reader = _Reader(source.name, dim, options, first_line, wanted if rows is not None and source.plain else None)
    pieces = Pieces(source, _PIECE, MAX_WORD + _NUMBER * dim)
    left = number = 0
    while not pieces.ended and (wanted is None or reader.count < wanted):
        data = pieces.next(left).tobytes()
        number += 1
        whole = data.rfind(b"\n") + 1
        done = reader.add_compiled(data, whole, wanted) if number > _LONG else 0
        cut = len(data) if pieces.ended else whole
        lines = data[done:cut].split(b"\n")
        if not lines[-1]:
            lines.pop()
        rest = None if wanted is None else wanted - reader.count
        used = reader.add(lines, rest) if lines and rest != 0 else 0
        left = len(data) - (cut if used == len(lines) else done + sum(len(line) + 1 for line in lines[:used]))
    if rows is not None and wanted is not None and reader.count < wanted:
        message = f"{source.name} ends after {reader.count} of {wanted} vectors"
        raise TruncatedError(message, "the file is cut off, or its header is wrong")
    if rows is not None and wanted == rows:
        pieces.warn_of_rest(left, rows)
    return reader.finish()


class _Reader:
    """Turns lines into words and rows."""

    def __init__(self, name: str, dim: int, options: Options, first_line: int, known_rows: int | None) -> None:
        self._name, self._dim, self._options = name, dim, options
        self._line = first_line
        self._words: list[bytes] = []  # each piece's words, every one followed by a line end
        self._matrix = GrowingMatrix(dim, options.datatype, known_rows)
        self._parsed = np.float32 if np.dtype(options.datatype) == np.float32 else np.float64
        self._spaced = self._not_finite = 0

    @property
    def count(self) -> int:
        """Rows taken so far."""
        return self._matrix.filled

    def add_compiled(self, data: bytes, whole: int, wanted: int | None) -> int:
        """Take rows from the first `whole` bytes, which end in a line end, as long as they are ordinary and there are no more
        than `wanted` in all; says how many bytes that took.
        """
        from .decimals import ordinary_rows

        most = whole // (2 * self._dim + 1)  # a digit and a separator each, at least
        most = most if wanted is None else min(most, wanted - self.count)
        rows, words = np.empty((most, self._dim), self._parsed), np.empty(whole, np.uint8)
        count, done, written = ordinary_rows(np.frombuffer(data, np.uint8, whole), most, rows, words)
        self._words.append(words[:written].tobytes())
        self._line += count
        self._matrix.add(rows[:count])
        return int(done)

    def add(self, lines: list[bytes], wanted: int | None) -> int:
        """Take up to `wanted` rows from the lines; says how many lines that took."""
        used = len(lines[:wanted])
        rows = self._ordinary(lines[:wanted])
        if rows is None:
            rows, used = self._row_by_row(lines, wanted)
        self._line += used
        self._not_finite += len(rows) - int(np.isfinite(rows).all(axis=1).sum())
        self._matrix.add(rows)
        return used

    def _ordinary(self, lines: list[bytes]) -> Floats | None:
        """The numbers of rows that all are a word without spaces, a space, and D numbers; None if any is not."""
        parts = [line.partition(b" ") for line in lines]
        try:
            numbers = [rest.decode("ascii") for _, _, rest in parts]
            rows = np.loadtxt(numbers, self._parsed, comments=None, ndmin=2) if any(map(str.strip, numbers)) else None
        except ValueError:
            return None
        if rows is None or rows.shape != (len(lines), self._dim):
            return None
        self._words.append(b"".join([word + b"\n" for word, _, _ in parts]))
        return rows

    def _row_by_row(self, lines: list[bytes], wanted: int | None) -> tuple[Floats, int]:
        rows: list[list[float]] = []
        used = 0
        for used, line in enumerate(lines, 1):
            number = self._line + used - 1
            fields = line.rsplit(None, self._dim)
            if not fields:
                continue  # an empty line
            if len(fields) == self._dim and line[:1] in (b" ", b"\t"):
                fields.insert(0, b"")
            if len(fields) != self._dim + 1:
                message = f"{self._name}, line {number}: {len(fields) - 1} numbers where {self._dim} are expected"
                raise FormatError(message, "a word and its vector belong on one line")
            rows.append(_floats(fields[1:], self._name, number))
            self._spaced += b" " in fields[0]
            self._words.append(fields[0] + b"\n")
            if len(rows) == wanted:
                break
        with np.errstate(over="ignore"):  # too large a number is infinite, and counted as such
            return np.array(rows, self._parsed).reshape(-1, self._dim), used

    def finish(self) -> Loaded:
        """What was read, each word once; oddities are logged as warnings."""
        if self._spaced:
            oddity = "%s: %d words hold spaces; the last %d fields of a line were read as the vector"
            logger.warning(oddity, self._name, self._spaced, self._dim)
        if self._not_finite:
            logger.warning("%s: %d vectors hold numbers that are not finite", self._name, self._not_finite)
        joined = np.frombuffer(b"".join(self._words), np.uint8)
        ends = np.flatnonzero(joined == ord("\n"))
        offsets = np.concatenate(([0], ends - np.arange(len(ends))))
        words = decode_words(joined[joined != ord("\n")], offsets, self._options, self._name)
        return Loaded(words, self._matrix.finish()).distinct(self._name)


def _floats(fields: list[bytes], name: str, line: int) -> list[float]:
    try:
        if not any(b"_" in field for field in fields):
            return [float(field) for field in fields]
    except ValueError:
        pass
    wrong = next(field for field in fields if not is_number(field))
    raise FormatError(f"{name}, line {line}: {wrong[:40].decode(errors='replace')!r} is not a number")


def dimensions_of(source: Source) -> int:
    """D of a file without header: what most of its first lines say. Words with spaces make single lines seem longer."""
    sample = source.peek(SAMPLE)
    if b"\n" not in sample:
        sample = source.peek(MAX_WORD + _NUMBER * MAX_DIM)
    lines = sample.split(b"\n")
    fields = Counter(len(line.split()) for line in (lines[:-1] or lines) if line.strip())
    dim = fields.most_common(1)[0][0] - 1 if fields else 0
    if not 1 <= dim <= MAX_DIM:
        raise FormatError(f"{source.name}: the first lines are no words with vectors", "is it another format?")
    return dim


def is_number(field: bytes) -> bool:
    """Whether a field of a text file may be an element of a vector."""
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field  # Python's digit separator, no number elsewhere
