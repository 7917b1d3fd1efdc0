"""The safetensors layout: 8 bytes with the length of a JSON header, the header, tensors without gaps. Knows no model.

The safetensors library reads and writes the same layout, but wants every tensor in memory as one piece; here they are
written from blocks and mapped where they lie. Nothing of a header is believed before it is checked against the size of
the file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, TruncatedError

_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_NAMES = {np.dtype(code): name for name, code in _TYPES.items()}
_LONGEST_HEADER = 100_000_000  # bytes, the limit of the safetensors library; a model's takes a few thousand
_ALIGNMENT = 64  # of the first tensor, by spaces behind the header
_BLOCK = 1 << 20  # bytes written at a time


@dataclass(frozen=True)
class File:
    """The tensors of a file, views of its bytes, and its metadata."""

    tensors: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, str]


def is_tensors(head: bytes, size: int | None) -> bool:
    """Whether a file of `size` bytes (None: unknown) that begins with `head` has this layout."""
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and 2 <= length <= min(_LONGEST_HEADER, math.inf if size is None else size - 8)


def parse(data: NDArray[np.uint8], name: str) -> File:
    """Check the layout of a whole file and view its tensors. Raises FormatError for anything irregular: overlaps, gaps,
    sizes that do not fit the shape, unknown types, names given twice, bytes behind the last tensor.
    """
    if len(data) < 8 or not is_tensors(data[:9].tobytes(), len(data)):
        raise FormatError(f"{name}: no safetensors header")
    length = int.from_bytes(data[:8].tobytes(), "little")
    try:
        header = json.loads(data[8 : 8 + length].tobytes().decode(), object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name}: the header is not valid JSON: {error}") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError(f"{name}: the metadata of the header are not text")
    entries = sorted((_entry(key, value, name) for key, value in header.items()), key=lambda e: (e.begin, e.end))
    body, at = data[8 + length :], 0
    for entry in entries:
        if entry.begin != at:
            raise FormatError(f"{name}: the tensor {entry.name!r} overlaps the one before it, or leaves a gap")
        at = entry.end
    if at > len(body):
        message = f"{name} ends too early: its tensors take {at:,} bytes, and {len(body):,} are there"
        raise TruncatedError(message, "the file is cut off")
    if at < len(body):
        raise FormatError(f"{name}: {len(body) - at} bytes stand behind the last tensor")
    return File({e.name: body[e.begin : e.end].view(e.dtype).reshape(e.shape) for e in entries}, metadata)


@dataclass(frozen=True)
class _Entry:
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


def _entry(key: str, value: Any, name: str) -> _Entry:
    try:
        dtype, shape, (begin, end) = np.dtype(_TYPES[value["dtype"]]), tuple(value["shape"]), value["data_offsets"]
        whole = all(type(n) is int and 0 <= n < 1 << 48 for n in (*shape, begin, end))
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole or len(shape) > 2 or end - begin != math.prod(shape) * dtype.itemsize:
        raise FormatError(f"{name}: the tensor {key[:40]!r} has no valid type, shape or place")
    return _Entry(key, dtype, shape, begin, end)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name occurs twice")
    return values


def write(file: BinaryIO, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write tensors of one or two dimensions; rows are copied a block at a time, so views of padded matrices are fine.

    Wide types come first, so that every tensor lies at a multiple of its element size.
    """
    order = sorted(tensors, key=lambda key: -tensors[key].dtype.itemsize)
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at = 0
    for key in order:
        array = tensors[key]
        header[key] = {
            "dtype": _NAMES[array.dtype.newbyteorder("<")],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % _ALIGNMENT)
    if len(text) > _LONGEST_HEADER:
        raise FormatError(f"the metadata take {len(text):,} bytes; at most {_LONGEST_HEADER:,} would be read again")
    file.write(len(text).to_bytes(8, "little") + text)
    for key in order:
        for block in _blocks(tensors[key]):
            file.write(block)


def _blocks(array: NDArray[Any]) -> Iterator[memoryview]:
    row_bytes = max(1, array.nbytes // max(1, len(array)))
    step = max(1, _BLOCK // row_bytes)
    for start in range(0, len(array) if array.size else 0, step):
        rows = array[start : start + step]
        yield np.ascontiguousarray(rows, rows.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data
