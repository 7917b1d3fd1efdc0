"""Word Mover's Distance between two documents. Owns the transport problem; POT, an optional extra, solves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import MissingExtraError
from .store import Key

if TYPE_CHECKING:
    from .store import VectorStore


def word_movers_distance(kv: VectorStore, document1: Sequence[Key], document2: Sequence[Key], norm: bool) -> float:
    """The least total distance that the words of one document travel to become the other.

    Kusner, Sun, Kolkin and Weinberger 2015, "From word embeddings to document distances".
    """
    try:
        from ot import emd2
    except ImportError as error:
        raise MissingExtraError("Word Mover's Distance needs POT", "pip install 'w2v[wmd]'") from error
    bags = [Counter(token for token in document if token in kv) for document in (document1, document2)]
    if not (bags[0] and bags[1]):
        return float("inf")
    masses = [np.array(list(bag.values()), np.float64) / bag.total() for bag in bags]
    points = [np.stack([kv.get_vector(token, norm=norm) for token in bag]).astype(np.float64) for bag in bags]
    costs = np.stack([np.linalg.norm(points[1] - point, axis=1) for point in points[0]])
    return float(emd2(masses[0], masses[1], costs))
