"""Output paths, looked at before the work begins: nobody should train for a day to find a directory read-only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..errors import W2VError


def check_output(path: str, inputs: Iterable[str] = ()) -> None:
    """Raise W2VError unless a file can be written at `path`, in place of none of the `inputs`."""
    if "://" in path:
        return  # a place in a cloud says at the end whether it takes the file
    target = Path(os.path.realpath(path))
    if target.is_dir() or path.endswith(os.sep):
        raise W2VError(f"cannot write {path}: it is a directory", "give the name of a file")
    if not target.parent.is_dir():
        raise W2VError(f"cannot write {path}: there is no directory {target.parent}", f"mkdir -p {target.parent}")
    for name in inputs:
        if target.exists() and os.path.exists(name) and os.path.samefile(target, name):
            raise W2VError(f"cannot write {path}: it is also an input", "give another name")
    if target.exists() and not target.is_file():
        return  # a pipe or a device is written to as it stands
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        hint = "is the directory yours, and not read-only?"
        raise W2VError(f"cannot write {path}: {error.strerror}", hint) from error


def check_format(path: str, file_format: str | None) -> None:
    """Raise W2VError unless vectors can be written at `path` in this format (None: that of the suffix)."""
    from ..formats import FORMATS, format_for
    from ..formats.files import COMPRESSED

    name = format_for(path, file_format)
    if FORMATS[name].save is None:
        raise W2VError(f"vectors cannot be written as {name}", "give --format native, word2vec-bin or word2vec-text")
    if name == "native" and path.lower().endswith(COMPRESSED):
        raise W2VError(f"cannot write {path}: the native format is not compressed", "leave the suffix out")
