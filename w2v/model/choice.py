"""Which of the words that were counted make the vocabulary, and in which order. Owns that decision; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import sampling
from .counts import Ints, RawVocab

NULL_WORD = "\0"  # a pseudo-word that no text holds, counted once (gensim's null_word)


@dataclass(frozen=True)
class Choice:
    """A vocabulary: its words in the order of their rows, their counts, and where the words of a scan went."""

    words: list[Any]
    counts: Ints
    rows: NDArray[np.int32]  # of each scanned word: its row, -1 where it was not kept


def fresh(raw: RawVocab, kept: Ints, by_frequency: bool, null_word: bool) -> Choice:
    """The scanned words `kept`, by falling frequency or in the order in which they came."""
    order = raw.by_frequency(kept) if by_frequency else kept
    rows = np.full(len(raw), -1, np.int32)
    rows[order] = np.arange(len(order), dtype=np.int32)
    return _with_null_word(Choice(raw.take(order), raw.counts[order], rows), null_word)


def merged(raw: RawVocab, kept: Ints, words: Sequence[Any], counts: Ints, null_word: bool) -> Choice:
    """`words` with their counts increased by all that was scanned, and behind them those of `kept` that are new."""
    known = {word: row for row, word in enumerate(words)}
    names = raw.take(np.arange(len(raw)))
    place = np.fromiter((known.get(name, -1) for name in names), np.int64, len(raw))
    new = raw.by_frequency(kept[place[kept] < 0])
    place[new] = len(words) + np.arange(len(new))
    total = np.concatenate((counts, np.zeros(len(new), np.int64)))
    found = place >= 0
    total[place[found]] += raw.counts[found]  # every row is found once at most
    rows = np.full(len(raw), -1, np.int32)
    rows[kept] = place[kept]
    return _with_null_word(Choice([*words, *(names[i] for i in new.tolist())], total, rows), null_word)


def _with_null_word(choice: Choice, wanted: bool) -> Choice:
    if not wanted or NULL_WORD in choice.words:
        return choice
    return Choice([*choice.words, NULL_WORD], np.append(choice.counts, 1), choice.rows)


def report(raw: RawVocab, choice: Choice, keep: NDArray[np.uint32]) -> dict[str, Any]:
    """The figures of gensim's prepare_vocab about the scanned words that were kept; `keep` (V,) are their subsampling
    thresholds.
    """
    kept = choice.rows >= 0
    counts, shares = raw.counts[kept], keep[choice.rows[kept]] / sampling.ALWAYS
    return {
        "drop_unique": int((~kept).sum()),
        "retain_total": int(counts.sum()),
        "downsample_unique": int((shares < 1).sum()),
        "downsample_total": int((shares * counts).sum()),
        "num_retained_words": int(kept.sum()),
    }
