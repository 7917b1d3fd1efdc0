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
            raise FormatError(f"{name} is version {header.get('version')!r} of the format", "a newer w2v may read it")
        entries: dict[str, Any] = {}
        for block in lines:
            entries.update(block)
    if len(entries) != header.get("entries"):
        raise TruncatedError(f"{name} holds {len(entries)} entries; its header promises {header.get('entries')}")
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in entries.values()):
        raise FormatError(f"{name}: an entry is not a number")
    return header, entries


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
