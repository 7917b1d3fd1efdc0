"""GloVe's text format: rows "word number number ...", without header. Words may hold spaces, as in the 840B vectors."""

from __future__ import annotations

from ..vectors import KeyedVectors
from . import text
from .files import Path, Source, created
from .loaded import Loaded, Options
from .rows_out import Rows, check_words, text_rows


def read(source: Source, options: Options) -> Loaded:
    """Read a file; how many numbers a vector has is told from its first lines."""
    return text.read_rows(source, text.dimensions_of(source), None, options, first_line=1)


def is_glove(head: bytes) -> bool:
    """Whether a file may be one: its first line is a word and more than one number."""
    lines = [line.split() for line in head.split(b"\n") if line.strip()]
    fields = lines[0] if lines else []
    if len(lines) == 1 and len(fields) > 3:
        fields = fields[:-1]  # the sample may end inside a number
    # With one number on a line it is rather a vocabulary, "word count".
    return b"\0" not in head and len(fields) > 2 and text.is_number(fields[-1])


def save(kv: KeyedVectors, path: Path) -> None:
    """Write a file. Raises FormatError for an empty word, or one with white space other than spaces."""
    rows = Rows(kv)
    check_words(rows, spaces=True)
    with created(path) as file:
        for block in text_rows(rows):
            file.write(block)
