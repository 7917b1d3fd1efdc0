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
from .loaded import Loaded, Options
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
    with Source(path) as source:
        return _load(source, KeyedVectors, Options(mmap=mmap))


def read(source: Source, options: Options, cls: type[KeyedVectors] = KeyedVectors) -> KeyedVectors:
    """The word vectors of a file alone."""
    return _load(source, cls, options).kv


def _load(source: Source, cls: type[KeyedVectors], options: Options) -> GensimModel:
    options.only_utf8("gensim's models")
    options.no_datatype("gensim's models")
    root = pickled.read(source.whole().data, source.name, _ALLOWED.__contains__)
    if not isinstance(root, Object) or root.kind.module not in _MODELS:
        raise FormatError(f"{source.name}: a pickle, but not a model of gensim")
    try:
        model = dict(_attributes(root, source.name))
        for part in _PARTS:
            if isinstance(model.get(part), Object):
                model |= {n: v for n, v in _attributes(model[part], f"{source.name}.{part}") if n not in model}
        inner = model.get("wv")
        vectors = dict(_attributes(inner, f"{source.name}.wv")) if isinstance(inner, Object) else model
        return _model(root.kind.name, model, vectors, cls, options, source.name)
    except FormatError as error:
        named = str(error).startswith(source.name)
        raise error if named else type(error)(f"{source.name}: {error}", error.hint) from None


def _attributes(thing: Object, path: str) -> Iterator[tuple[str, Any]]:
    """(name, value) of an object saved as `path`; arrays that were put into files of their own included."""
    state = thing.state[0] if isinstance(thing.state, tuple) and thing.state else thing.state
    if not isinstance(state, dict):
        raise FormatError(f"the {thing.kind.name} in it has no content")
    for name in arrays.list_of(state.get("__numpys")) or ():
        if not isinstance(name, str) or not _ATTRIBUTE.fullmatch(name):
            raise FormatError("it names a file that is not beside it", "a file of an untrusted origin may be an attack")
        if path.endswith((".gz", ".bz2")):
            raise FormatError(f"its array {name!r} lies in a compressed .npz file", "save it with gensim under another name")
        yield name, arrays.read_npy(f"{path}.{name}.npy")
    for name, value in state.items():
        if isinstance(name, str) and not name.startswith("__"):
            yield name, value


def _model(
    kind: str,
    model: Mapping[str, Any],
    vectors: Mapping[str, Any],
    cls: type[KeyedVectors],
    options: Options,
    name: str,
) -> GensimModel:
    keys = arrays.list_of(next((vectors[k] for k in _KEYS if vectors.get(k) is not None), None))
    matrix = next((m for k in _VECTORS if (m := _array(vectors, k)) is not None), None)
    if matrix is None and keys is not None:
        matrix = _from_subwords(vectors, keys)
    if keys is None or matrix is None or matrix.ndim != 2 or matrix.dtype.kind != "f" or len(keys) != len(matrix):
        raise FormatError("it has no word vectors")
    kept = _usable(keys, options, name)
    whole = len(kept) == len(keys)

    def chosen(array: NDArray[Any]) -> NDArray[Any]:
        rows = array[: len(kept)] if whole or kept[-1] == len(kept) - 1 else array[kept]
        return rows if options.mmap or not whole else np.array(rows)

    columns, codes, points = _word_attributes(vectors, keys)
    kv = Loaded([keys[i] for i in kept], chosen(matrix)).to_keyed_vectors(cls)
    kv.expandos.update({column: np.array(chosen(values)) for column, values in columns.items()})
    return GensimModel(
        kind,
        kv,
        w_out=_array(model, "syn1neg"),
        w_node=_array(model, "syn1"),
        points=points,
        codes=codes,
        parameters={_RENAMED.get(n, n): v for n, v in model.items() if isinstance(v, (int, float, str)) or v is None},
    )


