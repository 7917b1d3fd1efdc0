"""A matrix filled from the top, row by row, that grows with what really arrives. Owns memory; reads nothing.

A header's promise is worth an allocation only where the file is known to be long enough; elsewhere, in compressed
files and files without header, the matrix grows by half when it is full, so it never exceeds what was read by much.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


class GrowingMatrix:
    """Rows of `dim` numbers of type `dtype`; room for `rows` of them at once if that is known."""

    def __init__(self, dim: int, dtype: Any, rows: int | None) -> None:
        self._dim = dim
        self._flat: Floats = np.empty((1 if rows is None else rows) * dim, dtype)
        self.filled = 0  # rows

    def add(self, rows: Floats) -> None:
        """Append (n, dim) numbers; numbers too large for the type become infinite."""
        start, stop = self.filled * self._dim, (self.filled + len(rows)) * self._dim
        if stop > len(self._flat):
            # No view of it lives outside this class before finish(), and realloc() moves no large block.
            self._flat.resize(max(stop, len(self._flat) * 3 // 2), refcheck=False)
        with np.errstate(over="ignore"):
            self._flat[start:stop].reshape(rows.shape)[:] = rows
        self.filled += len(rows)

    def finish(self) -> Floats:
        """The matrix (filled, dim)."""
        if self.filled * self._dim != len(self._flat):
            self._flat.resize(self.filled * self._dim, refcheck=False)
        return self._flat.reshape(self.filled, self._dim)
