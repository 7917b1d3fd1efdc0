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

from ..config import CbowGradient, Saturation, TrainConfig
from ..errors import ConfigError, FormatError, NotAModelError
from ..formats import native
from ..vectors import KeyedVectors, PackedWords
from .counts import RawVocab
from .matrices import with_pads
from .nodes import DERIVED
from .source import is_number, spell, unspell
from .state import ModelState

logger = logging.getLogger("w2v.model")

Path = str | os.PathLike[str]

# What training is told, by the names that TrainConfig and gensim share; `sg`, `hs` and `cbow_mean` are 0 or 1 there.
_SHARED = (
    "vector_size", "window", "sg", "hs", "negative", "ns_exponent", "sample", "alpha", "min_alpha", "epochs",
    "min_count", "max_final_vocab", "shrink_windows", "cbow_mean", "seed", "noise_group",
)  # fmt: skip
_OTHERS = (
    "layer1_size", "effective_min_count", "max_vocab_size", "sorted_vocab", "null_word", "workers", "batch_words",
    "compute_loss", "running_training_loss", "min_alpha_yet_reached", "comment", "corpus_count", "corpus_total_words",
    "train_count", "total_train_time", "lifecycle_events", "device", "_was_scanned",
)  # fmt: skip
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
    """Fill a new `model` from a native file. Raises NotAModelError for one that holds vectors only, FormatError."""
    found = native.load_model(path, mmap=mmap)
    record = {} if found.record is None else found.record
    state = record.get("word2vec")
    if state is None and (found.config is None or (found.w_out is None and found.w_node is None)):
        hint = "load it by KeyedVectors.load()"
        raise NotAModelError(f"{os.fspath(path)} holds vectors only, not a model that can be trained", hint)
    if state is None:
        state = _state_of_config(found.config, record)
    try:
        _restore(model, state, found)
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{os.fspath(path)}: the record of the model is damaged ({error})") from None


def _state_of_config(config: Any, record: dict[str, Any]) -> dict[str, Any]:
    """The state of a model that `w2v train` wrote."""
    state: dict[str, Any] = {name: getattr(config, name) for name in _SHARED}
    state |= {name: None for name in _OTHERS}
    state |= {name: int(state[name]) for name in ("sg", "hs", "cbow_mean")}
    state |= {"alpha": config.start_alpha, "min_alpha_yet_reached": config.min_alpha, "workers": config.threads}
    state |= {"cbow_gradient": config.cbow_gradient.value, "saturation": config.saturation.value, "device": "auto"}
    state |= {
        "layer1_size": config.vector_size,
        "effective_min_count": config.min_count,
        "sorted_vocab": 1,
        "null_word": 0,
    }
    state |= {"batch_words": 10_000, "compute_loss": False, "running_training_loss": 0.0, "train_count": 1}
    state |= {"total_train_time": record.get("seconds", 0.0), "corpus_total_words": record.get("raw_words")}
    return state | {"lifecycle_events": [], "_was_scanned": True, "numbers": False, "lock": [1.0]}


def _restore(model: ModelState, state: dict[str, Any], found: native.NativeModel) -> None:
    for name in (*_SHARED, *_OTHERS):
        setattr(model, name, state[name])
    model.cbow_gradient, model.saturation = CbowGradient(state["cbow_gradient"]), Saturation(state["saturation"])
    model.random = np.random.default_rng(model.seed)
    model.hashfxn = hash
    if state.get("hashfxn") is not None:
        logger.warning(
            "the model was made with hashfxn=%s, which no file holds: set it before adding words", state["hashfxn"]
        )
    raw = state.get("raw_vocab")
    model._raw = None if raw is None else RawVocab.of(dict(zip(raw["words"], raw["counts"], strict=True)))
    kv = found.kv
    lock = kv.expandos.pop(_LOCK, None)
    kv.vectors_lockf = np.array(state["lock"] if lock is None else lock, np.float32)
    if state["numbers"]:
        kv.index_to_key = [unspell(word) for word in kv.index_to_key]
    model.wv = kv
    model._counts = np.array(kv.expandos.get("count", np.ones(len(kv), np.int64)), np.int64)
    model._node_counts, model._cum_table = model._counts, None
    model._out = found.w_out
    model._node = None if found.w_node is None else with_pads(found.w_node, len(kv))
