"""The file of a phrases model: JSON lines, readable by eye, and no code in it. Knows no classes, only plain values.

The first line is the header, an object with the model's settings, and under "entries" how many counts or scores follow;
each further line is an object of at most 65,536 of them, so that writing needs no second copy of them.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..atomic import replacing
from ..errors import FormatError, TruncatedError

_FORMAT = "w2v phrases"
_VERSION = 1
_BLOCK = 65_536


def write(target: str | os.PathLike[str] | BinaryIO, header: dict[str, Any], entries: Mapping[str, Any]) -> None:
    """Write a file (all of it, or none), or to an open binary file."""
    if isinstance(target, (str, os.PathLike)):
        with replacing(target) as file:
            write(file, header, entries)
        return
    header = {"format": _FORMAT, "version": _VERSION, **header, "entries": len(entries)}
    target.write(json.dumps(header).encode() + b"\n")
    items = iter(entries.items())
    while block := dict(itertools.islice(items, _BLOCK)):
        # float: a scorer may well return a numpy number
        target.write(json.dumps(block, default=float).encode() + b"\n")


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(header, entries) of a file that `write` wrote; FormatError if it is anything else, TruncatedError if a part."""
    name = Path(path).name
    with open(path, "rb") as file:
        lines = _objects(file, name)
        header = next(lines, {})
        if header.get("format") != _FORMAT:
            raise FormatError(f"{name} is not a phrases file")
        if header.get("version") != _VERSION:
            raise FormatError(f"{name} is version {header.get('version')!r:.40} of the format", "a newer w2v may read it")
        entries: dict[str, Any] = {}
        for block in lines:
            entries.update(block)
    if len(entries) != header.get("entries"):
        raise TruncatedError(f"{name} holds {len(entries)} entries; its header promises {header.get('entries')!r:.40}")
    return header, entries


def check(header: dict[str, Any], entries: dict[str, Any], file: str) -> None:
    """Raise FormatError unless the settings are of the right types, and the numbers such that no scorer fails on them."""
    if header.get("kind") not in ("Phrases", "FrozenPhrases"):
        raise FormatError(f"{file}: its header names no kind of model")
    kinds: dict[str, Any] = {"min_count": (int, float), "threshold": (int, float), "delimiter": str, "connector_words": list}
    if header["kind"] == "Phrases":
        kinds |= dict.fromkeys(("max_vocab_size", "progress_per", "min_reduce", "corpus_word_count"), int)
    for name, kind in kinds.items():
        value = header.get(name)
        if not isinstance(value, kind) or not (isinstance(value, (str, list)) or _is_usable(value)):
            raise FormatError(f"{file}: its header has no valid {name}")
    if not all(isinstance(word, str) for word in header["connector_words"]):
        raise FormatError(f"{file}: its header has connector words that are none")
    if not all(map(_is_usable, entries.values())):
        raise FormatError(f"{file}: an entry is no number to count with")


def _is_usable(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and -(2**63) <= value < 2**63  # which NaN is not


def is_pickle(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins as a pickle does: gensim's, never ours."""
    with open(path, "rb") as file:
        return file.read(1) == b"\x80"


def _objects(file: BinaryIO, name: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, 1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            cause = TruncatedError if number > 1 and not line.endswith(b"\n") else FormatError
            raise cause(f"{name}: line {number} is not the JSON of a phrases file") from None
        if not isinstance(value, dict):
            raise FormatError(f"{name}: line {number} is not a JSON object")
        yield value
