"""`w2v convert`: from any format to any other."""

from __future__ import annotations

import click

from .console import say
from .options import format_option, model_argument
from .paths import check_format, check_output


@click.command()
@model_argument
@click.argument("output", type=click.Path())
@click.option("--from-format", metavar="NAME", help="Format of MODEL, where its content does not tell.")
@format_option
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N words.")
def convert(model: str, output: str, from_format: str | None, file_format: str | None, limit: int | None) -> None:
    """Convert the vectors of MODEL into OUTPUT.

    The output format follows the suffix: .bin word2vec binary, .txt and .vec word2vec text, .glove GloVe; any other:
    native.
    """
    from ..formats import load, save

    check_output(output, [model])
    check_format(output, file_format)
    kv = load(model, from_format, limit=limit)
    save(kv, output, file_format)
    say(f"{output}: {len(kv):,} words, {kv.vector_size} numbers each")
