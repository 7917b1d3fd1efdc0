"""Streams of ids that may not fit into memory. Owns the temporary files and their errors; does not know what ids mean.

A temporary file has no name (where the system allows it): it vanishes with the process, however that ends.
"""

from __future__ import annotations

import os
import tempfile
import threading
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..errors import CorpusError, Explained

Ids = NDArray[np.int32]

BUFFER = 1 << 20  # ids between two writes, once they go to a file
_WIDTH = 4  # bytes of an id


class ScratchFile:
    """Arrays of int32 in an unnamed temporary file. Reads and writes at given places are safe from any thread."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        with Explained(self._explain):
            self._file: IO[bytes] = tempfile.TemporaryFile(prefix="w2v-", dir=directory, buffering=0)

    def read(self, start: int, stop: int) -> Ids:
        """Ids start ... stop - 1, in fresh memory."""
        out = np.empty(stop - start, np.int32)
        view, done = out.view(np.uint8).data, 0
        with Explained(self._explain):
            while done < len(view):
                got = self._read_at(view[done:], start * _WIDTH + done)
                if got == 0:
                    raise OSError(0, "the temporary file ends too early")
                done += got
        return out

    def write(self, start: int, ids: Ids) -> None:
        """Put ids at position `start`."""
        view, done = np.ascontiguousarray(ids).view(np.uint8).data, 0
        with Explained(self._explain):
            while done < len(view):
                with self._lock:
                    self._file.seek(start * _WIDTH + done)
                    done += self._file.write(view[done:])

    def truncate(self, size: int) -> None:
        """Give back the disk space behind the first `size` ids."""
        with Explained(self._explain):
            self._file.truncate(size * _WIDTH)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # a corpus that nobody closes goes quietly
            self._file.close()

    def _read_at(self, view: memoryview, position: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [view], position)
        with self._lock:
            self._file.seek(position)
            return self._file.readinto(view)  # type: ignore[attr-defined, no-any-return]

    def _explain(self, error: Exception) -> CorpusError | None:
        if not isinstance(error, OSError):
            return None
        where = self._directory if self._directory is not None else tempfile.gettempdir()
        message = f"cannot keep the encoded corpus in {where}: {error.strerror}"
        hint = "it needs about 4 bytes a word; choose a directory with room by tmp_dir (TMPDIR in the environment)"
        return CorpusError(message, hint)


class IdStream:
    """A growing sequence of int32: in memory up to `memory_limit` bytes, in a temporary file beyond."""

    def __init__(self, memory_limit: int, directory: str | None) -> None:
        self._directory = directory
        self._ids = np.empty(max(memory_limit // _WIDTH, BUFFER), np.int32)  # touched, so resident, only as it fills
        self._file: ScratchFile | None = None
        self._waiting = 0  # ids in memory: all of them, or those not yet written to the file
        self.size = 0

    @property
    def spilled(self) -> bool:
        """Whether the ids lie in a file."""
        return self._file is not None

    def room(self, least: int) -> Ids:
        """Memory where the next ids go, at least `least` of them; say by `commit` how many came."""
        if len(self._ids) - self._waiting < least:
            self._flush()
        return self._ids[self._waiting :]

    def commit(self, n: int) -> None:
        """`n` ids were put into what `room` gave."""
        self._waiting += n
        self.size += n

    def read(self, start: int, stop: int) -> Ids:
        """Ids start ... stop - 1: a view, or what the file holds."""
        if self._file is None:
            return self._ids[start:stop]
        if self._waiting:
            self._flush()
        return self._file.read(start, stop)

    def write(self, start: int, ids: Ids) -> None:
        """Overwrite the ids from `start` on."""
        if self._file is None:
            self._ids[start : start + len(ids)] = ids
        else:
            self._file.write(start, ids)

    def truncate(self, size: int) -> None:
        """Keep the first `size` ids; the stream is complete."""
        if self._file is None:
            # Untouched memory behind the ids costs nothing; what was touched and is free now is worth a copy.
            self._ids = self._ids[:size].copy() if size < self.size // 2 else self._ids[:size]
        else:
            self._file.truncate(size)
            self._ids = np.empty(0, np.int32)
        self.size, self._waiting = size, 0

    def close(self) -> None:
        """Forget everything, files included."""
        self._ids = np.empty(0, np.int32)
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        if self._file is None:
            self._file = ScratchFile(self._directory)
        self._file.write(self.size - self._waiting, self._ids[: self._waiting])
        self._waiting = 0
        if len(self._ids) > BUFFER:
            self._ids = np.empty(BUFFER, np.int32)
