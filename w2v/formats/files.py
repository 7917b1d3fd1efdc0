"""Opening files of vectors, plain or compressed, to read and to write. Owns error messages; knows no format.

What is read is bounded by what lies on the disk: `Source.most` says how many bytes can still come, and compressed data
that expands beyond all measure is refused while it is read.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..atomic import replacing
from ..corpus.compressed import ERRORS, HEAD, decompressed
from ..errors import Explained, FileError, FormatError, MissingFileError, TruncatedError, W2VError

Path = str | os.PathLike[str]

SAMPLE = 1 << 18  # bytes at the start of a file from which its format is told

# Compressed data may grow so many times, and by this much in any case. Vectors as text shrink 3 times, as floats 1.1
# times; a bomb of gzip grows 1,000 times, one of bzip2 a million times.
_GROWTH = 200
_FREE_GROWTH = 8 << 20

_PART = 1 << 20  # bytes read at a time where a file is read whole
_LINES = 1 << 16  # where it is read line by line
_PEEK = 1 << 20  # and where it is only looked into: read() allocates what it is asked for, whatever there is

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


class Source:
    """The decompressed bytes of a file or URL, from the first to the last. Errors are W2VErrors that name it.

    name   what the user called it
    size   bytes on the disk, compressed as they are; None where nobody knows
    plain  whether the bytes are those of a local file as it lies on the disk, so that it can be memory-mapped
    most   how many bytes there are in all: exactly for plain files, a bound for compressed ones, None if nobody knows
    position  bytes read so far
    """

    def __init__(self, path: Path) -> None:
        self.name = _name(path)
        self.position = 0
        with explained("read", self.name):
            self._file = _open(self.name)
        self._raw = _Replayed(self._file)
        try:
            with explained("read", self.name):
                inner: Any = decompressed(self._raw, self._raw.peek(HEAD))  # type: ignore[arg-type]
                self._compressed = inner is not self._raw
                self._text = _Replayed(inner) if self._compressed else self._raw
        except BaseException:
            self.close()
            raise
        size = self.size = _regular_size(self._file)
        self.plain = not self._compressed and size is not None
        self.most = _FREE_GROWTH + _GROWTH * size if self._compressed and size is not None else size

    def peek(self, n: int) -> bytes:
        """The next `n` bytes without reading them; fewer at the end of the file only."""
        with explained("read", self.name):
            return self._text.peek(n)

    def readline(self, most: int) -> bytes:
        """The next line with its end; FormatError if it is longer than `most`."""
        line, end, _ = self.peek(most).partition(b"\n")
        if not end and len(line) == most:
            message = f"{self.name}: no line end in {most} bytes from byte {self.position} on"
            raise FormatError(message, "is it a file of another format?")
        self.readinto(memoryview(bytearray(len(line) + len(end))))
        return line + end

    def lines(self, longest: int) -> Iterator[bytes]:
        """The rest line by line, without line ends. Raises FormatError, naming the line, for one of more than `longest`."""
        block, rest, number = bytearray(_LINES), b"", 0
        while got := self.readinto(memoryview(block)):
            *lines, rest = (rest + block[:got]).split(b"\n")
            for line in (*lines, rest) if len(rest) > longest else lines:
                number += 1
                if len(line) > longest:
                    message = f"{self.name}, line {number}: more than {longest:,} bytes without a line end"
                    raise FormatError(message, "is it a file of another format?")
                yield line
        if rest:
            yield rest

    def readinto(self, view: memoryview) -> int:
        """Fill `view`; fewer bytes than it holds come at the end of the file only."""
        got = 0
        with explained("read", self.name):
            while got < len(view) and (n := self._text.readinto(view[got:])):
                got += n
        self.position += got
        if self._compressed and self.position > _FREE_GROWTH + _GROWTH * self._raw.position:
            hint = "if you trust it, decompress it yourself first"
            raise FormatError(f"{self.name} decompresses to more than {_GROWTH} times its size", hint)
        return got

    def whole(self) -> NDArray[np.uint8]:
        """Every byte at once, read-only: memory-mapped if the file is plain, else read. Call it before reading."""
        if self.plain and self.most:  # nothing can be mapped of an empty file
            with explained("read", self.name):
                return np.frombuffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        parts = []
        while True:
            part = bytearray(_PART)
            got = self.readinto(memoryview(part))
            parts.append(part[:got])
            if got < _PART:
                return np.frombuffer(b"".join(parts), np.uint8)

    def check_room(self, needed: int, what: str) -> None:
        """Raise TruncatedError if `needed` more bytes cannot come. Headers lie: this goes before every allocation."""
        if self.most is not None and needed > self.most - self.position:
            left = f"{'' if self.plain else 'at most '}{self.most - self.position:,}"
            message = f"{self.name} ends too early: {what} would take {needed:,} bytes, and {left} are left"
            raise TruncatedError(message, "the file is cut off, or its header is wrong")

    def close(self) -> None:
        """Close the file; what is mapped stays."""
        self._file.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Replayed:
    """A stream whose next bytes can be seen before they are read. `position`: bytes read, seen ones not included."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._seen = b""
        self.position = 0

    def peek(self, n: int) -> bytes:
        """The next `n` bytes; fewer at the end only."""
        parts = [self._seen]
        have = len(self._seen)
        while have < n and (more := self._inner.read(min(n - have, _PEEK))):
            parts.append(more)
            have += len(more)
        self._seen = b"".join(parts)
        return self._seen[:n]

    def readinto(self, view: memoryview) -> int:
        """Fill a part of `view`; 0 at the end."""
        if self._seen:
            got = min(len(view), len(self._seen))
            view[:got], self._seen = self._seen[:got], self._seen[got:]
        elif hasattr(self._inner, "readinto"):
            got = self._inner.readinto(view)
        else:
            data = self._inner.read(len(view))
            got = len(data)
            view[:got] = data
        self.position += got
        return int(got)

    def read(self, n: int) -> bytes:
        """Up to `n` bytes, for decompressors."""
        data = bytearray(n)
        return bytes(data[: self.readinto(memoryview(data))])


