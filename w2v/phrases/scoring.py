"""How sure we are that two words belong together. Owns the scorers, their signature and their names in a file.

Sources: Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality", eq. 6
(default score); Bouma 2009, "Normalized (Pointwise) Mutual Information in Collocation Extraction" (npmi).
"""

from __future__ import annotations

import inspect
import math
import sys
import types
from collections.abc import Callable
from typing import Any

from ..errors import ConfigError

Scorer = Callable[..., float]

_SCORER_ARGUMENTS = ("worda_count", "wordb_count", "bigram_count", "len_vocab", "min_count", "corpus_word_count")


def original_scorer(
    worda_count: int, wordb_count: int, bigram_count: int, len_vocab: int, min_count: float, corpus_word_count: int
) -> float:
    """(count(ab) - min_count) / (count(a) · count(b)) · words known: Mikolov et al. 2013, eq. 6, as gensim scales it.

    Can be negative; -inf when a word was never seen. `corpus_word_count` plays no part.
    """
    product = worda_count * wordb_count
    return (bigram_count - min_count) / product * len_vocab if product else -math.inf


def npmi_scorer(
    worda_count: int, wordb_count: int, bigram_count: int, len_vocab: int, min_count: float, corpus_word_count: int
) -> float:
    """ln(p(ab) / (p(a) · p(b))) / -ln p(ab), from -1 to 1 (Bouma 2009); -inf below `min_count` or without counts.

    `len_vocab` plays no part.
    """
    if bigram_count < min_count or not (worda_count and wordb_count and corpus_word_count):
        return -math.inf
    p_pair = bigram_count / corpus_word_count
    if not 0 < p_pair < 1:  # the logarithm below would be infinite or zero
        return -math.inf
    p_chance = (worda_count / corpus_word_count) * (wordb_count / corpus_word_count)
    return math.log(p_pair / p_chance) / -math.log(p_pair)


SCORERS: dict[str, Scorer] = {"default": original_scorer, "npmi": npmi_scorer}


def scorer_of(scoring: Scorer | str) -> Scorer:
    """The scoring function that a name or a function stands for (ConfigError if it is neither)."""
    if isinstance(scoring, str):
        if scoring not in SCORERS:
            raise ConfigError(f"unknown scoring {scoring!r}", f"one of {', '.join(SCORERS)}, or a function")
        return SCORERS[scoring]
    if not callable(scoring):
        raise ConfigError(f"scoring must be a name or a function, not {scoring!r}")
    missing = [name for name in _SCORER_ARGUMENTS if name not in inspect.signature(scoring).parameters]
    if missing:
        raise ConfigError(f"the scoring function lacks the parameters {', '.join(missing)}")
    return scoring


def name_of(scorer: Scorer) -> str:
    """How a file calls a scorer: "default", "npmi", or "module:function"."""
    for name, known in SCORERS.items():
        if scorer is known:
            return name
    return f"{scorer.__module__}:{getattr(scorer, '__qualname__', type(scorer).__qualname__)}"


def scorer_named(name: Any) -> Scorer:
    """The scorer that a file names. Only a plain function with a scorer's parameters, in a loaded module, will do."""
    if not isinstance(name, str):
        raise ConfigError("the model names no scorer", "give the function: load(path, scoring=f)")
    if name in SCORERS:
        return SCORERS[name]
    module, _, function = name.partition(":")
    found = getattr(sys.modules.get(module), "__dict__", {}).get(function)
    if isinstance(found, types.FunctionType):
        return scorer_of(found)
    raise ConfigError(f"the model was scored by {name!r:.100}, which is not loaded", "give the function: load(path, scoring=f)")
