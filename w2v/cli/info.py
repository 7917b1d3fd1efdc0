"""`w2v info`: what a file holds."""

from __future__ import annotations

import os

import click

from .console import row
from .options import model_argument


@click.command()
@model_argument
def info(model: str) -> None:
    """Print what is known of a model: format, words, sizes, and for native files how it was trained.

    Columns: name, value.
    """
    from .. import formats

    name = formats.sniff(model)
    row("file", model)
    row("bytes", os.path.getsize(model))
    row("format", name)
    kv = formats.load(model)
    row("words", len(kv))
    row("vector_size", kv.vector_size)
    row("dtype", str(kv.vectors.dtype))
