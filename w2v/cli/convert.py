"""`w2v convert`: from any format to any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .console import say
from .options import format_option, model_argument
from .paths import check_format, check_output

if TYPE_CHECKING:
    from ..vectors import KeyedVectors


@click.command()
@model_argument
@click.argument("output", type=click.Path())
@click.option("--from-format", metavar="NAME", help="Format of MODEL, where its content does not tell.")
@format_option
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N words.")
def convert(model: str, output: str, from_format: str | None, file_format: str | None, limit: int | None) -> None:
    """Convert the vectors of MODEL into OUTPUT.

    The output format follows the suffix: .bin word2vec binary, .txt and .vec word2vec text, .glove GloVe; any other:
    native. From native to native, without --limit, everything that training needs to go on is kept.
    """
    from .. import formats

    check_output(output, [model])
    check_format(output, file_format)
    source = formats.format_for("", from_format) if from_format is not None else formats.sniff(model)
    if source == formats.format_for(output, file_format) == "native":
        kv = _copy(model, output, limit)
    else:
        kv = formats.load(model, source, limit=limit)
        formats.save(kv, output, file_format)
    say(f"{output}: {len(kv):,} words, {kv.vector_size} numbers each")


def _copy(model: str, output: str, limit: int | None) -> KeyedVectors:
    """Native to native. The output layers and the record belong to all the words: a part of the words goes without."""
    from ..formats import load, native

    whole = native.load_model(model)
    if limit is None or limit >= len(whole.kv):
        native.save_model(
            output, whole.kv, w_out=whole.w_out, w_node=whole.w_node, config=whole.config, record=whole.record
        )  # fmt: skip
        return whole.kv
    kv = load(model, "native", limit=limit)
    native.save_model(output, kv)
    if whole.w_out is not None or whole.w_node is not None:
        say("the output layers are left out: they belong to all the words")
    return kv
