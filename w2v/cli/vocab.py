"""`w2v vocab`: count the words of a corpus, and train nothing."""

from __future__ import annotations

from typing import Any

import click

from .console import say
from .paths import check_output
from .progress import Bar
from .train_options import VOCABULARY, add


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("-o", "--output", required=True, type=click.Path(), help="Where to write the vocabulary.")
@add(VOCABULARY)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors and warnings.")
def vocab(inputs: tuple[str, ...], output: str, quiet: bool, **options: Any) -> None:
    """Count the words of INPUT and write them in word2vec.c's vocabulary format, for w2v train --read-vocab.

    Lines of OUTPUT: a word, a space, its count; the most frequent first.
    """
    from ..corpus import encode

    check_output(output, inputs)
    with Bar("reading", "B", quiet) as bar:
        words, corpus = encode(list(inputs), progress=bar.read, **options)
    with corpus:
        words.save(output)
    if not quiet:
        say(corpus.stats.summary())
        say(f"{output}: {len(words):,} words")
