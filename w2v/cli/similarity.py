"""`w2v similarity`: the cosine of two words."""

from __future__ import annotations

import click

from .console import groups_of, input_lines, row
from .options import model_argument, read_option


@click.command()
@model_argument
@read_option
@click.argument("words", nargs=-1)
def similarity(model: str, file_format: str | None, words: tuple[str, ...]) -> None:
    """Print the cosine of two words, or of several pairs of words.

    Columns: word, word, cosine. Without WORDS the pairs are read from standard input, one a line.
    """
    from ..formats import load

    pairs = groups_of(words, 2, "words come in pairs") if words else input_lines(2, "pairs of words")
    kv = load(model, file_format)
    for first, second in pairs:
        row(first, second, float(kv.similarity(first, second)))
