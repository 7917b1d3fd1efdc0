"""Reads the Phrases and Phraser files of gensim 1 to 4. A pickle is taken as data, never run (formats/pickled.py).

Hands over what `file.read` would: settings and entries. What gensim 3 named otherwise, or kept as bytes, is put right.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import FormatError
from ..formats import pickled
from ..formats.pickled import Name, Object

logger = logging.getLogger(__name__)

_MODULE = "gensim.models.phrases"
_KINDS = {"Phrases": "Phrases", "Phraser": "FrozenPhrases", "FrozenPhrases": "FrozenPhrases"}
_SCORERS = {Name(_MODULE, "original_scorer"): "default", Name(_MODULE, "npmi_scorer"): "npmi"}
_DEFAULTS = {"max_vocab_size": 40_000_000, "progress_per": 10_000, "min_reduce": 1}
_NUMBERS = ("min_count", "threshold", *_DEFAULTS)
_TEXT = 16  # bytes of words for one of the file; models have less than one


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(header, entries) as `file.read` gives them; FormatError if the pickle is no phrases model, or a damaged one."""
    name = Path(path).name
    # Any name may stand in the file, for none is ever looked up: a scorer of the user's own is asked for by its name.
    data = memoryview(Path(path).read_bytes())
    model = pickled.read(data, name, lambda _: True)
    texts = _Texts(_TEXT * len(data))
    kind = _KINDS.get(model.kind.name) if isinstance(model, Object) and model.kind.module == _MODULE else None
    if kind is None or not isinstance(model.state, dict):
        raise FormatError(f"{name} is a pickle, but not of gensim's Phrases or Phraser")
    try:
        return _header(model.state, kind, name, texts), _entries(model.state, kind, texts)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{name}: not a whole phrases model of gensim ({error})") from None


def _header(state: dict[str, Any], kind: str, name: str, texts: _Texts) -> dict[str, Any]:
    state = _DEFAULTS | state
    connectors = state.get("connector_words", state.get("common_terms", ()))
    if "corpus_word_count" not in state and kind == "Phrases":
        logger.warning("%s is too old to know its number of words: npmi scores none of its candidates", name)
    header: dict[str, Any] = {number: state[number] for number in _NUMBERS}
    header |= {"kind": kind, "corpus_word_count": state.get("corpus_word_count", 0)}
    header |= {"delimiter": texts.of(state["delimiter"]), "connector_words": [texts.of(word) for word in _items(connectors)]}
    scorer = state.get("scoring", "default")
    if not isinstance(scorer, (Name, str)):
        raise TypeError("the scorer has no name")
    header["scoring"] = _SCORERS.get(scorer, f"{scorer.module}:{scorer.name}") if isinstance(scorer, Name) else scorer
    return header


def _entries(state: dict[str, Any], kind: str, texts: _Texts) -> dict[str, Any]:
    """Counts of a Phrases, or scores of a Phraser: by text, by bytes, or (gensim 3) by tuples of bytes."""
    if kind == "Phrases":
        return {texts.of(word): int(count) for word, count in _mapping(state["vocab"]).items()}
    delimiter = texts.of(state["delimiter"])
    scores = {}
    for words, score in _mapping(state["phrasegrams"]).items():
        phrase = delimiter.join(map(texts.of, words)) if isinstance(words, tuple) else texts.of(words)
        scores[phrase] = float(score[1] if isinstance(score, tuple) else score)  # gensim 3: (count, score)
    return scores


class _Texts:
    """The words of a file, `room` characters of them at most: it may refer to one long word a million times."""

    def __init__(self, room: int) -> None:
        self._room = room

    def of(self, value: Any) -> str:
        """Text; of bytes too, which Python 2's protocol writes as a call of codecs.encode(text, "latin1")."""
        called = isinstance(value, Object) and value.kind == Name("_codecs", "encode") and value.args
        if called:
            value = value.args[0]
        if not isinstance(value, (str, bytes)):
            raise TypeError(f"a {type(value).__name__} is not text")  # never its repr: that may be endless
        self._room -= len(value)
        if self._room < 0:
            raise ValueError("its words take more room than the file")
        if called and isinstance(value, str):
            value = value.encode("latin1")  # never by the codec that the file names: to look it up is to import it
        return value.decode("utf8") if isinstance(value, bytes) else value


def _mapping(value: Any) -> Mapping[Any, Any]:
    """A dictionary, or the items of a defaultdict."""
    found = (value.items or {}) if isinstance(value, Object) else value
    if not isinstance(found, dict):
        raise TypeError("its entries are no dictionary")
    return found


def _items(value: Any) -> Iterable[Any]:
    """A list, or the elements of a frozenset."""
    return (value.args[0] if value.args else ()) if isinstance(value, Object) else value