def _open(name: str) -> Any:
    if "://" not in name or os.path.exists(name):
        return open(name, "rb", buffering=0)
    import smart_open

    try:
        return smart_open.open(name, "rb", compression="disable")
    except Exception as error:  # each transport has errors of its own
        raise FileError(f"cannot open {name}: {error}") from error


def _regular_size(file: Any) -> int | None:
    try:
        status = os.fstat(file.fileno())
    except (AttributeError, OSError):  # a URL
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def explained(verb: str, name: str) -> Explained:
    """Turn the errors of the operating system, and of damaged compressed data, into W2VErrors."""

    def explain(error: Exception) -> W2VError | None:
        if isinstance(error, FileNotFoundError):
            return MissingFileError(f"cannot {verb} {name}: no such file or directory")
        if isinstance(error, EOFError):
            return TruncatedError(f"{name}: the compressed data is cut off")
        if isinstance(error, OSError) and (error.errno is not None or verb == "write"):
            return FileError(f"cannot {verb} {name}: {error.strerror or error}")
        if verb == "read" and isinstance(error, ERRORS):
            return FormatError(f"{name}: the compressed data is damaged: {error}")
        return None

    return Explained(explain)


@contextmanager
def created(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which becomes `path` only when the block ends well. Compressed when the name ends like that.

    A link is followed, so that the file it names is replaced; devices, pipes and URLs are written directly.
    """
    name = _name(path)
    with explained("write", name):
        opened: AbstractContextManager[Any]
        if "://" in name:
            import smart_open

            opened = smart_open.open(name, "wb", compression="disable")
        elif os.path.isdir(name):
            raise FileError(f"cannot write {name}: it is a directory", "give the name of a file")
        elif os.path.exists(name) and not os.path.isfile(name):
            opened = open(name, "wb")
        else:
            opened = replacing(os.path.realpath(name))
        with opened as raw, _compressed(raw, name) as file:
            yield file


@contextmanager
def appended(path: Path) -> Iterator[BinaryIO]:
    """A file to write behind what `path` holds; if the block fails, `path` is as it was."""
    name = _name(path)
    with explained("write", name):
        before = os.path.getsize(name) if os.path.exists(name) else None
        try:
            with open(name, "ab") as raw, _compressed(raw, name) as file:
                yield file
            _sync(name)
        except BaseException:
            if before is not None:
                os.truncate(name, before)
            elif os.path.exists(name):
                os.unlink(name)
            raise


def _name(path: Path) -> str:
    name = os.fsdecode(path)
    if "\0" in name:
        raise FileError(f"{name!r} cannot be the name of a file")
    return name


def _sync(name: str) -> None:
    with open(name, "rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _compressed(raw: Any, name: str) -> Iterator[Any]:
    makers: dict[str, Callable[[], Any]] = {
        ".gz": lambda: gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0),
        ".bz2": lambda: bz2.BZ2File(raw, "wb"),
        ".xz": lambda: lzma.LZMAFile(raw, "wb"),
        ".zst": lambda: _zstd_writer(raw),
    }
    maker = makers.get(os.path.splitext(name)[1].lower())
    if maker is None:
        yield raw
        return
    with maker() as file:
        yield file


def _zstd_writer(raw: Any) -> Any:
    import zstandard

    return zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False)
