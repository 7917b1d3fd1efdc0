"""Decompression of gzip, bzip2, xz and zstd by content. Owns the walk over concatenated members; opens nothing.

The standard library's file objects are not used: they ignore garbage behind a bzip2 or xz stream, and zstandard's
takes a cut file for a whole one. Here every byte is decompressed or reported, and one call never yields more than was
asked for (zstd: 1 KB of input at a time, at most 32 MB of output).
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import zlib
from collections.abc import Callable
from typing import Any

import zstandard

# What reading damaged or unreadable data raises.
ERRORS = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError)

Buffer = bytes | memoryview

_CHUNK = 1 << 16  # bytes read at a time

# The header of an xz or zstd file says how far back its data refer, and the decompressor allocates that much: up to 4 GB for
# 88 bytes of xz. `xz -9` asks for 64 MB, `zstd --long` for 128 MB.
_MOST_MEMORY = 256 << 20  # of xz
_LARGEST_WINDOW = 128 << 20  # of zstd
_ZSTD_PORTION = 1 << 10  # bytes decompressed at a time

HEAD = 10  # first bytes that tell
_HEADS = {
    "gzip": rb"\x1f\x8b",
    "bzip2": rb"BZh[1-9](1AY&SY|\x17rE8P\x90)",  # not "BZh" alone: a text may begin so
    "xz": rb"\xfd7zXZ\x00",
    "zstd": rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18",
}
_ARCHIVES = {b"PK\x03\x04": "a zip archive", b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"\x04\x22\x4d\x18": "lz4 data"}


def decompressed(raw: io.RawIOBase, head: bytes) -> io.RawIOBase:
    """`raw` itself, or what it decompresses to when its first bytes, `head`, are those of a known format."""
    for kind, pattern in _HEADS.items():
        if re.match(pattern, head):
            return _Members(raw, kind)
    return raw


def archive(head: bytes) -> str | None:
    """The name of a packed format that is not read here."""
    return next((kind for magic, kind in _ARCHIVES.items() if head.startswith(magic)), None)


class _Gzip:
    """zlib's decompressor with the manners of bz2's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)  # gzip with its header and checksum
        self.needs_input = True

    def decompress(self, data: Buffer, limit: int) -> bytes:
        tail = self._inner.unconsumed_tail
        out = self._inner.decompress(tail + bytes(data) if tail else data, limit)
        self.needs_input = not self._inner.unconsumed_tail and len(out) < limit
        return out

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


class _Zstd:
    """zstandard's decompressor with the manners of bz2's; it knows no output limit, so it gets little at a time."""

    needs_input = True

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).decompressobj()

    def decompress(self, data: Buffer, limit: int) -> bytes:
        return self._inner.decompress(data)

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)


class _Members(io.RawIOBase):
    """Concatenated members of one format as one stream of their contents. Raises EOFError where the last is cut."""

    def __init__(self, raw: io.RawIOBase, kind: str) -> None:
        self._raw, self._kind = raw, kind
        self._member: Any = None
        self._portion = _ZSTD_PORTION if kind == "zstd" else _CHUNK
        self._input = memoryview(b"")
        self._output = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any) -> int:
        while not self._output:
            if not (self._advance(len(view)) if self._member is not None else self._next_member()):
                return 0
        n = min(len(view), len(self._output))
        view[:n], self._output = self._output[:n], self._output[n:]
        return n

    def _refill(self) -> bool:
        self._input = memoryview(self._raw.read(_CHUNK) or b"")
        return len(self._input) > 0

    def _next_member(self) -> bool:
        """Begin a member; False when the file ends before it."""
        while True:
            if self._kind in ("gzip", "xz"):  # both allow zeros as padding behind a member
                self._input = memoryview(bytes(self._input).lstrip(b"\0"))
            if self._input:
                break
            if not self._refill():
                return False
        self._member = _MAKERS[self._kind]()
        return True

    def _advance(self, limit: int) -> bool:
        """Decompress a little more."""
        if self._member.needs_input and not self._input and not self._refill():
            raise EOFError(f"the {self._kind} data is cut off")
        data = self._input[: self._portion] if self._member.needs_input else b""
        self._input = self._input[len(data) :]
        self._output = memoryview(self._member.decompress(data, limit))
        if self._member.eof:
            self._input = memoryview(self._member.unused_data + bytes(self._input))
            self._member = None
        return True


_MAKERS: dict[str, Callable[[], Any]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY),
    "zstd": _Zstd,
}
