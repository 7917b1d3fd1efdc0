"""w2v's own format: one safetensors file with everything a model is, mapped into memory when it is read.

    vectors       (V, D) float32 (or float16, float64, as they were)
    norms         (V,)   their lengths
    words         uint8  the words in UTF-8, one behind the other
    word_offsets  (V + 1,) int64: word i is words[word_offsets[i]:word_offsets[i + 1]]
    counts        (V,) int64, if known
    w_out         (V, D) float32, the output layer of negative sampling, if kept
    w_node        (V - 1, D) float32, that of hierarchical softmax, if kept
    attr.NAME     (V,) numbers: any other attribute of the words

The metadata hold "format": "w2v", "version": "1" and, as JSON, "config" (TrainConfig.to_dict()) and "record", what is
known of the training run. Any safetensors reader opens the file; nothing in it can run code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import TrainConfig
from ..errors import FormatError
from ..vectors import KeyedVectors, PackedWords
from ..vocab import pack
from . import tensors
from .files import COMPRESSED, Path, Source, created
from .loaded import Loaded, Options, check_counts, is_utf8
from .rows_out import check_complete, numbers_of

_VERSION = "1"
_ATTRIBUTE = "attr."


@dataclass(frozen=True)
class NativeModel:
    """All a native file holds; what it does not hold is None. Matrices are read-only while they are memory-mapped."""

    kv: KeyedVectors
    w_out: NDArray[np.float32] | None = None
    w_node: NDArray[np.float32] | None = None
    config: TrainConfig | None = None
    record: dict[str, Any] | None = None


def save_model(
    path: Path,
    kv: KeyedVectors,
    *,
    w_out: NDArray[np.float32] | None = None,
    w_node: NDArray[np.float32] | None = None,
    config: TrainConfig | None = None,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Write a model; `path` is replaced only when all is written. Matrices may be views with padded rows.

    Raises FormatError for shapes that do not fit, keys that are not text, a name that asks for compression.
    """
    if str(path).lower().endswith(COMPRESSED):
        raise FormatError(f"{path}: the native format is memory-mapped and not compressed", "leave the suffix out")
    check_complete(kv)
    content: dict[str, NDArray[Any]] = {"vectors": kv.vectors}
    kv.fill_norms()
    content["norms"] = np.asarray(kv.norms)
    content["words"], content["word_offsets"] = _packed(kv)
    content |= _attributes(kv)
    for name, matrix, rows in (("w_out", w_out, len(kv)), ("w_node", w_node, max(len(kv) - 1, 0))):
        if matrix is not None:
            if matrix.shape != (rows, kv.vector_size):
                raise FormatError(f"{name} has the shape {matrix.shape}; ({rows}, {kv.vector_size}) is expected")
            content[name] = np.asarray(matrix, np.float32)
    metadata = {"format": "w2v", "version": _VERSION}
    if config is not None:
        metadata["config"] = json.dumps(config.to_dict())
    if record is not None:
        metadata["record"] = json.dumps(record)
    with created(path) as file:
        tensors.write(file, content, metadata)


def _packed(kv: KeyedVectors) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    packed = kv._packed  # of a freshly trained or loaded model: a list of millions of strings is never made
    if packed is not None and is_utf8(packed.blob, packed.offsets):
        return packed.blob, packed.offsets
    if not all(isinstance(key, str) for key in kv.index_to_key):
        odd = next(key for key in kv.index_to_key if not isinstance(key, str))
        raise FormatError(f"the key {odd!r} is not text, which is all this format holds")
    return pack(kv.index_to_key)


def _attributes(kv: KeyedVectors) -> dict[str, NDArray[Any]]:
    held = {}
    for name, values in numbers_of(kv):
        if name == "count" and values.dtype.kind in "iu":
            held["counts"] = values.astype(np.int64)
        else:
            held[_ATTRIBUTE + name] = values
    return held


def load_model(path: Path, mmap: bool = True) -> NativeModel:
    """Read a model; with `mmap` its matrices stay in the file until they are touched, and are read-only.

    Raises FormatError, TruncatedError if the file is not whole, ConfigError for parameters that are none.
    """
    with Source(path) as source:
        file = _parse(source)
        kv = _vectors(file, Options(mmap=mmap)).to_keyed_vectors(KeyedVectors)
    outer = {key: _held(file.tensors[key], mmap) if key in file.tensors else None for key in ("w_out", "w_node")}
    config, record = _json(file, "config", source.name), _json(file, "record", source.name)
    return NativeModel(kv, **outer, config=None if config is None else TrainConfig.from_dict(config), record=record)


