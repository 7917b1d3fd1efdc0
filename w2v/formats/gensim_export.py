"""Writes KeyedVectors as a file that gensim 4's KeyedVectors.load() reads. Owns the pickle opcodes that takes.

A matrix as large as those that gensim keeps apart goes into an .npy file beside it, so that gensim can memory-map it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..vectors import KeyedVectors
from .files import COMPRESSED, Path, created
from .rows_out import check_complete, numbers_of

SEPARATE = 10 << 20  # elements from which gensim keeps an array in a file of its own
_BLOCK = 1 << 22  # elements written at a time
_BATCH = 1000  # items between a mark and its opcode

_MARK, _TUPLE, _TUPLE1, _TUPLE3, _EMPTY_TUPLE = b"(", b"t", b"\x85", b"\x87", b")"
_EMPTY_LIST, _APPENDS, _EMPTY_DICT, _SETITEMS = b"]", b"e", b"}", b"u"
_NONE, _TRUE, _FALSE, _MEMOIZE = b"N", b"\x88", b"\x89", b"\x94"
_STACK_GLOBAL, _REDUCE, _NEWOBJ, _BUILD = b"\x93", b"R", b"\x81", b"b"
_PROTO_4, _STOP = b"\x80\x04", b"."


def save(kv: KeyedVectors, path: Path) -> None:
    """Write `path`, and `path`.vectors.npy for a large matrix. Attributes of the words that are no numbers are left
    out, with a warning. Raises FormatError for keys that are neither text nor whole numbers.
    """
    name = os.fspath(path)
    if name.lower().endswith(COMPRESSED):
        raise FormatError(f"{name}: gensim's format is written uncompressed only", "leave the suffix out")
    check_complete(kv)
    keys = kv.index_to_key
    if odd := [key for key in keys if not isinstance(key, (str, int, np.integer))]:
        raise FormatError(f"the key {odd[0]!r} is neither text nor a whole number")
    apart = kv.vectors.size >= SEPARATE
    with ExitStack() as files:
        # Left in reverse order: the matrix is in its place before the file that refers to it.
        file = files.enter_context(created(name))
        if apart:
            _write_npy(files.enter_context(created(f"{name}.vectors.npy")), kv.vectors)
        _write(file, kv, keys, apart)


def _write(file: BinaryIO, kv: KeyedVectors, keys: list[Any], apart: bool) -> None:
    attributes: dict[str, Callable[[], Iterable[Any]]] = {
        "vector_size": lambda: [_int(kv.vector_size)],
        "index_to_key": lambda: _list(_key(key) for key in keys),
        "key_to_index": lambda: _dict((_remembered(i), _int(i)) for i in range(len(keys))),
        "next_index": lambda: [_int(len(keys))],
        "vectors": lambda: _array(kv.vectors),
        "norms": lambda: [_NONE],
        "expandos": lambda: _expandos(kv),
        "mapfile_path": lambda: [_NONE],
        "lifecycle_events": lambda: [_EMPTY_LIST],
        "__numpys": lambda: _list([_text("vectors")] if apart else []),
        "__scipys": lambda: [_EMPTY_LIST],
        "__ignoreds": lambda: [_EMPTY_LIST],
        "__recursive_saveloads": lambda: [_EMPTY_LIST],
    }
    if apart:
        del attributes["vectors"]
    file.write(_PROTO_4 + _name("gensim.models.keyedvectors", "KeyedVectors") + _EMPTY_TUPLE + _NEWOBJ + _EMPTY_DICT + _MARK)
    for name, value in attributes.items():
        file.write(_text(name))
        file.writelines(value())
    file.write(_SETITEMS + _BUILD + _STOP)


def _expandos(kv: KeyedVectors) -> Iterator[Any]:
    yield _EMPTY_DICT + _MARK
    for name, values in numbers_of(kv):
        yield _text(name)
        yield from _array(values)
    yield _SETITEMS


# ---- opcodes


def _text(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise FormatError(f"the word {text!r} has no UTF-8 form") from None
    return b"X" + struct.pack("<I", len(data)) + data


def _int(number: int) -> bytes:
    if -(1 << 31) <= number < 1 << 31:
        return b"J" + struct.pack("<i", number)
    data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def _key(key: Any) -> bytes:
    """A key, remembered under the next number: those of the keys alone are remembered, so key i has the number i."""
    return (_text(key) if isinstance(key, str) else _int(int(key))) + _MEMOIZE


def _remembered(number: int) -> bytes:
    return b"j" + struct.pack("<I", number)


def _name(module: str, name: str) -> bytes:
    return _text(module) + _text(name) + _STACK_GLOBAL


def _list(items: Iterable[bytes]) -> Iterator[bytes]:
    yield _EMPTY_LIST
    items = iter(items)
    while batch := b"".join(islice(items, _BATCH)):
        yield _MARK + batch + _APPENDS


def _dict(items: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    yield _EMPTY_DICT
    items = iter(items)
    while batch := b"".join(key + value for key, value in islice(items, _BATCH)):
        yield _MARK + batch + _SETITEMS


def _array(array: NDArray[Any]) -> Iterator[Any]:
    """What numpy pickles: _reconstruct(ndarray, (0,), b"b"), then its state, the data last."""
    code = array.dtype.newbyteorder("<").str
    yield _name("numpy.core.multiarray", "_reconstruct")  # the name every version of numpy knows
    yield _name("numpy", "ndarray") + _int(0) + _TUPLE1 + b"C\x01b" + _TUPLE3 + _REDUCE
    yield _MARK + _int(1) + _MARK + b"".join(_int(n) for n in array.shape) + _TUPLE
    yield _name("numpy", "dtype") + _text(code[1:]) + _FALSE + _TRUE + _TUPLE3 + _REDUCE
    yield _MARK + _int(3) + _text(code[0]) + _NONE * 3 + _int(-1) + _int(-1) + _int(0) + _TUPLE + _BUILD
    yield _FALSE + b"\x8e" + struct.pack("<Q", array.nbytes)
    yield from _data(array)
    yield _TUPLE + _BUILD


def _data(array: NDArray[Any]) -> Iterator[Any]:
    """The bytes of an array that may be a padded view, in rows, little-endian."""
    step = max(1, _BLOCK // max(1, array.size // max(1, len(array))))
    for start in range(0, len(array), step):
        rows = array[start : start + step]
        yield np.ascontiguousarray(rows, rows.dtype.newbyteorder("<")).tobytes()


def _write_npy(file: BinaryIO, array: NDArray[Any]) -> None:
    header = {"descr": array.dtype.newbyteorder("<").str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, header)
    file.writelines(_data(array))
