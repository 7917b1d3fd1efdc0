"""The first line of word2vec's formats, "V D". Owns telling the text from the binary format, which share it."""

from __future__ import annotations

import re

from ..errors import FormatError
from .files import SAMPLE, Source
from .loaded import MAX_DIM
from .text import is_number

_HEADER = re.compile(rb"[ \t]*(\d{1,18})[ \t]+(\d{1,18})[ \t]*\r?\n")
_LONGEST = 256


def read_header(source: Source) -> tuple[int, int]:
    """V, D. Raises FormatError where there is no such line, or D is none."""
    line = source.readline(_LONGEST)
    match = _HEADER.fullmatch(line if line.endswith(b"\n") else line + b"\n")
    if not match:
        message = f"{source.name}: the first line is {line[:40]!r}, not two whole numbers"
        raise FormatError(message, "a file without header is read as format glove, or with no_header=True")
    rows, dim = int(match[1]), int(match[2])
    if not 1 <= dim <= MAX_DIM:
        raise FormatError(f"{source.name}: the header says {dim} numbers a vector; 1 to {MAX_DIM:,} are read")
    return rows, dim


def is_text(head: bytes) -> bool | None:
    """Whether a file that begins with `head` is word2vec text (True) or binary (False); None: it has no header.

    The first row decides: in the text format everything behind the word is numbers.
    """
    match = _HEADER.match(head)
    if not match:
        return None
    row, end, _ = head[match.end() :].lstrip(b"\r\n").partition(b"\n")
    fields = row.split()
    if not end and len(head) >= SAMPLE:  # the row goes on behind the sample, perhaps in the middle of a number
        fields = fields[:-1]
    rows, dim = int(match[1]), int(match[2])
    numbers = fields[-dim:] if len(fields) > dim > 0 else fields[1:]
    return rows == 0 or (len(numbers) > 0 and all(is_number(field) for field in numbers))
