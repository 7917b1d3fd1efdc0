"""numpy arrays as they lie in pickles and in .npy files. Owns their headers; believes no size and reads no objects."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, TruncatedError
from .files import Source
from .pickled import Name, Object

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_RECONSTRUCT = {Name(module, "_reconstruct") for module in _MULTIARRAY}
_SCALAR = {Name(module, "scalar") for module in _MULTIARRAY}
_FROM_BUFFER = {Name(module, "_frombuffer") for module in ("numpy.core.numeric", "numpy._core.numeric")}
NAMES = (
    {Name("numpy", name) for name in ("dtype", "ndarray", "float16", "float32", "float64", "int32", "int64", "uint32")}
    | _RECONSTRUCT
    | _SCALAR
    | _FROM_BUFFER
)
_TYPE = r"f[248]|[iu][1248]|b1"
_SHAPE = r"\((\d{1,18})L?,(?: (\d{1,18})L?)?\)"  # with Python 2's L
_MISFIT = "an array whose shape does not fit its content"
_NPY_HEADER = re.compile(rf"\{{'descr': '([<>|=])({_TYPE})', 'fortran_order': (True|False), 'shape': {_SHAPE}, ?\}} *\n?")


def array_of(value: Any) -> NDArray[Any] | None:
    """The array that a pickled object stands for; None if it stands for none. FormatError for arrays of objects."""
    if not isinstance(value, Object):
        return None
    if value.kind in _RECONSTRUCT:
        return _from_state(value.state)
    if value.kind in _FROM_BUFFER and len(value.args) == 4:
        data, dtype, shape, order = value.args
        return _pickled_array(data, _dtype(dtype), shape, order == "F")
    return None


def list_of(value: Any) -> list[Any] | None:
    """The elements of a pickled list, or of a one-dimensional array of objects; None if it is neither."""
    if isinstance(value, list):
        return value
    state = value.state if isinstance(value, Object) and value.kind in _RECONSTRUCT else None
    data = state[-1] if isinstance(state, tuple) and state else None
    return data if isinstance(data, list) else None


def scalar_of(value: Any) -> Any:
    """A number, text or None as it is; a numpy scalar as a Python number; FormatError for anything else."""
    if isinstance(value, Object) and value.kind in _SCALAR and len(value.args) == 2:
        found = _pickled_array(value.args[1], _dtype(value.args[0]), (1,), False)
        return found[0].item()
    if isinstance(value, (str, int, float)) or value is None:
        return value
    raise FormatError("not a number")


def _from_state(state: Any) -> NDArray[Any]:
    if not isinstance(state, tuple) or len(state) not in (4, 5):
        raise FormatError("an array without content")
    shape, dtype, fortran, data = state[-4:]
    return _pickled_array(data, _dtype(dtype), shape, bool(fortran))


def _dtype(value: Any) -> np.dtype[Any]:
    """A type of numbers; never of objects, strings or records."""
    kind = value.args[0] if isinstance(value, Object) and value.kind == Name("numpy", "dtype") and value.args else None
    if not isinstance(kind, str) or not re.fullmatch(_TYPE, kind):
        raise FormatError("an array of something else than numbers")
    order = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else "="
    return np.dtype((order if order in ("<", ">") else "=") + kind)


def _pickled_array(data: Any, dtype: np.dtype[Any], shape: Any, fortran: bool) -> NDArray[Any]:
    return _array(_bytes_of(data, _size(shape, dtype)), dtype, shape, fortran)


def _size(shape: Any, dtype: np.dtype[Any]) -> int:
    """Bytes of an array in one or two dimensions."""
    if not isinstance(shape, tuple) or len(shape) > 2 or not all(isinstance(n, int) and 0 <= n < 1 << 48 for n in shape):
        raise FormatError("an array without a shape")
    return math.prod(shape) * dtype.itemsize


def _bytes_of(value: Any, size: int) -> bytes:
    """Bytes, or what Python 2's protocols make of them: latin1 text, or a call to encode it.

    `size` is what there must be, looked at before anything is copied: a file may refer to one text a million times.
    """
    if isinstance(value, Object) and value.kind == Name("_codecs", "encode") and len(value.args) == 2:
        value = value.args[0]
    elif isinstance(value, Object) and value.kind.name in ("bytearray", "bytes") and not value.args:
        value = b""
    if isinstance(value, (str, bytes)) and len(value) != size:
        raise FormatError(_MISFIT)
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            raise FormatError("an array of text") from None
    if not isinstance(value, bytes):
        raise FormatError("an array of objects")
    return value


def _array(data: bytes | NDArray[np.uint8], dtype: np.dtype[Any], shape: Any, fortran: bool) -> NDArray[Any]:
    if _size(shape, dtype) != len(data):
        raise FormatError(_MISFIT)
    array: NDArray[Any] = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return array


def read_npy(path: str) -> NDArray[Any]:
    """The array of an .npy file, memory-mapped. FormatError unless it holds numbers, in one or two dimensions."""
    with Source(path) as source:
        data = source.whole()
    version = data[6:7].tobytes()
    width = {b"\x01": 2, b"\x02": 4, b"\x03": 4}.get(version, 0)
    if data[:6].tobytes() != b"\x93NUMPY" or not width:
        raise FormatError(f"{path}: not an .npy file")
    begin = 8 + width
    end = begin + int.from_bytes(data[8:begin].tobytes(), "little")
    match = _NPY_HEADER.fullmatch(data[begin:end].tobytes().decode("latin-1")) if end - begin < 1 << 16 else None
    if not match:
        raise FormatError(f"{path}: not an array of numbers", "arrays of objects are never read: they may run code")
    shape = tuple(int(n) for n in match.groups()[3:] if n is not None)
    dtype = np.dtype(match[1].replace("|", "=") + match[2])
    size = math.prod(shape) * dtype.itemsize
    if size > len(data) - end:
        raise TruncatedError(f"{path} ends too early: its array takes {size:,} bytes", "the file is cut off")
    try:
        return _array(data[end : end + size], dtype, shape, match[3] == "True")
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
