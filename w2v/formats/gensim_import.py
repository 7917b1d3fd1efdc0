"""Reads models that gensim saved, versions 0.12 to 4.x, without gensim and without running anything in them.

A .kv or .model file is a pickle, big arrays lie in .npy files beside it. pickled.py reads the first as data, arrays.py
the others; here is what attributes were called over the years, and the list of names that have a place in such a file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..vectors import KeyedVectors
from . import arrays, pickled
from .files import Path, Source
from .loaded import Loaded, Options, check_counts
from .pickled import Name, Object
from .subwords import Subwords, means

logger = logging.getLogger(__name__)

_MODELS = {
    "gensim.models.word2vec": "Word2Vec Word2VecVocab Word2VecTrainables Vocab",
    "gensim.models.keyedvectors": "KeyedVectors Word2VecKeyedVectors EuclideanKeyedVectors WordEmbeddingsKeyedVectors "
    "BaseKeyedVectors FastTextKeyedVectors Doc2VecKeyedVectors Vocab CompatVocab SimpleVocab",
    "gensim.models.fasttext": "FastText FastTextVocab FastTextTrainables FastTextKeyedVectors",
    "gensim.models.doc2vec": "Doc2Vec Doc2VecVocab Doc2VecTrainables DocvecsArray Doctag",
    "gensim.models.wrappers.fasttext": "FastText FastTextKeyedVectors",
    "gensim.utils": "call_on_class_only",
}
_PYTHON = {
    "builtins": "object hash int set frozenset bytearray bytes",
    "__builtin__": "object hash int long set frozenset bytearray str",
    "collections": "defaultdict OrderedDict",
    "UserString": "defaultdict",  # where Python 2 found it once
    "copyreg": "_reconstructor",
    "copy_reg": "_reconstructor",
    "_codecs": "encode",
    "numpy.random": "__RandomState_ctor",
    "numpy.random._pickle": "__randomstate_ctor __generator_ctor __bit_generator_ctor",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64",
    "numpy.random._sfc64": "SFC64",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
}
_ALLOWED = arrays.NAMES | {Name(m, n) for group in (_MODELS, _PYTHON) for m, names in group.items() for n in names.split()}

# What attributes were called before gensim 4, in the order in which they are looked for.
_KEYS = ("index_to_key", "index2word", "index2entity")
_VECTORS = ("vectors", "syn0")
_RENAMED = {"size": "vector_size", "iter": "epochs"}
_PARTS = ("vocabulary", "trainables")  # where gensim 3 kept some of a model's attributes
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")

# A file may refer to one array, or one text, a million times at two bytes each. What would be copied each time is bounded.
_MOST_COLUMNS = 64  # attributes of the words; gensim's have four
_LONGEST_PATH = 128  # in a Huffman tree: counts below 2**63 make no path longer than 91


@dataclass(frozen=True)
class GensimModel:
    """What a gensim file holds. Matrices that lie in .npy files are memory-mapped and read-only.

    kind        the name of its class: "Word2Vec", "KeyedVectors", "FastText", ...
    w_out       syn1neg, (V, D): the output layer of negative sampling
    w_node      syn1, that of hierarchical softmax; word i's path is points[i] (rows of it), codes[i] (0 or 1)
    parameters  the plain attributes, under gensim 4's names: vector_size, window, epochs, corpus_count, ...
    """

    kind: str
    kv: KeyedVectors
    w_out: NDArray[np.floating[Any]] | None
    w_node: NDArray[np.floating[Any]] | None
    points: list[NDArray[Any]] | None
    codes: list[NDArray[Any]] | None
    parameters: dict[str, int | float | str | bool | None]


def is_pickle(head: bytes) -> bool:
    """Whether a file may be a pickle of protocol 2 to 5."""
    return len(head) > 2 and head[0] == 0x80 and head[1] in (2, 3, 4, 5)


def load_model(path: Path, mmap: bool = True) -> GensimModel:
    """Read a model or keyed vectors. Raises FormatError for what is neither, and for files that would run code."""
    with Source(path) as source, _Named(source):
        kind, model, vectors = _parts(source)
        loaded, kept = _loaded(vectors, Options(mmap=mmap), source.name)
        codes, points = _trees(vectors, kept)
        output, nodes = (_array(model, name) for name in ("syn1neg", "syn1"))
        return GensimModel(
            kind,
            loaded.to_keyed_vectors(KeyedVectors),
            w_out=None if output is None else _rows(output, kept, mmap),
            w_node=nodes if nodes is None or mmap else np.array(nodes),
            points=points,
            codes=codes,
            parameters={_RENAMED.get(name, name): scalar for name, scalar in _scalars(model)},
        )


def read(source: Source, options: Options) -> Loaded:
    """The word vectors of a file alone."""
    options.only_utf8("gensim's models")
    options.no_datatype("gensim's models")
    with _Named(source):
        return _loaded(_parts(source)[2], options, source.name)[0]


class _Named:
    """Puts the name of the file before what is wrong with it. A class for the reason that errors.Explained is one."""

    def __init__(self, source: Source) -> None:
        self._name = source.name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, FormatError) and self._name not in str(error):
            raise FormatError(f"{self._name}: {error}", error.hint) from None


def _parts(source: Source) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The class of the model, the attributes of the model, and those of its vectors, which may be the same."""
    size = None if source.plain else source.size
    root = pickled.read(source.whole().data, source.name, _ALLOWED.__contains__, size)
    if not isinstance(root, Object) or root.kind.module not in _MODELS:
        raise FormatError("a pickle, but not a model of gensim")
    name = source.name
    model = dict(_attributes(root, name, name))
    for part in _PARTS:
        if isinstance(model.get(part), Object):
            model |= {n: v for n, v in _attributes(model[part], name, f"{name}.{part}") if n not in model}
    inner = model.get("wv")
    return root.kind.name, model, dict(_attributes(inner, name, f"{name}.wv")) if isinstance(inner, Object) else model


