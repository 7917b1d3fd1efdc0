"""Where text comes from: files, directories, globs, URLs, stdin, open files; plain or compressed. Owns opening and
reading them.

Knows nothing of words. A stream is read by `readinto(view)`: bytes put there, 0 at the end. Compression is found by
the first bytes of the content, never by the name; concatenated members are read to the last.
"""

from __future__ import annotations

import glob
import io
import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import CorpusError, Explained
from .compressed import ERRORS, HEAD, archive, decompressed

STDIN = "-"
TEXT_SAMPLE = 8192  # bytes of a file in a directory that must be free of NUL

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")  # its byte order marks


@dataclass(frozen=True)
class Place:
    """A path, '-' or a URL; or an open file. `found`: met in a directory or by a glob, so skipped unless it is text."""

    name: str
    file: Any = None
    found: bool = False

    @property
    def size(self) -> int | None:
        """Bytes on disk, where that is known beforehand."""
        try:
            status = os.stat(self.name) if self.file is None and self.name != STDIN else None
        except (OSError, ValueError):
            return None
        return status.st_size if status is not None and stat.S_ISREG(status.st_mode) else None


def places(sources: Iterable[Any]) -> list[Place]:
    """Everything that paths, directories, globs, URLs, '-' and open files stand for, in order; directories are
    walked, sorted.

    Raises CorpusError for a path that does not exist, a glob without match, a directory without files.
    """
    return [place for source in sources for place in _expand(source)]


def _expand(source: Any) -> list[Place]:
    if hasattr(source, "read"):
        return [Place(str(getattr(source, "name", "an open file")), source)]
    try:
        name = os.fsdecode(source)
    except TypeError:
        raise CorpusError(f"{type(source).__name__} is not the path of a text file") from None
    if name == STDIN or "://" in name:
        return [Place(name)]
    try:
        exists = os.path.exists(name)
    except ValueError:  # a NUL in it
        exists = False
    if exists:
        return _walk(name) if os.path.isdir(name) else [Place(name)]
    if glob.has_magic(name):
        return _match(name)
    shown = name if len(name) <= 200 else name[:200] + "..."
    hint = "a string is the path of a text file; for text in memory give lists of words, or a tokenizer"
    raise CorpusError(f"no such file or directory: {shown!r}", hint)


def _match(pattern: str) -> list[Place]:
    """What a glob stands for, every file once: '**' finds directories, and what lies in them, too."""
    matches = sorted(glob.glob(pattern, recursive=True))
    if not matches:
        raise CorpusError(f"no file matches {pattern}")
    found = [p for m in matches for p in (_walk(m, empty_is_fine=True) if os.path.isdir(m) else [Place(m, found=True)])]
    if not found:
        raise CorpusError(f"only empty directories match {pattern}", "hidden files (.name) are not read")
    return list({os.path.normpath(place.name): place for place in found}.values())


def _walk(directory: str, empty_is_fine: bool = False) -> list[Place]:
    """Regular files of a directory and those below, sorted by path; hidden ones are left out, as by the shell."""
    found = []
    for folder, below, files in os.walk(directory, onerror=_refuse):
        below[:] = sorted(name for name in below if not name.startswith("."))
        paths = (os.path.join(folder, name) for name in files if not name.startswith("."))
        found += [Place(path, found=True) for path in paths if os.path.isfile(path)]
    if not found and not empty_is_fine:
        raise CorpusError(f"no files in the directory {directory}", "hidden files (.name) are not read")
    return sorted(found, key=lambda place: place.name)


def _refuse(error: OSError) -> None:
    raise CorpusError(f"cannot read the directory {error.filename}: {error.strerror}") from error


