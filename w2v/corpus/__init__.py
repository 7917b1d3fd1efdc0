"""The corpus room: any source of text -> a vocabulary and chunks of ids. Names load on first use; only encoding needs
numba.

In reading order: source.py (and compressed.py) opens things; words.py says what a word is; tokenize.py walks bytes
(on lowlevel.py and slots.py), table.py bounds memory, tokens.py does the same for lists; first_pass.py reads
everything once into spill.py's stream of ids; second_pass.py (and renumber.py) turns these into vocabulary ids;
encoder.py is the front door.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "encode": "encoder",
    "EncodedCorpus": "encoder",
    "CorpusStats": "stats",
    "LineSentence": "lines",
    "PathLineSentences": "lines",
}

__all__ = ["CorpusStats", "EncodedCorpus", "LineSentence", "PathLineSentences", "encode"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'w2v.corpus' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