def _attributes(thing: Object, file: str, prefix: str) -> Iterator[tuple[str, Any]]:
    """(name, value) of an object in `file`; arrays in files of their own, named `prefix`.attribute.npy, included."""
    state = thing.state[0] if isinstance(thing.state, tuple) and thing.state else thing.state
    if not isinstance(state, dict):
        raise FormatError(f"the {thing.kind.name} in it has no content")
    names = arrays.list_of(state.get("__numpys")) or ()
    if not all(isinstance(name, str) and _ATTRIBUTE.fullmatch(name) for name in names):
        raise FormatError("it names a file that is not beside it", "a file of an untrusted origin may be an attack")
    for name in dict.fromkeys(names):
        if file.endswith((".gz", ".bz2")):
            raise FormatError(f"its array {name!r} lies in a compressed .npz file", "save it with gensim under another name")
        yield name, arrays.read_npy(f"{prefix}.{name}.npy")
    for name, value in state.items():
        if isinstance(name, str) and not name.startswith("__"):
            yield name, value


def _loaded(vectors: Mapping[str, Any], options: Options, name: str) -> tuple[Loaded, list[int]]:
    """The words and their vectors, and which rows of the file they are."""
    keys = _keys(vectors)
    if keys is None:
        raise FormatError("it has no word vectors")
    kept = _usable(keys, options, name)
    matrix = next((m for k in _VECTORS if (m := _array(vectors, k)) is not None), None)
    if matrix is None:
        matrix = _from_subwords(vectors, keys, kept)
    else:
        matrix = _rows(matrix, kept, options.mmap) if matrix.ndim == 2 and len(matrix) == len(keys) else None
    if matrix is None or matrix.dtype.kind != "f":
        raise FormatError("it has no word vectors")
    columns = {column: values for column, values in _columns(vectors, keys).items() if values.shape == (len(keys),)}
    if len(columns) > _MOST_COLUMNS:
        raise FormatError(f"it has {len(columns):,} attributes of its words, of at most {_MOST_COLUMNS}")
    attributes = {column: _rows(values, kept, False) for column, values in columns.items()}
    if "count" in attributes:
        check_counts(attributes["count"], name)
    return Loaded([keys[i] for i in kept], matrix, attributes), kept


def _rows(array: NDArray[Any], kept: list[int], mmap: bool) -> NDArray[Any]:
    """The rows `kept`, which rise: a view if they are the first ones and `mmap`, else a copy."""
    if kept and kept[-1] >= len(array):
        raise FormatError("it has fewer rows than words")
    if kept and kept[-1] != len(kept) - 1:
        return array[kept]
    return array[: len(kept)] if mmap else np.array(array[: len(kept)])


