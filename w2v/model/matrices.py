"""Matrices between two worlds: users see (V, D) arrays, the kernels want rows padded to cache lines. Owns that passage.

Also gensim's ways to start rows (a hash function of the user's) and to freeze them (vectors_lockf).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from ..kernels import aligned, padded

Matrix = NDArray[np.float32]
HashFunction = Callable[[str], int]

_BLOCK = 1 << 16  # rows filled at a time
_GOLDEN, _MIX_1, _MIX_2 = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def with_pads(matrix: Any, rows: int | None = None) -> Matrix:
    """A padded copy (rows, S) of a matrix (n, D), with zeros for the rows that it lacks."""
    count = len(matrix) if rows is None else rows
    out: Matrix = aligned((count, padded(matrix.shape[1])))
    n = min(count, len(matrix))
    out[:n, : matrix.shape[1]] = matrix[:n]
    return out


def own_rows(matrix: Matrix, size: int) -> Matrix:
    """`matrix` if training may change it as it is, otherwise a padded copy; `size` is D."""
    fits = matrix.shape[1] == padded(size) and matrix.flags.writeable and matrix.flags.c_contiguous
    return matrix if fits else with_pads(matrix[:, :size])


def is_view_of(view: Any, matrix: Matrix | None) -> bool:
    """Whether `view` shows `matrix` without its pads, so that a change of one is a change of the other."""
    if matrix is None or view.ndim != 2 or view.dtype != np.float32 or not view.flags.writeable:
        return False
    seen = matrix[:, : view.shape[1]]
    same = view.shape == seen.shape and padded(view.shape[1]) == matrix.shape[1] and view.strides == seen.strides
    return bool(same and view.ctypes.data == seen.ctypes.data)


def seed_by_words(rows: Any, words: Sequence[Any], seed: int | str, hashfxn: HashFunction) -> None:
    """Fill `rows` (n, D) with numbers from U(-1, 1) / D, a function of hashfxn(word + seed) alone.

    So a word starts alike in every corpus: what gensim's documentation says (its version 4 no longer does it). The hash
    starts a splitmix64 stream (Steele, Lea, Flood 2014) for each word.
    """
    size = rows.shape[1]
    steps = np.arange(1, size + 1, dtype=np.uint64) * _GOLDEN
    for start in range(0, len(words), _BLOCK):
        part = words[start : start + _BLOCK]
        keys = np.array([_hash(hashfxn, f"{word}{seed}") for word in part], np.uint64)
        z = keys[:, None] + steps
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        z ^= z >> np.uint64(31)
        share = (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)
        rows[start : start + len(part)] = (share - np.float32(0.5)) * np.float32(2 / size)


def _hash(hashfxn: HashFunction, text: str) -> int:
    value = hashfxn(text)
    if not hasattr(value, "__index__"):
        raise ConfigError(f"hashfxn returned {value!r:.60}, where a whole number is expected")
    return int(value) & 0xFFFFFFFFFFFFFFFF


def lock_of(vectors_lockf: Any, rows: int) -> Matrix | None:
    """How far each input row may move, (rows,) float32: as given if it is that, repeated if it is shorter; None if all
    move.

    Raises ConfigError for more factors than rows, or none.
    """
    lockf = np.atleast_1d(np.asarray(vectors_lockf, np.float32))
    if lockf.ndim != 1 or not 0 < len(lockf) <= max(rows, 1):
        raise ConfigError(f"vectors_lockf has shape {lockf.shape}; one factor, or one for each of {rows:,} words, is expected")
    if (lockf == 1).all():
        return None
    return lockf if len(lockf) == rows and lockf.flags.c_contiguous else np.resize(lockf, rows)
