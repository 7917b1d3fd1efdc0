"""A model to and from one native file. Owns which of its attributes travel, and under which names; formats.native owns
the file.

The vectors and both output layers are tensors, everything else is JSON in the file's metadata. Functions (hashfxn,
trim_rule, callbacks) do not travel.
"""

from __future__ import annotations

import json
import logging
import os
from typing import Any

import numpy as np

from .. import formats
from ..config import CbowGradient, Saturation, TrainConfig
from ..errors import ConfigError, FormatError, NotAModelError
from ..formats import gensim_import, native
from ..huffman import build_tree
from ..kernels import Tree, aligned, padded
from ..vectors import KeyedVectors, PackedWords
from .counts import RawVocab
from .matrices import with_pads
from .nodes import DERIVED, carry_nodes
from .source import is_number, spell, unspell
from .state import ModelState

logger = logging.getLogger("w2v.model")

Path = str | os.PathLike[str]

# What training is told, by the names that TrainConfig and gensim share, where _FLAGS are 0 or 1.
_SHARED = (
    "vector_size", "window", "sg", "hs", "negative", "ns_exponent", "sample", "alpha", "min_alpha", "epochs",
    "min_count", "max_final_vocab", "shrink_windows", "cbow_mean", "seed", "noise_group",
    "deterministic",
)  # fmt: skip
_OTHERS = (
    "layer1_size", "effective_min_count", "max_vocab_size", "sorted_vocab", "null_word", "workers", "batch_words",
    "compute_loss", "running_training_loss", "min_alpha_yet_reached", "comment", "corpus_count", "corpus_total_words",
    "train_count", "total_train_time", "lifecycle_events", "device", "_was_scanned",
)  # fmt: skip
_MAY_BE_NONE = (
    "noise_group",
    "max_final_vocab",
    "max_vocab_size",
    "corpus_count",
    "corpus_total_words",
    "lifecycle_events",
    "sample",
)
_FLAGS = ("sg", "hs", "cbow_mean")
_LOCK = "vectors_lockf"  # as an attribute of the words


def save(model: ModelState, path: Path) -> None:
    """Write a model to `path`, which is replaced only when all is written. Raises FormatError, OSError."""
    rows = len(model.wv)
    state: dict[str, Any] = {name: getattr(model, name) for name in (*_SHARED, *_OTHERS)}
    state["cbow_gradient"], state["saturation"] = model.cbow_gradient.value, model.saturation.value
    state["numbers"] = any(is_number(key) for key in model.wv.index_to_key)
    state["lock"] = np.atleast_1d(model.wv.vectors_lockf).tolist() if np.size(model.wv.vectors_lockf) != rows else None
    if model.hashfxn is not hash:
        name = getattr(model.hashfxn, "__qualname__", type(model.hashfxn).__name__)
        state["hashfxn"] = f"{getattr(model.hashfxn, '__module__', '')}.{name}"
    if model._raw is not None:
        state["raw_vocab"] = {"words": model._raw.take(model._raw.order), "counts": model._raw.counts[model._raw.order]}
    out, node = model._out, model._node
    native.save_model(
        path,
        _vectors_to_write(model),
        w_out=None if out is None or len(out) != rows else model.syn1neg,
        w_node=None if node is None or len(node) != rows else model.syn1[: max(rows - 1, 0)],
        config=_config_of(model),
        record={"word2vec": json.loads(json.dumps(state, default=_plain))},
    )


def _vectors_to_write(model: ModelState) -> KeyedVectors:
    """The vectors with the attributes that a file can hold; words that are numbers are spelled."""
    wv = model.wv
    counts = model._counts if len(model._counts) == len(wv) else wv.expandos.get("count")
    vectors = wv.vectors if len(wv.vectors) == len(wv) else np.zeros((len(wv), wv.vector_size), np.float32)
    words = PackedWords.pack(spell(key) for key in wv.index_to_key)
    kv = KeyedVectors.from_arrays(words, vectors, counts=counts)
    kv.expandos |= {name: values for name, values in wv.expandos.items() if name not in (*DERIVED, "count")}
    if np.size(wv.vectors_lockf) == len(wv):
        kv.expandos[_LOCK] = np.asarray(wv.vectors_lockf, np.float32).reshape(-1)
    return kv


def _config_of(model: ModelState) -> TrainConfig | None:
    """The settings of the engine; none where they are not usable (yet)."""
    try:
        return model._config().replace(seed=model.seed)
    except ConfigError:
        return None


