"""The disk cache of compiled kernels, for several processes at once. Owns the order in which its files are written.

numba's own cache writes each file in one step, but the index before the code it points to, and nobody waits for anybody. So two
processes that compile different signatures of a kernel may be given one name, and a third that comes between index and code
of a new version finds the code of the old one under it: it would run what was compiled for other arguments, or from another
source. Here one process writes at a time, code first. A cache is not worth a run: what cannot be written is left out, what
cannot be read is compiled again.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
from contextlib import contextmanager, suppress
from pathlib import Path

from numba.core.caching import FunctionCache, IndexDataCacheFile

try:
    import fcntl
except ImportError:  # Windows: numba's own order has to do
    fcntl = None


class KernelCache(FunctionCache):
    """numba's cache of one function, on files written in the right order. RuntimeError where no directory is writable."""

    def __init__(self, function):
        super().__init__(function)
        folder = Path(function.__code__.co_filename).parent
        self._cache_file = Files(self._cache_path, self._impl.filename_base, stamp(folder, Path(__file__).parent))


@functools.cache
def stamp(*folders):
    """A hash of all that a kernel may be made of.

    numba's own is of the file it stands in alone: a change in a file of its helpers or constants would leave old code in use.
    """
    state = hashlib.sha256()
    for source in (file for folder in folders for file in sorted(folder.glob("*.py"))):
        state.update(source.read_bytes())
    return state.hexdigest()


class Files(IndexDataCacheFile):
    """The index of a function, signature to file name, and one file of code for each signature."""

    def load(self, key):
        """The code for a signature, None if there is none that can be read."""
        try:
            return super().load(key)
        except Exception:  # cut off or empty after a power cut: unpickling may fail in any way
            return None

    def save(self, key, data):
        """Write the code for a signature, then the index; nothing where the disk is full."""
        with suppress(OSError), alone(self._cache_path):
            names = self._names()
            name = names[key] if key in names else self._free_name(names)
            self._save_data(name, data)
            if key not in names:
                self._save_index({**names, key: name})

    def _names(self):
        try:
            names = self._load_index()
        except Exception:
            names = {}
        if not names:  # none, damaged, or of another version of the source: nobody is to follow it to new code
            with suppress(FileNotFoundError):
                os.unlink(self._index_path)
        return names

    def _free_name(self, names):
        taken = set(names.values())
        return next(name for name in map(self._data_name, itertools.count(1)) if name not in taken)


@contextmanager
def alone(directory):
    """Wait until no other process is in such a block for the directory, where the file system knows locks."""
    if fcntl is None:
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
