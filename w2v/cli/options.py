"""Arguments and options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

model_argument = click.argument("model", type=click.Path())

read_option = click.option("--format", "file_format", metavar="NAME", help="Format of MODEL, where its content does not tell.")

restrict_option = click.option(
    "--restrict-vocab", type=click.IntRange(1), metavar="N", help="Search only the N most frequent words."
)

format_option = click.option(
    "--format", "file_format", metavar="NAME",
    help="Output format, whatever the suffix: native, word2vec-bin, word2vec-text, glove, gensim.",
)  # fmt: skip


def topn_option(default: int) -> Decorator:
    """-n: how many answers."""
    kind = click.IntRange(1)
    return click.option("-n", "--topn", type=kind, default=default, show_default=True, help="How many answers.")
