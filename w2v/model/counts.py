"""The words of a corpus and how often they occur, before any is chosen. Owns counting and gensim's trimming rules."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..corpus.encoder import EncodedCorpus, encode
from ..errors import ConfigError
from ..vocab import Vocab, frequency_order, gather, pack, unpack
from .source import Source, unspell

logger = logging.getLogger("w2v.model")

Ints = NDArray[np.int64]
TrimRule = Callable[[Any, int, int], Any] | None  # (word, count, min_count) -> RULE_*

# What a trim rule may return; the numbers are gensim's (gensim.utils.RULE_*).
RULE_DEFAULT = 0  # min_count decides
RULE_DISCARD = 1
RULE_KEEP = 2


@dataclass
class RawVocab:
    """Every word read, with its count. Words stay packed until somebody wants them as Python strings."""

    words: Vocab | list[Any]
    counts: Ints
    order: Ints  # word ids by the place where each was first met; for a mapping, its own order
    numbers: bool = False  # the packed words spell whole numbers

    @classmethod
    def of(cls, frequencies: Mapping[Any, int]) -> RawVocab:
        """The words and counts of a mapping."""
        given = np.array(list(frequencies.values()))
        counts = given.astype(np.int64)
        if (counts != given).any() or (counts < 0).any():
            raise ConfigError("word counts must be whole numbers, 0 or more")
        return cls(list(frequencies), counts, np.arange(len(counts)))

    def __len__(self) -> int:
        return len(self.counts)

    def take(self, ids: Ints) -> list[Any]:
        """Words `ids`, in their order."""
        if not isinstance(self.words, Vocab):
            return [self.words[i] for i in ids.tolist()]
        words = unpack(*gather(self.words.blob, self.words.offsets, ids))
        return [unspell(word) for word in words] if self.numbers else words

    def to_dict(self) -> dict[Any, int]:
        """Word -> count, in the order of `order`."""
        return dict(zip(self.take(self.order), self.counts[self.order].tolist(), strict=True))

    def by_frequency(self, ids: Ints) -> Ints:
        """`ids` by falling count, ties by the words' UTF-8 bytes (words that are no strings: in the order given)."""
        if isinstance(self.words, Vocab):
            return np.sort(ids)  # a Vocab is in that order
        words = self.take(ids)
        if all(isinstance(word, str) for word in words):
            return ids[frequency_order(*pack(words), self.counts[ids])]
        return ids[np.argsort(-self.counts[ids], kind="stable")]


@dataclass
class Scan:
    """What one reading of a corpus gave; `corpus` holds all its words, as ids of `raw`."""

    raw: RawVocab
    words: int
    sentences: int
    corpus: EncodedCorpus | None


def scan(source: Source, chunk_words: int, in_order: bool, progress_per: int) -> Scan:
    """Read a corpus once, counting and encoding all its words. `in_order`: find out the order in which they come."""
    vocab, corpus = encode(source.for_encoder(), min_count=1, chunk_words=chunk_words, progress=_Log(progress_per))
    order = first_met(corpus, len(vocab)) if in_order else np.arange(len(vocab))
    raw = RawVocab(vocab, vocab.counts, order, source.numbers)
    return Scan(raw, corpus.raw_words, sentences_of(corpus), corpus)


def sentences_of(corpus: EncodedCorpus) -> int:
    """How many sentences were read, as gensim counts: items of an iterable, empty ones too; of files, lines with
    words.
    """
    stats = corpus.stats
    return stats.lines - stats.blank_lines + stats.cuts if stats.files else stats.lines


def scan_bounded(source: Source, max_types: int, rule: TrimRule, progress_per: int) -> Scan:
    """Count with at most about `max_types` words in memory, as gensim does: when there are more after a sentence,
    those that occurred less than once so far are forgotten (or as `rule` says), the next time those less than twice,
    and so on.
    """
    counts: dict[Any, int] = {}
    least, words, sentences = 1, 0, 0
    log = _Log(progress_per)
    for sentence in source.sentences():
        sentences += 1
        for word in sentence:
            counts[word] = counts.get(word, 0) + 1
        words += len(sentence)
        log(0, None, words)
        if len(counts) > max_types:
            before = len(counts)
            counts = {word: count for word, count in counts.items() if is_kept(rule, word, count, least)}
            logger.info("forgot %d of %d words (fewer than %d occurrences so far)", before - len(counts), before, least)
            least += 1
    return Scan(RawVocab.of(counts), words, sentences, None)


def first_met(corpus: EncodedCorpus, words: int) -> Ints:
    """Word ids in the order of their first occurrence."""
    met, order = np.zeros(words, bool), list[Ints]()
    for k in range(len(corpus)):
        ids = corpus.read(k)
        new, at = np.unique(ids[(ids >= 0) & ~met[ids]], return_index=True)
        order.append(new[np.argsort(at)].astype(np.int64))
        met[new] = True
    found: Ints = np.concatenate([np.zeros(0, np.int64), *order])
    return found


def is_kept(rule: TrimRule, word: Any, count: int, min_count: int) -> bool:
    """Whether a word stays in the vocabulary."""
    verdict = RULE_DEFAULT if rule is None else rule(word, count, min_count)
    if verdict == RULE_KEEP:
        return True
    return bool(verdict != RULE_DISCARD and count >= min_count)


def kept_ids(raw: RawVocab, min_count: int, rule: TrimRule) -> Ints:
    """The words that stay, in the order of raw.order."""
    counts = raw.counts[raw.order]
    if rule is None:
        return raw.order[counts >= min_count]
    words: Iterable[tuple[Any, int]] = zip(raw.take(raw.order), counts.tolist(), strict=True)
    stays = np.array([is_kept(rule, word, count, min_count) for word, count in words], bool)
    kept: Ints = raw.order[stays]
    return kept


class _Log:
    """A line in the log for every so many words read."""

    def __init__(self, every: int) -> None:
        self.every = max(int(every), 1)
        self.next = self.every

    def __call__(self, done: int, total: int | None, words: int) -> None:
        if words >= self.next:
            logger.info("PROGRESS: %d words read%s", words, f", {100 * done / total:.1f}% of the bytes" if total else "")
            self.next = words + self.every