def read(source: Source, options: Options) -> Loaded:
    """The vectors of a file alone."""
    options.only_utf8("the native format")
    options.no_datatype("the native format")
    return _vectors(_parse(source), options)


def _parse(source: Source) -> tensors.File:
    """A file that is whole in all respects."""
    name, file = source.name, tensors.parse(source.whole(), source.name)
    if file.metadata.get("format") != "w2v":
        raise FormatError(f"{name}: a safetensors file, but not one of w2v", f"it holds {', '.join(list(file.tensors)[:5])}")
    if file.metadata.get("version") != _VERSION:
        version = file.metadata.get("version", "")[:20]
        raise FormatError(f"{name}: version {version!r} of the format is not known", "a newer w2v may read it")
    _check_shapes(file.tensors, name)
    if "counts" in file.tensors:
        check_counts(file.tensors["counts"], name)
    _check_words(file.tensors["words"], file.tensors["word_offsets"], name)
    return file


def _vectors(file: tensors.File, options: Options) -> Loaded:
    held = file.tensors
    rows = len(held["vectors"])
    kept = rows if options.limit is None else min(rows, options.limit)
    offsets = _held(held["word_offsets"][: kept + 1], options.mmap)
    words = PackedWords(_held(held["words"][: offsets[-1]], options.mmap), offsets)
    attributes = {key.removeprefix(_ATTRIBUTE): values for key, values in held.items() if key.startswith(_ATTRIBUTE)}
    if "counts" in held:
        attributes["count"] = held["counts"]
    return Loaded(
        words,
        _held(held["vectors"][:kept], options.mmap),
        {name: _held(values[:kept], options.mmap) for name, values in attributes.items()},
        _held(held["norms"][:kept], options.mmap),
    )


def _held(array: NDArray[Any], mmap: bool) -> NDArray[Any]:
    """A view of the mapped file, or a copy that can be changed."""
    return array if mmap else np.array(array)


def _check_shapes(held: Mapping[str, NDArray[Any]], name: str) -> None:
    """Every tensor is known, there, and of the type and shape that the others ask for."""
    for key in ("vectors", "norms", "words", "word_offsets"):
        if key not in held:
            raise FormatError(f"{name}: the tensor {key!r} is missing")
    if held["vectors"].ndim != 2:
        raise FormatError(f"{name}: the vectors are no matrix")
    rows, dim = held["vectors"].shape
    expected: dict[str, tuple[tuple[int, ...], str]] = {
        "vectors": ((rows, dim), "efd"),
        "norms": ((rows,), "fd"),
        "words": ((held["words"].size,), "B"),
        "word_offsets": ((rows + 1,), "l"),
        "counts": ((rows,), "l"),
        "w_out": ((rows, dim), "f"),
        "w_node": ((max(rows - 1, 0), dim), "f"),
    }
    for key, array in held.items():
        if key not in expected and not key.startswith(_ATTRIBUTE):
            raise FormatError(f"{name}: the tensor {key[:40]!r} is unknown", "a newer w2v may have written it")
        shape, types = expected.get(key, ((rows,), np.typecodes["AllInteger"] + "efd?"))
        if array.shape != shape or not any(array.dtype == np.dtype(code) for code in types):
            raise FormatError(f"{name}: the tensor {key[:40]!r} is {array.dtype} {array.shape}; {shape} is expected")


def _check_words(blob: NDArray[np.uint8], offsets: NDArray[np.int64], name: str) -> None:
    """Offsets in order, whole letters, valid UTF-8: 10 ms for a million words, and no surprise later."""
    if offsets[0] != 0 or offsets[-1] != len(blob) or (np.diff(offsets) < 0).any():
        raise FormatError(f"{name}: the word offsets do not match the bytes of the words")
    if not is_utf8(blob, offsets):
        raise FormatError(f"{name}: its words are not valid UTF-8")


def _json(file: tensors.File, key: str, name: str) -> Any:
    if key not in file.metadata:
        return None
    try:
        value = json.loads(file.metadata[key])
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise FormatError(f"{name}: the {key} in its metadata is not a JSON object")
    return value