class Stream:
    """The decompressed bytes of one place. Every failure is a CorpusError that names the place and the position.

    position: bytes of text so far; raw_position: bytes taken from the file, compressed as they are.
    """

    def __init__(self, place: Place) -> None:
        self.name = "standard input" if place.name == STDIN else place.name
        self.position = 0
        self._owned = place.file is None and place.name != STDIN
        with Explained(self._explain):
            self._file = _open(place)
        self._opened = _state(self._file) if self._owned else None
        try:
            with Explained(self._explain):
                self._raw = _Peekable(self._file)
                head = self._raw.peek(HEAD)
                self._text = _Peekable(decompressed(self._raw, head))
                self._archive = archive(head)
                if not (place.found and self.looks_binary()):
                    self._start()
        except BaseException:
            self.close()
            raise

    @property
    def raw_position(self) -> int:
        """Bytes taken from the file so far."""
        return self._raw.position

    def readinto(self, view: memoryview) -> int:
        """Fill (a part of) `view`; 0 at the end."""
        with Explained(self._explain):
            got = self._text.readinto(view)
        self.position += got
        if not got:
            self._check_unchanged()
        return got

    def looks_binary(self) -> bool:
        """Whether it is a packed format unknown here, or the first bytes hold a NUL, as no text does."""
        with Explained(self._explain):
            return self._archive is not None or b"\0" in self._text.peek(TEXT_SAMPLE)

    def close(self) -> None:
        """Close what this stream opened."""
        if self._owned and hasattr(self, "_file"):
            self._file.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_unchanged(self) -> None:
        """A file that is written to while it is read has a content that nobody ever meant: cut off, or two texts mixed."""
        if self._opened is None:
            return
        now = _state(self._file)
        if now is not None and now != self._opened:
            message = f"{self.name} changed while it was read: it had {self._opened[0]:,} bytes, and has {now[0]:,}"
            raise CorpusError(message, "wait until it is complete, or read a copy")

    def _start(self) -> None:
        """Step over a byte order mark; refuse archives, and UTF-16, which would fall apart into single letters."""
        if self._archive is not None:
            hint = "unpack it first (gzip, bzip2, xz and zstd are read)"
            raise CorpusError(f"{self.name} is {self._archive}, which is not read", hint)
        if self._text.peek(3) == _BOM:
            self._text.readinto(memoryview(bytearray(3)))
        if _is_utf16(self._text.peek(TEXT_SAMPLE)):
            raise CorpusError(f"{self.name} is UTF-16 text; UTF-8 is needed", "convert it: iconv -f UTF-16 -t UTF-8")

    def _explain(self, error: Exception) -> CorpusError | None:
        """What went wrong with the source, and where."""
        if not isinstance(error, ERRORS):
            return None
        reason = getattr(error, "strerror", None) or error
        raw = f" (byte {self._raw.position:,} of the file)" if hasattr(self, "_raw") else ""
        where = f" after {self.position:,} bytes of text{raw}" if self.position or raw else ""
        return CorpusError(f"cannot read {self.name}{where}: {reason}")


def _open(place: Place) -> Any:
    if place.file is not None:
        return _Reader(place.file)
    if place.name == STDIN:
        return _Reader(_standard_input())
    if "://" in place.name and not os.path.exists(place.name):
        return _open_url(place.name)
    return open(place.name, "rb", buffering=0)


def _state(file: Any) -> tuple[int, int] | None:
    """Size, and time of the last change in nanoseconds, of a regular file; None for anything else."""
    try:
        status = os.fstat(file.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _is_utf16(sample: bytes) -> bool:
    """A byte order mark, or NUL in most of the even or most of the odd places and never in the others."""
    if len(sample) < 64 or b"\0" not in sample:
        return sample.startswith(_UTF16)
    low, high = sorted((sample[0::2].count(0), sample[1::2].count(0)))
    return sample.startswith(_UTF16) or (low == 0 and high > len(sample) // 3)


def _standard_input() -> Any:
    if sys.stdin is None:
        raise CorpusError("there is no standard input")
    return getattr(sys.stdin, "buffer", sys.stdin)


def _open_url(url: str) -> Any:
    import smart_open

    try:
        return smart_open.open(url, "rb", compression="disable")
    except Exception as error:  # each transport has errors of its own
        raise CorpusError(f"cannot open {url}: {error}") from error


class _Reader(io.RawIOBase):
    """Any object with `read(n)`, of bytes or of str, as a raw byte stream. Does not close it."""

    def __init__(self, file: Any) -> None:
        self._source = file
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any) -> int:
        if not self._rest:
            data = self._source.read(len(view))
            if data is None:
                raise OSError(0, "it would block")
            self._rest = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data)
        n = min(len(view), len(self._rest))
        view[:n], self._rest = self._rest[:n], self._rest[n:]
        return n


class _Peekable(io.RawIOBase):
    """A byte stream whose next bytes can be seen before they are read. `position`: bytes read, not those only seen."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._seen = b""
        self.position = 0

    def readable(self) -> bool:
        return True

    def peek(self, n: int) -> bytes:
        """The next `n` bytes; fewer at the end only (a pipe may hand them out one by one)."""
        while len(self._seen) < n:
            more = self._inner.read(n - len(self._seen))
            if not more:
                break
            self._seen += more
        return self._seen[:n]

    def readinto(self, view: Any) -> int:
        if self._seen:
            got = min(len(view), len(self._seen))
            view[:got], self._seen = self._seen[:got], self._seen[got:]
        else:
            got = self._inner.readinto(view)
        self.position += got
        return got
