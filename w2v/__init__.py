"""w2v: word2vec, fast. Public names are loaded on first use, so that `import w2v` costs neither numpy nor numba."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "W2VError": "errors",
    "TrainConfig": "config",
    "CbowGradient": "config",
    "Saturation": "config",
    "Vocab": "vocab",
    "KeyedVectors": "vectors",
    "Word2Vec": "model",
    "LineSentence": "corpus",
    "PathLineSentences": "corpus",
    "Phrases": "phrases",
    "Phraser": "phrases",
    "FrozenPhrases": "phrases",
    "CallbackAny2Vec": "model",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'w2v' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
