"""word2vec's text format: a line "V D", then V rows "word number number ...". fastText's .vec is the same."""

from __future__ import annotations

from . import text
from .files import Source
from .header import read_header
from .loaded import Loaded, Options


def read(source: Source, options: Options) -> Loaded:
    """Read a file from its header on."""
    rows, dim = read_header(source)
    return text.read_rows(source, dim, rows, options, first_line=2)
