"""The gensim-compatible face: Word2Vec, and what goes with it. Names load on first use.

In reading order: source.py says what may be a corpus; counts.py counts it; vocabulary.py chooses words and sizes
matrices (on matrices.py and nodes.py); training.py trains; ask.py answers; store.py keeps; word2vec.py is the class
that users see. Each of state -> vocabulary -> training -> word2vec is the parent of the next. The arithmetic of
training is in train.py and kernels/.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Word2Vec": "word2vec",
    "CallbackAny2Vec": "callbacks",
    "RULE_DEFAULT": "counts",
    "RULE_DISCARD": "counts",
    "RULE_KEEP": "counts",
}

__all__ = ["RULE_DEFAULT", "RULE_DISCARD", "RULE_KEEP", "CallbackAny2Vec", "Word2Vec"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'w2v.model' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
