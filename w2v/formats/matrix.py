"""A matrix filled from the top, row by row, that grows with what really arrives. Owns memory; reads nothing.

A header's promise is worth an allocation only where the file is known to be long enough; elsewhere, in compressed
files and files without header, the matrix grows by half when it is full, so it never exceeds what was read by much.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..memory import PagesAhead

Floats = NDArray[np.floating[Any]]


class GrowingMatrix:
    """Rows of `dim` numbers of type `dtype`; room for `rows` of them at once, and `spare` bytes, if that is known."""

    def __init__(self, dim: int, dtype: Any, rows: int | None, spare: int = 0) -> None:
        self._dim = dim
        self._flat: Floats = np.empty(dim if rows is None else rows * dim - -spare // np.dtype(dtype).itemsize, dtype)
        self.filled = 0  # rows

    def pages_ahead(self) -> PagesAhead:
        """Have its memory made by another thread meanwhile: where all of it will be needed."""
        return PagesAhead(self._flat)

    def add(self, rows: Floats) -> None:
        """Append (n, dim) numbers; numbers too large for the type become infinite. They may lie in `room`, further on."""
        start, stop = self.filled * self._dim, (self.filled + len(rows)) * self._dim
        self._make_room(stop)
        with np.errstate(over="ignore"):
            self._flat[start:stop].reshape(rows.shape)[:] = rows
        self.filled += len(rows)

    def room(self, size: int) -> NDArray[np.uint8]:
        """At least `size` bytes behind the last row, to be read into before they are rows; gone with more room, or `finish`."""
        start = self.filled * self._dim
        self._make_room(start - -size // self._flat.itemsize)
        return self._flat[start:].view(np.uint8)

    def _make_room(self, numbers: int) -> None:
        if numbers > len(self._flat):  # realloc() moves no large block
            self._flat.resize(max(numbers, len(self._flat) * 3 // 2), refcheck=False)

    def finish(self) -> Floats:
        """The matrix (filled, dim)."""
        if self.filled * self._dim != len(self._flat):
            self._flat.resize(self.filled * self._dim, refcheck=False)
        return self._flat.reshape(self.filled, self._dim)