def _from_subwords(vectors: Mapping[str, Any], keys: list[Any]) -> NDArray[Any] | None:
    """The word vectors of gensim 4's FastText, which saves only what they are made of."""
    own, buckets = _array(vectors, "vectors_vocab"), _array(vectors, "vectors_ngrams")
    numbers = [vectors.get(name) for name in ("bucket", "min_n", "max_n")]
    whole = all(isinstance(n, int) for n in numbers) and all(isinstance(key, str) for key in keys)
    if own is None or buckets is None or not whole or vectors.get("compatible_hash") is not True:
        return None
    subwords = Subwords(*numbers)  # type: ignore[arg-type]
    fits = own.ndim == buckets.ndim == 2 and own.shape[1] == buckets.shape[1] and len(own) == len(keys)
    if not fits or (subwords.longest and len(buckets) != subwords.bucket):
        return None
    words = [key.encode("utf-8", "surrogatepass") for key in keys]
    return means(words, own.astype(np.float32, copy=False), buckets.astype(np.float32, copy=False), subwords)


def _array(held: Mapping[str, Any], name: str) -> NDArray[Any] | None:
    value = held.get(name)
    return value if isinstance(value, np.ndarray) else arrays.array_of(value)


def _usable(keys: list[Any], options: Options, name: str) -> list[int]:
    """The rows with a key, each key once: gensim 4 leaves None behind where a file it read held a word twice."""
    first: dict[Any, int] = {}
    for i, key in enumerate(keys):
        if isinstance(key, (str, int)):
            first.setdefault(key, i)
        elif key is not None:
            raise FormatError("a key is neither text nor a number")
    if len(first) < len(keys):
        logger.warning("%s: %d rows have no key, or one that occurred before, and were left out", name, len(keys) - len(first))
    return list(first.values())[: options.limit]


def _word_attributes(
    vectors: Mapping[str, Any], keys: list[Any]
) -> tuple[dict[str, NDArray[Any]], list[NDArray[Any]] | None, list[NDArray[Any]] | None]:
    """The numbers kept for each word (count, sample_int, ...), then codes and points of the Huffman tree, if any."""
    expandos = vectors.get("expandos")
    if isinstance(expandos, dict):
        columns = {
            column: found
            for column, value in expandos.items()
            if isinstance(column, str) and arrays.list_of(value) is None and (found := arrays.array_of(value)) is not None
        }
        trees = {column: arrays.list_of(expandos.get(column)) for column in ("code", "point")}
    else:
        columns, trees = _old_attributes(vectors.get("vocab"), keys)
    fitting = {column: values for column, values in columns.items() if values.shape == (len(keys),)}
    return fitting, _paths(trees["code"]), _paths(trees["point"])


def _old_attributes(vocab: Any, keys: list[Any]) -> tuple[dict[str, NDArray[Any]], dict[str, list[Any] | None]]:
    """The same from gensim before 4, where each word had an object of its own."""
    if isinstance(vocab, Object):
        vocab = vocab.items
    entries = [vocab.get(key) for key in keys] if isinstance(vocab, dict) else []
    states = [entry.state if isinstance(entry, Object) and isinstance(entry.state, dict) else {} for entry in entries]
    columns: dict[str, NDArray[Any]] = {}
    for column, dtype in (("count", np.int64), ("sample_int", np.uint32)):
        values = [arrays.scalar_of(state.get(column)) for state in states]
        if values and all(isinstance(value, int) and 0 <= value <= np.iinfo(dtype).max for value in values):
            columns[column] = np.array(values, dtype)
    trees: dict[str, list[Any] | None] = {name: [state.get(name) for state in states] for name in ("code", "point")}
    return columns, trees


def _paths(values: list[Any] | None) -> list[NDArray[Any]] | None:
    found = [arrays.array_of(value) for value in values or ()]
    return [path for path in found if path is not None] if found and all(path is not None for path in found) else None
