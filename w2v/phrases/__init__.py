"""Collocations: "new york" becomes one token. Scorers in `scoring`, models in `model`, their file in `file`."""

from __future__ import annotations

from .model import ENGLISH_CONNECTOR_WORDS, FrozenPhrases, PhrasedCorpus, Phraser, Phrases, PhrasesTransformation
from .scoring import npmi_scorer, original_scorer

__all__ = [
    "ENGLISH_CONNECTOR_WORDS",
    "FrozenPhrases",
    "PhrasedCorpus",
    "Phraser",
    "Phrases",
    "PhrasesTransformation",
    "npmi_scorer",
    "original_scorer",
]
