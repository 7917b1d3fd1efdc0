"""Word vectors and queries. Owns KeyedVectors; files are w2v.formats', scores on test sets w2v.evaluate's.

In reading order: words.py (lazy words), search.py (cosines and the k best), store.py (look-up), growth.py (changes),
questions.py (how they are read), neighbours.py,
comparisons.py, keyed.py (the public class).
"""

from .keyed import KeyedVectors
from .words import PackedWords

__all__ = ["KeyedVectors", "PackedWords"]
