"""Writing a file so that a reader sees the old one or the new one, never a part. Owns no format.

The bytes are on the disk before the name points to them, and the name before the caller goes on: fsync of the file, rename,
fsync of its directory. A process that is killed while it writes leaves nothing behind, where the system knows files without a
name (Linux: O_TMPFILE; open(2)).
"""

from __future__ import annotations

import errno
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PREFIX, SUFFIX = ".", ".part"  # of the temporary file, around the name of the target


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that becomes `path` when the block ends well, and leaves nothing behind when it fails.

    The temporary file lies in the directory of `path`: a rename is atomic only within one file system.
    """
    target = Path(path)
    handle, name = _unnamed(target.parent), None
    if handle is None:
        handle, name = tempfile.mkstemp(prefix=f"{PREFIX}{target.name}.", suffix=SUFFIX, dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if name is None:
                name = _named(file.fileno(), target)
            else:
                os.chmod(name, _mode_of_new_files())
        os.replace(name, target)
    except BaseException:
        if name is not None:
            Path(name).unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def sync_directory(path: str | os.PathLike[str]) -> None:
    """Put the names in a directory on the disk, where the system can open directories and its file system can do it."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def leftovers(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Temporary files that writers of `path` left behind who were killed, or those of writers at work."""
    target = Path(path)
    for entry in target.parent.iterdir():
        if entry.name.startswith(f"{PREFIX}{target.name}.") and entry.name.endswith(SUFFIX):
            yield entry


def _unnamed(directory: Path) -> int | None:
    """A file without a name in the directory; None where there are none, as on NFS."""
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return os.open(directory, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except OSError:  # mkstemp is tried next: if the directory is to blame, it says so
        return None


def _named(handle: int, target: Path) -> str:
    """Give an unnamed file a name beside `target`. It cannot take that of a file that is there, so it gets one of its own."""
    while True:
        name = str(target.parent / f"{PREFIX}{target.name}.{secrets.token_hex(4)}{SUFFIX}")
        try:
            # with a directory's handle Python calls linkat(2), which follows the link in /proc to the file
            os.link(f"/proc/self/fd/{handle}", name, src_dir_fd=handle)
        except FileExistsError:
            continue
        return name


def _mode_of_new_files() -> int:
    """The permissions open() would have given; mkstemp's 0600 would lock colleagues out of a shared model."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
