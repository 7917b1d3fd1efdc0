"""From provisional ids to vocabulary ids. Owns the order in which trims renumbered types, and undoes it backwards.

A trim (table.py) numbers the surviving types anew, so an id means what the trims behind it say. Each trim's map goes to
a temporary file; at the end they are composed from the last to the first, with memory for two of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .spill import ScratchFile

Map = NDArray[np.int32]


class Renumbering:
    """The trims of one first pass, in order."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._file: ScratchFile | None = None
        self._trims: list[tuple[int, int, int]] = []  # position in the id stream; where the map lies in the file

    def add(self, position: int, new_ids: Map) -> None:
        """Ids before `position` (and behind the trim before) are to be read through `new_ids`."""
        if self._file is None:
            self._file = ScratchFile(self._directory)
        start = self._trims[-1][2] if self._trims else 0
        self._file.write(start, new_ids)
        self._trims.append((position, start, start + len(new_ids)))

    def maps(self, last: Map, size: int) -> Iterator[tuple[int, int, Map]]:
        """(start, stop, map) of the parts of an id stream of `size` ids; `last` maps the ids behind the last trim."""
        if self._file is not None:
            after = last
            for _, begin, end in reversed(self._trims):
                new_ids = self._file.read(begin, end)
                after = np.where(new_ids >= 0, after[new_ids], np.int32(-1))
                self._file.write(begin, after)
        start = 0
        for stop, begin, end in self._trims:
            assert self._file is not None
            yield start, stop, self._file.read(begin, end)
            start = stop
        yield start, size, last

    def close(self) -> None:
        """Remove the temporary file."""
        if self._file is not None:
            self._file.close()
