"""Files of vectors. Owns the list of formats: their names, their suffixes, and telling them apart by content.

One file each: native.py (ours, on tensors.py), word2vec_bin.py and word2vec_text.py (word2vec.c, gensim, GoogleNews,
fastText's .vec) with glove.py (on header.py and text.py, with decimals.py for long files), fasttext.py (.bin, on
subwords.py), gensim_import.py (.kv and .model, on pickled.py and arrays.py) and gensim_export.py. word2vec.py has
gensim's names for what it can do with them. All stand on files.py (opening), pieces.py (reading by the piece),
matrix.py, loaded.py (what readers hand over) and rows_out.py (what writers take).

No reader runs what a file says, believes a header before checking it against the size of the file, or allocates much
more than the file holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ConfigError, FormatError
from ..vectors import KeyedVectors
from . import (
    fasttext,
    gensim_export,
    gensim_import,
    glove,
    header,
    native,
    tensors,
    word2vec,
    word2vec_bin,
    word2vec_text,
)
from .files import COMPRESSED, SAMPLE, Path, Source
from .loaded import Loaded, Options

__all__ = ["FORMATS", "Format", "format_for", "load", "save", "sniff"]

Reader = Callable[[Source, Options], Loaded]


@dataclass(frozen=True)
class Format:
    """One format: the suffixes that stand for it, how it is read, how written (None: it is not)."""

    name: str
    suffixes: tuple[str, ...]
    read: Reader
    save: Callable[[KeyedVectors, Path], None] | None
    aliases: tuple[str, ...] = ()


def _save_native(kv: KeyedVectors, path: Path) -> None:
    native.save_model(path, kv)


def _save_bin(kv: KeyedVectors, path: Path) -> None:
    word2vec.save_word2vec_format(kv, path, binary=True)


def _save_text(kv: KeyedVectors, path: Path) -> None:
    word2vec.save_word2vec_format(kv, path)


FORMATS = {
    format.name: format
    for format in (
        Format("native", (), native.read, _save_native),
        Format("word2vec-bin", (".bin",), word2vec_bin.read, _save_bin, ("bin", "binary")),
        Format("word2vec-text", (".txt", ".vec"), word2vec_text.read, _save_text, ("text", "txt", "vec")),
        Format("glove", (".glove",), glove.read, glove.save),
        Format("fasttext", (), fasttext.read, None, ("fasttext-bin",)),
        Format("gensim", (), gensim_import.read, gensim_export.save, ("kv",)),
    )
}

# What people try to open, and what to do about it.
_FOREIGN = {
    b"PK\x03\x04": ("a zip archive", "unpack it first"),
    b"SQLite format 3": ("a SQLite database, perhaps of magnitude", "export the vectors as text"),
    b"FiFu": ("a finalfusion file", "convert it with finalfusion's tools to word2vec's format"),
    b"\x89HDF": ("an HDF5 file", "export the vectors as text"),
    b"\x93NUMPY": ("a numpy array without words", "open the model file that it lies beside"),
}


def load(
    path: Path,
    format: str | None = None,
    *,
    limit: int | None = None,
    mmap: bool = True,
    encoding: str = "utf8",
    unicode_errors: str = "strict",
) -> KeyedVectors:
    """Read vectors from a file of any known format, plain or compressed (gzip, bzip2, xz, zstd), or from a URL.

    format   one of FORMATS, where the content does not tell; None: it is told by the content, never by the name
    limit    read the first so many vectors at most
    mmap     keep matrices in the file until they are touched, where the format allows; they are read-only then
    encoding, unicode_errors   of the words in formats that do not fix it, as in bytes.decode()

    Of words that occur twice the first counts. Raises FormatError for a file that is none of these or is damaged,
    TruncatedError for one cut off, MissingFileError and FileError for those that cannot be opened.
    """
    options = Options(limit=limit, mmap=mmap, encoding=encoding, unicode_errors=unicode_errors)
    named = None if format is None else _known(format)
    with Source(path) as source:
        loaded = FORMATS[_sniff(source) if named is None else named].read(source, options)
    return loaded.to_keyed_vectors(KeyedVectors)


def save(kv: KeyedVectors, path: Path, format: str | None = None) -> None:
    """Write vectors; the format follows the suffix (see format_for), or is one of FORMATS. `path` is replaced only when
    everything is written. Text and binary formats are compressed if the name ends in .gz, .bz2, .xz or .zst.

    Raises FormatError for words that the format cannot hold, FileError for a file that cannot be written.

    >>> import os, tempfile
    >>> from w2v import KeyedVectors, formats
    >>> kv = KeyedVectors.from_arrays(["up", "down"], [[0.0, 1.0], [0.0, -1.0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "vectors.txt.gz")
    ...     formats.save(kv, path)
    ...     formats.sniff(path), formats.load(path)["down"].tolist()
    ('word2vec-text', [0.0, -1.0])
    """
    chosen = FORMATS[format_for(path, format)]
    if chosen.save is None:
        raise ConfigError(f"vectors cannot be written as {chosen.name}", f"formats: {', '.join(_writable())}")
    chosen.save(kv, path)


def format_for(path: Path, format: str | None = None) -> str:
    """The name of the format in which save() writes `path`: .bin, .txt, .vec and .glove say it, all else is native."""
    if format is not None:
        return _known(format)
    name = os.fspath(path).lower()
    base, suffix = os.path.splitext(name)
    if suffix in COMPRESSED:
        suffix = os.path.splitext(base)[1]
    return next((f.name for f in FORMATS.values() if suffix in f.suffixes), "native")


def sniff(path: Path) -> str:
    """The name of the format of a file, told by its content. Raises FormatError if it is none that is known."""
    with Source(path) as source:
        return _sniff(source)


def _sniff(source: Source) -> str:
    head = source.peek(SAMPLE)
    text = header.is_text(head)
    tests: dict[str, Callable[[], bool | None]] = {
        "native": lambda: tensors.is_tensors(head, source.most if source.plain else None),
        "fasttext": lambda: head.startswith(fasttext.MAGIC),
        "gensim": lambda: gensim_import.is_pickle(head),
        "word2vec-text": lambda: text,
        "word2vec-bin": lambda: text is False,
        "glove": lambda: glove.is_glove(head),
    }
    if found := next((name for name, test in tests.items() if test()), None):
        return found
    if not head:
        raise FormatError(f"{source.name} is empty")
    for magic, (what, advice) in _FOREIGN.items():
        if head.startswith(magic):
            raise FormatError(f"{source.name} is {what}", advice)
    raise FormatError(f"{source.name} holds no vectors in a known format", f"known: {', '.join(FORMATS)}")


def _known(name: str) -> str:
    for format in FORMATS.values():
        if name.lower() in (format.name, *format.aliases):
            return format.name
    raise ConfigError(f"there is no format {name!r}", f"formats: {', '.join(FORMATS)}")


def _writable() -> list[str]:
    return [format.name for format in FORMATS.values() if format.save is not None]
