"""`w2v info`: what a file holds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from .console import row
from .options import model_argument, read_option


@click.command()
@model_argument
@read_option
def info(model: str, file_format: str | None) -> None:
    """Print what is known of a model: format, words, sizes, and of native files how they were trained.

    Columns: name, value.
    """
    for name, value in _facts(model, file_format):
        row(name, value)


def _facts(model: str, file_format: str | None) -> Iterator[tuple[str, str | int]]:
    from .. import formats

    name = formats.format_for("", file_format) if file_format is not None else formats.sniff(model)
    whole = formats.native.load_model(model) if name == "native" else None
    kv = whole.kv if whole is not None else formats.load(model, name)
    yield "file", model
    if os.path.exists(model):
        yield "bytes", os.path.getsize(model)
    yield "format", name
    yield "words", len(kv)
    yield "vector_size", kv.vector_size
    yield "dtype", str(kv.vectors.dtype)
    yield "first_words", " ".join(map(str, islice(kv, 5)))
    yield "without_direction", len(kv.directions().blank)
    if "count" in kv.expandos:
        yield "occurrences", int(kv.expandos["count"].sum())
    if whole is None:
        return
    layers = {"w_out": "negative sampling", "w_node": "hierarchical softmax"}
    kept = [layer for layer in layers if getattr(whole, layer) is not None]
    yield "output_layers", ", ".join(layers[layer] for layer in kept) or "none"
    for part, values in (("config", whole.config and whole.config.to_dict()), ("record", whole.record)):
        for key, value in (values or {}).items():
            yield f"{part}.{key}", _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