def _plain(value: Any) -> Any:
    """JSON for what json does not know: numbers and arrays of numpy; anything else as it prints."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)


def load(model: ModelState, path: Path, mmap: bool) -> None:
    """Fill a new `model`, in the state of its defaults, from a native file or one of gensim's.

    Raises NotAModelError for a file that holds vectors only, FormatError, FileError.
    """
    kind = formats.sniff(path)
    if kind == "native":
        _load_native(model, path, native.load_model(path, mmap=mmap))
    elif kind == "gensim":
        _load_gensim(model, path, gensim_import.load_model(path, mmap=mmap))
    else:
        raise _vectors_only(path)


def _vectors_only(path: Path) -> NotAModelError:
    name = os.fspath(path)
    return NotAModelError(f"{name} holds vectors only, no model that can be trained", "load it by KeyedVectors.load()")


def _load_native(model: ModelState, path: Path, found: native.NativeModel) -> None:
    record = {} if found.record is None else found.record
    state, config = record.get("word2vec"), found.config
    if state is None and (config is None or found.w_out is found.w_node is None):
        raise _vectors_only(path)
    try:
        if state is not None:
            _restore(model, state, found.kv)
        elif config is not None:
            _restore_config(model, config, record)
        if config is not None:
            model._config()  # the record must be as usable as the configuration, which was checked already
        if found.kv.vector_size != model.vector_size:
            raise ValueError(f"vectors of {found.kv.vector_size} numbers, not {model.vector_size}")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{os.fspath(path)}: the record of the model is damaged ({error!s:.100})") from None
    _take_vectors(model, found.kv)
    model._out = found.w_out
    model._node = None if found.w_node is None else with_pads(found.w_node, len(found.kv))


def _restore(model: ModelState, state: dict[str, Any], kv: KeyedVectors) -> None:
    """The attributes of a model that save() wrote; what is not there keeps its default."""
    for name in (*_SHARED, *_OTHERS):
        if name in state:
            setattr(model, name, _checked(name, state[name], getattr(model, name)))
    model.cbow_gradient, model.saturation = CbowGradient(state["cbow_gradient"]), Saturation(state["saturation"])
    if state.get("hashfxn") is not None:
        message = "the model was made with hashfxn=%s, which no file holds: set it before words are added"
        logger.warning(message, state["hashfxn"])
    raw = state.get("raw_vocab")
    if raw is not None:
        model._raw = RawVocab.of(dict(zip(raw["words"], raw["counts"], strict=True)))
    lock = kv.expandos.pop(_LOCK, None)
    kv.vectors_lockf = np.array(state["lock"] if lock is None else lock, np.float32)
    if kv.vectors_lockf.shape not in ((1,), (len(kv),)):
        raise ValueError(f"lock factors of shape {kv.vectors_lockf.shape}")
    if state["numbers"]:
        kv.index_to_key = [unspell(word) for word in kv.index_to_key]


def _checked(name: str, value: Any, default: Any) -> Any:
    """A value from a file, which must be of the kind of the default. Raises TypeError."""
    if name == "comment" or (value is None and name in _MAY_BE_NONE):
        return value
    kinds: Any = (int, float) if isinstance(default, float) else int if default is None else type(default)
    if not isinstance(value, kinds):
        raise TypeError(f"{name} is {value!r:.60}")
    if name == "seed" and value < 0:
        raise TypeError("the seed is negative")
    return value


def _restore_config(model: ModelState, config: TrainConfig, record: dict[str, Any]) -> None:
    """The attributes of a model that `w2v train` wrote."""
    for name in _SHARED:
        value = getattr(config, name)
        setattr(model, name, int(value) if name in _FLAGS else value)
    model.alpha, model.min_alpha_yet_reached = config.start_alpha, config.min_alpha
    model.cbow_gradient, model.saturation = config.cbow_gradient, config.saturation
    model.layer1_size, model.workers, model.effective_min_count = config.vector_size, config.threads, config.min_count
    model.corpus_count, model.corpus_total_words = None, record.get("raw_words")
    model.train_count, model._was_scanned = 1, True


def _load_gensim(model: ModelState, path: Path, found: gensim_import.GensimModel) -> None:
    if found.kind != "Word2Vec":
        if found.kind in ("FastText", "Doc2Vec"):
            hint = "its word vectors alone: KeyedVectors.load()"
            raise NotAModelError(f"{os.fspath(path)} holds a {found.kind} model of gensim, not a Word2Vec", hint)
        raise _vectors_only(path)
    model.corpus_count = model.corpus_total_words = None  # as gensim has it for old models, which did not keep them
    try:
        for name in (*_SHARED, *_OTHERS):
            if name in found.parameters:
                setattr(model, name, _checked(name, found.parameters[name], getattr(model, name)))
    except TypeError as error:
        raise FormatError(f"{os.fspath(path)}: {error}, which it cannot be") from None
    model.effective_min_count, model._was_scanned = model.min_count, True
    kv = found.kv
    if kv.vectors.dtype != np.float32:
        kv.vectors = kv.vectors.astype(np.float32)
    model.vector_size = model.layer1_size = kv.vector_size
    _take_vectors(model, kv)
    if found.w_out is not None:
        model._out = np.asarray(found.w_out, np.float32)
    if found.w_node is not None and found.points is not None and found.codes is not None:
        model._node = _nodes_of(found, model._counts)


def _nodes_of(found: gensim_import.GensimModel, counts: Any) -> Any:
    """Gensim's inner nodes as those of our tree: among equal counts gensim joins others first."""
    points, codes, rows = found.points or [], found.codes or [], np.asarray(found.w_node, np.float32)
    lengths = [len(path) for path in points]
    fitting = lengths == [len(path) for path in codes] and len(points) == len(counts)
    flat = np.concatenate([np.zeros(0, np.int64), *points])
    if not fitting or ((flat < 0) | (flat >= len(rows))).any() or rows.shape[1] != found.kv.vector_size:
        raise FormatError("the paths of its Huffman tree do not fit its output layer")
    bits = np.concatenate([np.zeros(0, np.uint8), *codes]).astype(np.uint8)
    theirs = Tree(flat.astype(np.int32), np.minimum(bits, 1), np.cumsum([0, *lengths]))
    nodes = aligned((len(counts), padded(rows.shape[1])))
    carry_nodes(theirs, rows, build_tree(counts), nodes)
    return nodes


def _take_vectors(model: ModelState, kv: KeyedVectors) -> None:
    model.wv = kv
    model._counts = np.array(kv.expandos.get("count", np.ones(len(kv), np.int64)), np.int64)
    model._keys, model._node_counts, model._cum_table = None, model._counts, None
    model.random = np.random.default_rng(model.seed)
