"""word2vec's formats under gensim's names: load_word2vec_format(), save_word2vec_format(). Owns counts and order.

How the files look is word2vec_text's, word2vec_bin's and glove's business.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, EncodingError, FormatError
from ..vectors import KeyedVectors
from . import glove, word2vec_bin, word2vec_text
from .files import Path, Source, appended, created
from .loaded import KV, MAX_WORD, Loaded, Options, check_counts
from .rows_out import Rows, binary_rows, check_words, text_rows

logger = logging.getLogger(__name__)


def load_word2vec_format(
    cls: type[KV],
    fname: Path,
    fvocab: Path | None = None,
    binary: bool = False,
    encoding: str = "utf8",
    unicode_errors: str = "strict",
    limit: int | None = None,
    datatype: Any = np.float32,
    no_header: bool = False,
    binary_chunk_size: int = word2vec_bin.PIECE,
) -> KV:
    """Read vectors in word2vec's text or binary format as `cls`, a KeyedVectors; the file may be compressed, or a URL.

    fvocab       a vocabulary in word2vec.c's format, "word count" lines; without it counts are made up as V, V-1, ...
                 1, as gensim does, since the format holds none
    encoding, unicode_errors  of the words, as in bytes.decode()
    limit        read so many vectors at most
    datatype     type of the vectors in memory
    no_header    a text file without the line "V D", as GloVe's are
    binary_chunk_size  bytes read at a time

    Of equal words the first counts. Raises TruncatedError (an EOFError) for a file cut off, FormatError (a ValueError)
    for one that is something else, EncodingError (a UnicodeDecodeError) for words in another encoding.
    """
    options = Options(limit=limit, encoding=encoding, unicode_errors=unicode_errors, datatype=datatype)
    if binary_chunk_size < 1:
        raise ConfigError(f"binary_chunk_size must be at least 1, not {binary_chunk_size}")
    if binary and no_header:
        raise NotImplementedError("no_header is for text: a binary file says how long its vectors are in its header alone")
    counts = None if fvocab is None else _read_counts(fvocab, options)
    with Source(fname) as source:
        if binary:
            loaded = word2vec_bin.read(source, options, binary_chunk_size)
        else:
            loaded = (glove if no_header else word2vec_text).read(source, options)
    kv = loaded.to_keyed_vectors(cls)
    made_up = np.arange(len(kv), 0, -1)
    kv.expandos["count"] = made_up if counts is None else _counts_of(loaded, counts, str(fvocab))
    kind = "binary" if binary else "text"
    message = f"loaded {kv.vectors.shape} matrix of type {kv.vectors.dtype} from {fname}"
    kv.add_lifecycle_event("load_word2vec_format", msg=message, format=kind, encoding=encoding)
    return kv


def _read_counts(path: Path, options: Options) -> dict[str, int]:
    """Word -> count of a vocabulary file."""
    counts: dict[str, int] = {}
    with Source(path) as source:
        for number, line in enumerate(source.lines(MAX_WORD), 1):
            fields = line.rsplit(None, 1)
            if not fields:
                continue
            if len(fields) != 2 or not fields[1].isdigit() or len(fields[1]) > 18:
                raise FormatError(f"{source.name}, line {number}: expected a word and its count, found {line[:40]!r}")
            try:
                counts[fields[0].decode(options.encoding, options.unicode_errors)] = int(fields[1])
            except UnicodeDecodeError as error:
                message = f"{source.name}, line {number}: {fields[0][:40]!r} is not {options.encoding}"
                raise EncodingError(message, error, "give encoding, or unicode_errors='replace'") from error
            except UnicodeError as error:  # some codecs (idna, punycode) raise this
                raise FormatError(f"{source.name}, line {number}: not {options.encoding}: {error}") from error
    return counts


def _counts_of(loaded: Loaded, counts: dict[str, int], name: str) -> NDArray[np.int64]:
    found = [counts.get(word) for word in loaded.words]
    if missing := found.count(None):
        logger.warning("%d of %d words are not in the vocabulary file %s: their count is 0", missing, len(found), name)
    known = np.array([count if count is not None else 0 for count in found], np.int64)
    check_counts(known, name)
    return known


def save_word2vec_format(
    kv: KeyedVectors,
    fname: Path,
    fvocab: Path | None = None,
    binary: bool = False,
    total_vec: int | None = None,
    write_header: bool = True,
    prefix: str = "",
    append: bool = False,
    sort_attr: str = "count",
) -> None:
    """Write vectors in word2vec's text or binary format, byte for byte as gensim does; compressed if the name says so.

    fvocab       also write the vocabulary, "word count" lines; needs the attribute `sort_attr`
    total_vec    the V of the header, where vectors will be appended later
    write_header False: without the line "V D", as GloVe
    prefix       put before every word
    append       write behind what the file holds
    sort_attr    highest first by this attribute; as they are where it is missing

    Raises FormatError for words that the format cannot hold: empty ones, and those with white space in them.
    Text holds each number as the shortest decimal that reads back as the same number.
    """
    order = _order(kv, sort_attr)
    if order is None and fvocab is not None:
        raise ConfigError(f"cannot store the vocabulary: there is no attribute {sort_attr!r}", "set it with set_vecattr()")
    rows = Rows(kv, order, prefix)
    check_words(rows, spaces=False)
    opened = appended if append else created
    with ExitStack() as files:
        if fvocab is not None:
            files.enter_context(opened(fvocab)).writelines(_vocabulary_lines(kv, rows, sort_attr))
        file = files.enter_context(opened(fname))
        if write_header:
            file.write(b"%d %d\n" % (len(kv) if total_vec is None else total_vec, kv.vector_size))
        for block in binary_rows(rows) if binary else text_rows(rows):
            file.write(block)


def _order(kv: KeyedVectors, attr: str) -> NDArray[np.int64] | None:
    """Rows by falling attribute, equal ones as they were; None: as they are."""
    if attr not in kv.expandos:
        logger.info("there is no attribute %r to sort by: vectors are written in the order they have", attr)
        return None
    if len(kv.expandos[attr]) != len(kv):
        message = f"{len(kv.expandos[attr])} values of the attribute {attr!r} for {len(kv)} keys"
        raise FormatError(message, "call allocate_vecattrs()")
    # Reversed twice, so that falling order is stable and unsigned numbers need no minus.
    backwards = np.argsort(kv.expandos[attr][::-1], kind="stable")[::-1]
    return len(kv) - 1 - backwards


def _vocabulary_lines(kv: KeyedVectors, rows: Rows, attr: str) -> Iterator[bytes]:
    values = kv.expandos[attr]
    for word, index in zip(rows.words, rows.indices, strict=True):
        yield b"%s %s\n" % (word, str(values[index]).encode())