def _from_subwords(vectors: Mapping[str, Any], keys: list[Any], kept: list[int]) -> NDArray[Any] | None:
    """The word vectors, rows `kept`, of gensim 4's FastText, which saves only what they are made of."""
    own, buckets = _array(vectors, "vectors_vocab"), _array(vectors, "vectors_ngrams")
    numbers = [vectors.get(name) for name in ("bucket", "min_n", "max_n")]
    whole = all(isinstance(n, int) for n in numbers) and all(isinstance(keys[i], str) for i in kept)
    if own is None or buckets is None or not whole or vectors.get("compatible_hash") is not True:
        return None
    subwords = Subwords(*numbers)  # type: ignore[arg-type]
    fits = own.ndim == buckets.ndim == 2 and own.shape[1] == buckets.shape[1] and len(own) == len(keys)
    if not fits or (subwords.longest and len(buckets) != subwords.bucket):
        return None
    words = [keys[i].encode("utf-8", "surrogatepass") for i in kept]
    own = _rows(own, kept, True).astype(np.float32, copy=False)
    return means(words, own, buckets.astype(np.float32, copy=False), subwords)


def _array(held: Mapping[str, Any], name: str) -> NDArray[Any] | None:
    value = held.get(name)
    return value if isinstance(value, np.ndarray) else arrays.array_of(value)


def _scalars(held: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in held.items():
        try:
            yield name, arrays.scalar_of(value)
        except FormatError:
            continue  # an array, a list, an object: not a parameter


def _keys(vectors: Mapping[str, Any]) -> list[Any] | None:
    return arrays.list_of(next((vectors[k] for k in _KEYS if vectors.get(k) is not None), None))


def _usable(keys: list[Any], options: Options, name: str) -> list[int]:
    """The rows with a key, each key once: gensim 4 leaves None behind where a file it read held a word twice."""
    first: dict[Any, int] = {}
    for i, key in enumerate(keys):
        if isinstance(key, (str, int)) and pickled.is_key(key):
            first.setdefault(key, i)
        elif key is not None:
            raise FormatError("a key is neither text nor a number")
    if len(first) < len(keys):
        logger.warning("%s: %d rows have no key, or one that occurred before, and were left out", name, len(keys) - len(first))
    return list(first.values())[: options.limit]


def _columns(vectors: Mapping[str, Any], keys: list[Any]) -> dict[str, NDArray[Any]]:
    """The numbers kept for each word: count, sample_int, ..."""
    expandos = vectors.get("expandos")
    columns: dict[str, NDArray[Any]] = {}
    if isinstance(expandos, dict):
        for column, value in expandos.items():
            if isinstance(column, str) and column not in ("code", "point"):
                try:
                    found = arrays.array_of(value)
                except FormatError as error:
                    logger.warning("the attribute %r is not read: %s", column, error)
                    continue
                columns |= {} if found is None else {column: found}
        return columns
    states = _old_entries(vectors, keys)
    for column, dtype in (("count", np.int64), ("sample_int", np.uint32)):
        values = [arrays.scalar_of(state.get(column)) for state in states]
        if values and all(isinstance(value, int) and 0 <= value <= np.iinfo(dtype).max for value in values):
            columns[column] = np.array(values, dtype)
    return columns


def _trees(vectors: Mapping[str, Any], kept: list[int]) -> tuple[list[NDArray[Any]] | None, list[NDArray[Any]] | None]:
    """Codes and points of the Huffman tree, for the words that are kept; None without a tree."""
    expandos = vectors.get("expandos")
    if isinstance(expandos, dict):
        codes, points = arrays.list_of(expandos.get("code")), arrays.list_of(expandos.get("point"))
    else:
        states = _old_entries(vectors, _keys(vectors) or [])
        codes, points = [state.get("code") for state in states], [state.get("point") for state in states]
    return _paths(codes, kept), _paths(points, kept)


def _paths(values: list[Any] | None, kept: list[int]) -> list[NDArray[Any]] | None:
    if not values or not kept or kept[-1] >= len(values):
        return None
    found = []
    for i in kept:
        path = arrays.array_of(values[i])
        if path is None:
            return None
        if path.ndim != 1 or path.dtype.kind not in "iu" or len(path) > _LONGEST_PATH:
            raise FormatError("the paths of its Huffman tree are none")
        found.append(path)
    return found


def _old_entries(vectors: Mapping[str, Any], keys: list[Any]) -> list[dict[Any, Any]]:
    """What gensim before 4 kept in an object for each word."""
    vocab = vectors.get("vocab")
    if isinstance(vocab, Object):
        vocab = vocab.items
    entries = [vocab.get(key) if pickled.is_key(key) else None for key in keys] if isinstance(vocab, dict) else []
    return [entry.state if isinstance(entry, Object) and isinstance(entry.state, dict) else {} for entry in entries]
