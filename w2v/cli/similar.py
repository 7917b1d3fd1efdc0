"""`w2v similar`: nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import click

from .console import complain, input_lines, row
from .options import model_argument, read_option, restrict_option, topn_option

BATCH = 1024  # questions answered by one matrix product


@click.command()
@model_argument
@read_option
@click.argument("words", nargs=-1)
@topn_option(10)
@restrict_option
def similar(model: str, file_format: str | None, words: tuple[str, ...], topn: int, restrict_vocab: int | None) -> None:
    """Print the nearest neighbours of each word by cosine.

    Columns: word, neighbour, cosine. Without WORDS they are read from standard input, one a line.
    An unknown word is an error; the other words are answered all the same.
    """
    from ..errors import WordError
    from ..formats import load

    kv = load(model, file_format)
    questions = words if words else (word for (word,) in input_lines(1, "words"))
    unknown = 0
    for batch in _batches(questions):
        known = []
        for word in batch:
            try:
                kv.get_index(word)
                known.append(word)
            except WordError as error:
                unknown += 1
                complain(error)
        for word, ranking in zip(known, kv.most_similar_batch(known, topn, restrict_vocab), strict=True):
            for neighbour, cosine in ranking:
                row(word, neighbour, float(cosine))
    if unknown:
        raise SystemExit(1)


def _batches(words: Iterable[str]) -> Iterator[list[str]]:
    source = iter(words)
    while batch := list(islice(source, BATCH)):
        yield batch
