"""One process at a time in a directory. Owns the lock, not what is done under it.

The lock is the operating system's and lies on the directory itself: no file tells of it, and it goes with the process, however
that ends.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# What flock(2) says where a file system (NFS) has no locks for directories.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF, errno.ENOSYS)


@contextmanager
def locked(directory: str | os.PathLike[str]) -> Iterator[bool]:
    """Hold the directory while the block runs; BlockingIOError if another process holds it.

    Yields whether it is really held: on Windows, and on file systems that have no such locks, nothing is.
    """
    if sys.platform == "win32":  # a directory cannot be opened there
        yield False
        return
    import fcntl

    handle = os.open(directory, os.O_RDONLY)
    try:
        held = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            held = False
        yield held
    finally:
        os.close(handle)
