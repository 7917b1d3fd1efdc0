"""Scores of vectors on test sets: analogies, similarity judgements, categories. Owns the rules; holds no test set.

Everything is counted and nothing is left out in silence: a report says how many lines could not be read and how many
questions were about unknown words. A word whose vector has no direction (zero, NaN) counts as unknown here.
"""

from .analogies import AnalogyReport, Section, word_analogies
from .categories import CategoryReport, categories
from .correlation import Correlation, pearson, spearman
from .pairs import PairReport, word_pairs

__all__ = [
    "AnalogyReport",
    "CategoryReport",
    "Correlation",
    "PairReport",
    "Section",
    "categories",
    "pearson",
    "spearman",
    "word_analogies",
    "word_pairs",
]
