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


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(header, entries) as `file.read` gives them; FormatError if the pickle is no phrases model, or a damaged one."""
    name = Path(path).name
    # Any name may stand in the file, for none is ever looked up: a scorer of the user's own is asked for by its name.
    model = pickled.read(memoryview(Path(path).read_bytes()), name, lambda _: True)
    kind = _KINDS.get(model.kind.name) if isinstance(model, Object) and model.kind.module == _MODULE else None
    if kind is None or not isinstance(model.state, dict):
        raise FormatError(f"{name} is a pickle, but not of gensim's Phrases or Phraser")
    try:
        return _header(model.state, kind, name), _entries(model.state, kind)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{name}: not a whole phrases model of gensim ({error})") from None


def _header(state: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    state = _DEFAULTS | state
    connectors = state.get("connector_words", state.get("common_terms", ()))
    if "corpus_word_count" not in state and kind == "Phrases":
        logger.warning("%s is too old to know its number of words: npmi scores none of its candidates", name)
    header: dict[str, Any] = {number: state[number] for number in _NUMBERS}
    header |= {"kind": kind, "corpus_word_count": state.get("corpus_word_count", 0)}
    header |= {"delimiter": _text(state["delimiter"]), "connector_words": [_text(word) for word in _items(connectors)]}
    scorer = state.get("scoring", "default")
    header["scoring"] = _SCORERS.get(scorer, f"{scorer.module}:{scorer.name}") if isinstance(scorer, Name) else scorer
    return header


def _entries(state: dict[str, Any], kind: str) -> dict[str, Any]:
    """Counts of a Phrases, or scores of a Phraser: by text, by bytes, or (gensim 3) by tuples of bytes."""
    if kind == "Phrases":
        return {_text(word): int(count) for word, count in _mapping(state["vocab"]).items()}
    delimiter = _text(state["delimiter"])
    scores = {}
    for words, score in _mapping(state["phrasegrams"]).items():
        phrase = delimiter.join(map(_text, words)) if isinstance(words, tuple) else _text(words)
        scores[phrase] = float(score[1] if isinstance(score, tuple) else score)  # gensim 3: (count, score)
    return scores


def _text(value: Any) -> str:
    """Text; of bytes too, which Python 2's protocol writes as a call of codecs.encode(text, "latin1")."""
    if isinstance(value, Object) and value.kind == Name("_codecs", "encode"):
        value = value.args[0].encode("latin1")  # never by the codec that the file names: to look it up is to import it
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"{value!r} is not text")
    return value.decode("utf8") if isinstance(value, bytes) else value


def _mapping(value: Any) -> Mapping[Any, Any]:
    """A dictionary, or the items of a defaultdict."""
    return (value.items or {}) if isinstance(value, Object) else dict(value)


def _items(value: Any) -> Iterable[Any]:
    """A list, or the elements of a frozenset."""
    return (value.args[0] if value.args else ()) if isinstance(value, Object) else value
