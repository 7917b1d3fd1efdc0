"""Categorisation: do vectors of words fall into the groups people put them in? Owns the clustering and its purity."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .reading import KnownWords, LeftOut, lines_of

if TYPE_CHECKING:
    from ..vectors import KeyedVectors

_CELLS = 1 << 24  # words x categories whose cosines are held at once; the public sets have 500 x 56 at most
_ROUNDS = 100  # k-means settles in far fewer; a bound for cycles between equals


@dataclass(frozen=True)
class CategoryReport:
    """What a file of categorised words says of a model."""

    purity: float  # share of words in the majority category of their cluster, 1/words to 1
    words: int  # words read, unknown ones included
    unknown: int  # words outside the vocabulary: left out
    categories: int  # categories with a known word, which is the number of clusters
    invalid: int  # lines that are not a word and a category


def categories(
    kv: KeyedVectors,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    restarts: int = 10,
    seed: int = 1,
) -> CategoryReport:
    """Cluster the words of a file, lines of `word category`, and compare (Baroni, Dinu, Kruszewski 2014, section 3).

    Clusters are those of spherical k-means (Dhillon and Modha 2001), as many as categories, the tightest of `restarts`
    tries. Lines that start with # are comments. Raises FormatError if no word of the file is known.
    """
    words = KnownWords(kv, restrict_vocab, case_insensitive)
    labelled, invalid = _read(path)
    known = [(words.fold(word), label) for word, label in labelled if words.fold(word) in words]
    if not known:
        raise FormatError(f"no known words in {path}: {len(labelled)} words, {invalid}", "a line is: word category")
    names, label = np.unique([label for _, label in known], return_inverse=True)
    if len(known) * len(names) > _CELLS:
        raise FormatError(f"{path}: {len(known):,} words in {len(names):,} categories are too many to cluster")
    clusters = spherical_kmeans(words.units([word for word, _ in known]), len(names), restarts, np.random.default_rng(seed))
    table = np.zeros((len(names), len(names)), np.int64)
    np.add.at(table, (clusters, label), 1)
    invalid.warn(path, "a word and a category")
    purity = float(table.max(axis=1).sum() / len(known))
    return CategoryReport(purity, len(labelled), len(labelled) - len(known), len(names), invalid.count)


def _read(path: str | os.PathLike[str]) -> tuple[list[tuple[str, str]], LeftOut]:
    """The (word, category) lines of a file, and the lines that are neither that, comment nor empty."""
    labelled, invalid = [], LeftOut()
    for number, line in lines_of(path):
        parts = line.split()
        if not parts or line.startswith("#"):
            continue
        if len(parts) == 2:
            labelled.append((parts[0], parts[1]))
        else:
            invalid.add(number)
    return labelled, invalid


def spherical_kmeans(units: NDArray[np.floating], k: int, restarts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The cluster, 0 to k - 1, of each unit vector of `units` (n, D): of `restarts` tries the one with the highest
    cosines.
    """
    best, best_sum = np.zeros(len(units), np.int64), -np.inf
    for _ in range(restarts):
        centres = units[rng.choice(len(units), k, replace=False)]
        cluster = np.full(len(units), -1, np.int64)
        for _ in range(_ROUNDS):
            cosines = units @ centres.T
            nearest = cosines.argmax(axis=1)
            if (nearest == cluster).all():
                break
            cluster = nearest
            sums = np.zeros_like(centres)
            np.add.at(sums, cluster, units)
            norms = np.linalg.norm(sums, axis=1)
            # An empty cluster restarts at the word its own centre serves worst.
            sums[norms == 0] = units[cosines.max(axis=1).argmin()]
            centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        if (total := float(cosines.max(axis=1).sum())) > best_sum:
            best, best_sum = cluster, total
    return best
