"""Any source of text to a vocabulary and a stream of ids: the front door of the corpus room. Owns EncodedCorpus.

The text is tokenised once. Pass 1 counts the words and writes provisional ids (first_pass.py); then the vocabulary is
known, and pass 2 rewrites them as vocabulary ids (second_pass.py). Every epoch afterwards is a walk over integers.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import memory
from ..errors import ConfigError, CorpusError
from ..vocab import Bytes, Ints, Vocab, pack, select, unpack
from .first_pass import FirstPass
from .intake import Progress, Tokenizer, read_all
from .renumber import Map, Renumbering
from .second_pass import Encoded, second_pass
from .spill import IdStream
from .stats import CorpusStats
from .table import MAX_TYPES, Batch, WordTable
from .words import MAX_WORD

MEMORY_LIMIT = 16 << 20  # bytes of ids kept in memory: 4 million words; a file costs an epoch nothing that can be measured
MAX_SENTENCE_LENGTH = 10_000  # words, as gensim; but here a longer sentence is cut, not cut off
CHUNK_WORDS = 10_000
DROP_FROM = 1 << 20  # words from which on the 6 ms are worth it that dropping the compiler takes


class EncodedCorpus:
    """Sentences as ids, in chunks; in memory or in a temporary file that close() removes (so does the process's end).

    n_tokens   in-vocabulary words; raw_words: all words read
    starts     int64 (n_chunks + 1,): positions in the id stream, sentence ends included; chunks end where sentences end
    stats      CorpusStats
    identity   hex: the same ids, chunks and vocabulary give the same value, wherever the text came from
    """

    def __init__(self, ids: IdStream, starts: Ints, stats: CorpusStats, identity: str) -> None:
        self._ids: IdStream | None = ids
        self.starts = starts
        self.stats = stats
        self.identity = identity

    @property
    def n_tokens(self) -> int:
        """In-vocabulary words."""
        return self.stats.tokens

    @property
    def raw_words(self) -> int:
        """All words read, unknown ones included."""
        return self.stats.raw_words

    def __len__(self) -> int:
        """The number of chunks."""
        return len(self.starts) - 1

    def read(self, k: int, stop: int | None = None) -> NDArray[np.int32]:
        """The ids of chunk k, or of chunks k .. stop-1, int32; -1 ends every sentence. Not to be written to. Safe from any
        thread.
        """
        if self._ids is None:
            raise CorpusError("the encoded corpus is closed")
        stop = k + 1 if stop is None else stop
        if not 0 <= k < stop <= len(self):
            raise IndexError(f"chunks {k} to {stop} of {len(self)}")
        ids: NDArray[np.int32] = self._ids.read(int(self.starts[k]), int(self.starts[stop])).view()
        ids.flags.writeable = False
        return ids

    def close(self) -> None:
        """Remove the temporary file, and give back the memory."""
        if self._ids is not None:
            self._ids.close()
            self._ids = None

    def __enter__(self) -> EncodedCorpus:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def encode(
    source: Any,
    *,
    min_count: int = 5,
    max_final_vocab: int | None = None,
    max_vocab_size: int | None = None,
    vocab: Vocab | None = None,
    tokenizer: Tokenizer | None = None,
    lower: bool = False,
    max_sentence_length: int = MAX_SENTENCE_LENGTH,
    chunk_words: int = CHUNK_WORDS,
    memory_limit: int = MEMORY_LIMIT,
    tmp_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Vocab, EncodedCorpus]:
    """Read a corpus once: its vocabulary, and its sentences as ids.

    source               a path, '-' (stdin), a URL, a glob, a directory (read with those below), an open file, or a
                         list of these; LineSentence; an iterable, one-shot ones too, of lists of words, or, with
                         `tokenizer`, of texts. Compression (gzip, bzip2, xz, zstd) is found by content. What a word
                         is: words.py.
    min_count            words that occur less often are left out (not where `vocab` is given)
    max_final_vocab      at most so many words: min_count is raised
    max_vocab_size       at most so many types while counting (table.py says how it trims); None: 40 million.
                         Occurrences counted before a word was trimmed are neither in its count nor in the ids.
    vocab                use this vocabulary, its counts too
    tokenizer            text -> words, for each text of an iterable, or each line of files
    lower                words are lower-cased (str.lower)
    max_sentence_length  longer sentences are cut into sentences of so many words; out-of-vocabulary words count
    chunk_words          words of a chunk, see second_pass.py
    memory_limit         bytes of ids kept in memory; more go to a temporary file in `tmp_dir`
    progress             called after every block with (bytes done, bytes in all or None, words)

    Memory: the types (about 100 bytes each), `memory_limit`, and some megabytes, however long the text, its lines and
    its words. The result depends on the sentences alone, not on how they arrive. Raises ConfigError for a parameter;
    CorpusError for missing, unreadable or damaged input, no words, none left, a full disk.
    """
    _check_whole_numbers(min_count=(min_count, 0), max_final_vocab=(max_final_vocab, 1), memory_limit=(memory_limit, 0))
    _check_whole_numbers(max_vocab_size=(max_vocab_size, 1), max_sentence_length=(max_sentence_length, 1))
    _check_whole_numbers(chunk_words=(chunk_words, 1))
    _check_vocab(vocab, max_final_vocab)
    if tokenizer is not None and not callable(tokenizer):
        raise ConfigError(f"the tokenizer must be callable, not {type(tokenizer).__name__}")
    directory = None if tmp_dir is None else os.fspath(tmp_dir)
    if directory is not None and not os.path.isdir(directory):
        raise ConfigError(f"tmp_dir is not a directory: {directory}")
    table = WordTable(min(MAX_TYPES if max_vocab_size is None else max_vocab_size, 2**31 - 2))
    if vocab is not None:
        table.keep(vocab.blob, vocab.offsets)
    ids, renumbering, stats = IdStream(memory_limit, directory), Renumbering(directory), CorpusStats()
    try:
        first = FirstPass(table, ids, renumbering, max_sentence_length)
        read_all(source, tokenizer, first, stats, progress)
        first.report(stats)
        _refuse_emptiness(stats)
        if vocab is None:
            vocab, remap = _make_vocab(table, lower, min_count, max_final_vocab, stats)
        else:
            remap = _map_to(vocab, table, lower, stats)
        encoded = second_pass(ids, renumbering, remap, chunk_words)
        _finish(stats, encoded, vocab)
    except BaseException:
        ids.close()
        raise
    finally:
        renumbering.close()
    del table, first, remap
    memory.give_back()
    if stats.raw_words > DROP_FROM:
        memory.drop_compiler()
    return vocab, EncodedCorpus(ids, encoded.starts, stats, _identity(encoded, vocab))


def _check_whole_numbers(**values: tuple[int | None, int]) -> None:
    for name, (value, least) in values.items():
        if value is not None and (not hasattr(value, "__index__") or isinstance(value, bool) or value < least):
            raise ConfigError(f"{name} must be a whole number of at least {least}, not {value!r}")


def _check_vocab(vocab: Any, max_final_vocab: int | None) -> None:
    if vocab is None:
        return
    if not isinstance(vocab, Vocab):
        raise ConfigError(f"vocab is {type(vocab).__name__}, not a Vocab", "make one by Vocab.load or Vocab.from_counts")
    if max_final_vocab is not None:
        raise ConfigError("max_final_vocab cannot shrink a vocabulary that is given")


def _refuse_emptiness(stats: CorpusStats) -> None:
    if stats.raw_words == 0:
        raise CorpusError("the corpus holds no words", f"read: {stats.bytes:,} bytes, {stats.lines:,} lines")
    if stats.raw_words == stats.long_words:
        hint = "is the text split into words? Chinese, Japanese or Thai needs a tokenizer"
        raise CorpusError(f"all {stats.long_words:,} words read are longer than {MAX_WORD:,} bytes", hint)


def _make_vocab(
    table: WordTable, lower: bool, min_count: int, max_final_vocab: int | None, stats: CorpusStats
) -> tuple[Vocab, Map]:
    """The vocabulary of what was counted, and the map from provisional ids to its rows."""
    lengths, counts, invalid = table.read()
    stats.invalid_words += int(counts[invalid].sum()) + table.trimmed_invalid
    normal: Map | None = None
    if lower or invalid.any():
        table, normal = _normalised(table, lower)
        lengths, counts, _ = table.read()
    stats.types = len(table)
    candidates = np.flatnonzero(counts >= min(min_count, int(counts.max())))
    blob, offsets = table.words(candidates, lengths)
    blob, offsets, chosen, kept, stats.min_count = select(blob, offsets, counts[candidates], min_count, max_final_vocab)
    rows = np.full(len(table), -1, np.int32)
    rows[candidates[kept]] = np.arange(len(kept), dtype=np.int32)
    return Vocab(blob, offsets, chosen), rows if normal is None else rows[normal]


def _map_to(vocab: Vocab, table: WordTable, lower: bool, stats: CorpusStats) -> Map:
    """The map from provisional ids to the rows of a given vocabulary, whose words are the first types of the table."""
    _, counts, invalid = table.read()
    stats.invalid_words += int(counts[invalid].sum()) + table.trimmed_invalid
    stats.types = int((counts > 0).sum())
    rows = np.arange(len(table), dtype=np.int32)
    if lower or invalid.any():
        for batch in table.batches():
            rows[batch.ids] = table.find(*_normal_forms(batch, lower))
    rows[rows >= len(vocab)] = -1
    return rows


def _normalised(table: WordTable, lower: bool) -> tuple[WordTable, Map]:
    """Types that become the same word counted as one: a table of these, and the map from old ids to its ids."""
    normal, new_ids = WordTable(max_types=2**31 - 2), np.empty(len(table), np.int32)
    normal.reserve(len(table))
    for batch in table.batches():
        new_ids[batch.ids] = normal.add(*_normal_forms(batch, lower), batch.counts)
    return normal, new_ids


def _normal_forms(batch: Batch, lower: bool) -> tuple[Bytes, Ints]:
    """Lower-cased where asked for, with U+FFFD for what is not UTF-8. Done to types, not to every word of the text."""
    if not lower and not batch.invalid:
        return batch.blob, batch.offsets
    words = unpack(batch.blob, batch.offsets)
    return pack([word.lower() for word in words] if lower else words)


def _finish(stats: CorpusStats, encoded: Encoded, vocab: Vocab) -> None:
    if encoded.tokens == 0:
        raise CorpusError(f"none of the {stats.raw_words:,} words read is in the vocabulary")
    stats.vocabulary = len(vocab)
    stats.tokens, stats.sentences = encoded.tokens, encoded.sentences
    stats.emptied_sentences = encoded.emptied


def _identity(encoded: Encoded, vocab: Vocab) -> str:
    state = hashlib.blake2b(vocab.digest.encode(), digest_size=16)
    state.update(encoded.fingerprint.to_bytes(8, "little"))
    state.update(encoded.starts.tobytes())
    return state.hexdigest()
