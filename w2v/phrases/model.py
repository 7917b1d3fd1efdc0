"""Collocations: "new york" becomes one token where its words meet more often than chance would have it.

Owns the counting of words and adjacent pairs and the joining of sentences; `scoring` scores, `file` stores. Does not
touch vectors, and never imports numba. Names and semantics are those of gensim 4.4.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import Any, BinaryIO

from ..errors import ConfigError, FormatError
from . import file
from .scoring import Scorer, name_of, npmi_scorer, original_scorer, scorer_named, scorer_of

logger = logging.getLogger(__name__)

# Articles, common prepositions and conjunctions: they may stand inside a phrase ("bank of america"), never at its ends.
ENGLISH_CONNECTOR_WORDS = frozenset("a an the for of with without at from to in on by and or".split())

_MOST_PIECES = 64  # of an entry that is cut in every way; the ways are as many as its square
_SETTINGS = ("delimiter", "threshold", "min_count")  # what every model's file tells


class PhrasesTransformation:
    """Joins the phrases of a sentence. A child says what a phrase is, through `score_candidate`."""

    delimiter: str
    threshold: float
    min_count: float
    scoring: Scorer

    _kind: str  # what a file calls the class,
    _entries: str  # the attribute whose entries it holds,
    _settings: tuple[str, ...]  # and those it keeps in its header

    def __init__(self, connector_words: Iterable[str]) -> None:
        self.connector_words = frozenset(connector_words)

    def score_candidate(self, word_a: str, word_b: str, in_between: list[str]) -> tuple[str | None, float | None]:
        """(joined phrase, score) when the candidate is a phrase, else (None, None)."""
        raise NotImplementedError("a child of PhrasesTransformation defines score_candidate")

    def analyze_sentence(self, sentence: Iterable[str]) -> Iterator[tuple[str, float | None]]:
        """Yield (phrase, score) for every phrase found from left to right, and (word, None) for every other word.

        No word takes part in two phrases. Connector words may stand inside a phrase, not at its ends.
        """
        start: str | None = None
        gap: list[str] = []  # connector words since `start`
        for word in sentence:
            if word in self.connector_words:
                if start is None:
                    yield word, None
                else:
                    gap.append(word)
                continue
            if start is not None:
                phrase, score = self.score_candidate(start, word, gap)
                if phrase is not None:
                    yield phrase, score
                    start, gap = None, []
                    continue
                yield start, None
                for connector in gap:
                    yield connector, None
            start, gap = word, []
        if start is not None:
            yield start, None
            for connector in gap:
                yield connector, None

    def __getitem__(self, sentence: Iterable[Any]) -> list[str] | PhrasedCorpus:
        """The sentence with its phrases joined; or, given a stream of sentences, a stream of such sentences.

        The stream can be walked as often as what it was made from.
        """
        single, sentence = _is_single(sentence)
        if single:
            return [token for token, _ in self.analyze_sentence(sentence)]
        return PhrasedCorpus(self, sentence)

    def find_phrases(self, sentences: Iterable[Iterable[str]]) -> dict[str, float]:
        """Every phrase that occurs in `sentences`, with its score."""
        return {token: score for sentence in sentences for token, score in self.analyze_sentence(sentence) if score is not None}

    def save(self, fname_or_handle: str | os.PathLike[str] | BinaryIO, **gensim_options: Any) -> None:
        """Write the model as JSON lines (see `file`), replacing an older file in one step.

        A scoring function of one's own is stored by name only. The options of gensim's `save` (separately, sep_limit,
        ignore, pickle_protocol) steer a pickle; there is none here, so they are refused (ConfigError).
        """
        if gensim_options:
            raise ConfigError(
                f"save() takes no {sorted(gensim_options)[0]!r} for phrases", "they are one JSON file, never a pickle"
            )
        header: dict[str, Any] = {"kind": self._kind, "scoring": name_of(self.scoring)}
        header["connector_words"] = sorted(self.connector_words)
        header |= {name: getattr(self, name) for name in self._settings}
        file.write(fname_or_handle, header, getattr(self, self._entries))

    @staticmethod
    def load(fname: str | os.PathLike[str], *, scoring: Scorer | str | None = None) -> Phrases | FrozenPhrases:
        """Read a model that `save` wrote, or gensim's Phrases and Phraser files; a Phrases or FrozenPhrases, as stored.

        `scoring` replaces the stored scorer. It must be given (else ConfigError) when the file names a function that
        no module loaded so far defines: nothing is imported or run because a file says so.
        """
        header, entries = file.read(fname) if not file.is_pickle(fname) else _read_gensim(fname)
        file.check(header, entries, os.fspath(fname))
        scorer = scorer_named(header.get("scoring")) if scoring is None else scorer_of(scoring)
        return _build(header, entries, scorer, os.fspath(fname))


class PhrasedCorpus:
    """A stream of sentences with the phrases of `model` joined on the fly."""

    def __init__(self, model: PhrasesTransformation, sentences: Iterable[Iterable[str]]) -> None:
        self.model = model
        self.sentences = sentences

    def __iter__(self) -> Iterator[list[str]]:
        for sentence in self.sentences:
            yield [token for token, _ in self.model.analyze_sentence(sentence)]

    def __len__(self) -> int:
        return len(self.sentences)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> list[str]:
        return [token for token, _ in self.model.analyze_sentence(self.sentences[index])]  # type: ignore[index]


class Phrases(PhrasesTransformation):
    """Counts words and adjacent pairs; two words form a phrase when their score is above `threshold`.

    Attributes: `vocab` counts words and delimiter-joined candidates alike; `corpus_word_count` all words read;
    `min_reduce` the least count that the next pruning keeps.

    >>> sentences = [["new", "york", "is", "big"], ["i", "love", "new", "york"], ["new", "york"]]
    >>> phrases = Phrases(sentences, min_count=1, threshold=1.5)
    >>> phrases[["in", "new", "york"]]
    ['in', 'new_york']
    """

    _kind = "Phrases"
    _entries = "vocab"
    _settings = (*_SETTINGS, "max_vocab_size", "progress_per", "min_reduce", "corpus_word_count")

    def __init__(
        self,
        sentences: Iterable[Iterable[str]] | None = None,
        min_count: float = 5,
        threshold: float = 10.0,
        max_vocab_size: int = 40_000_000,
        delimiter: str = "_",
        progress_per: int = 10_000,
        scoring: Scorer | str = "default",
        connector_words: Iterable[str] = frozenset(),
    ) -> None:
        """Count `sentences` (lists of words), if given; `add_vocab` counts more.

        min_count        pairs seen less often are no phrases (exactly: what the scorer makes of it)
        threshold        least score, exclusive; its scale is the scorer's
        max_vocab_size   when more entries than that are held, rare ones are pruned, as gensim does: the first time
                         those seen less than once, then less than twice, and so on
        scoring          "default", "npmi", or a function with the parameters of `original_scorer`
        connector_words  may stand inside a phrase, uncounted; see ENGLISH_CONNECTOR_WORDS
        """
        super().__init__(connector_words)
        if min_count <= 0:
            raise ConfigError(f"min_count must be positive, not {min_count!r}")
        if scoring == "default" and threshold <= 0:
            raise ConfigError(f"threshold must be positive for default scoring, not {threshold!r}")
        if scoring == "npmi" and not -1 <= threshold <= 1:
            raise ConfigError(f"threshold must be between -1 and 1 for npmi scoring, not {threshold!r}")
        if not isinstance(delimiter, str) or not delimiter:
            raise ConfigError(f"delimiter must be a string of at least one character, not {delimiter!r}")
        self.scoring = scorer_of(scoring)
        self.min_count = min_count
        self.threshold = threshold
        self.max_vocab_size = max_vocab_size
        self.delimiter = delimiter
        self.progress_per = progress_per
        self.vocab: Counter[str] = Counter()
        self.min_reduce = 1
        self.corpus_word_count = 0
        if sentences is not None:
            self.add_vocab(sentences)

    def __str__(self) -> str:
        return (
            f"{type(self).__name__}<{len(self.vocab)} vocab, min_count={self.min_count}, "
            f"threshold={self.threshold}, max_vocab_size={self.max_vocab_size}>"
        )

    def add_vocab(self, sentences: Iterable[Iterable[str]]) -> None:
        """Count more sentences (lists of words).

        They are counted apart and merged at the end, so that pruning does not weigh a new word against old counts.
        """
        counts, words, min_reduce = self._count(sentences)
        self.corpus_word_count += words
        if not self.vocab:
            self.vocab = counts  # no second copy of what may be gigabytes
            return
        self.min_reduce = max(self.min_reduce, min_reduce)
        self.vocab.update(counts)
        if len(self.vocab) > self.max_vocab_size:
            _prune(self.vocab, self.min_reduce)
            self.min_reduce += 1

    def _count(self, sentences: Iterable[Iterable[str]]) -> tuple[Counter[str], int, int]:
        counts: Counter[str] = Counter()
        words, min_reduce, number = 0, 1, -1
        for number, sentence in enumerate(sentences):
            if number % self.progress_per == 0:
                logger.info("sentence %d: %d words read, %d entries", number, words, len(counts))
            if number == 0 and isinstance(sentence, str):
                logger.warning("a sentence should be a list of words; a string is read letter by letter")
            words += _count_sentence(counts, list(sentence), self.delimiter, self.connector_words)
            if len(counts) > self.max_vocab_size:
                _prune(counts, min_reduce)
                min_reduce += 1
        logger.info("counted %d words and candidates in %d words, %d sentences", len(counts), words, number + 1)
        return counts, words, min_reduce

    def score_candidate(self, word_a: str, word_b: str, in_between: list[str]) -> tuple[str | None, float | None]:
        """(phrase, score) when the words and their phrase were seen and the score is above `threshold`."""
        counts = self.vocab
        phrase = self.delimiter.join((word_a, *in_between, word_b))
        phrase_count = counts.get(phrase, 0)
        if not phrase_count:  # the rarest of the three: nearly every candidate ends here
            return None, None
        a_count, b_count = counts.get(word_a, 0), counts.get(word_b, 0)
        if not (a_count and b_count):
            return None, None
        score = self.scoring(
            worda_count=a_count,
            wordb_count=b_count,
            bigram_count=phrase_count,
            len_vocab=len(counts),
            min_count=self.min_count,
            corpus_word_count=self.corpus_word_count,
        )
        return (phrase, score) if score > self.threshold else (None, None)

    def export_phrases(self) -> dict[str, float]:
        """Every phrase among the counts, with its score.

        Where words hold the delimiter themselves (a second pass over joined text), the counts no longer say where the
        first word ended. gensim takes the first and the last piece; if these make no phrase, the other cuts are tried,
        so that no phrase the model joins is lost.
        """
        found: dict[str, float] = {}
        least = self._least_count()
        for entry, count in self.vocab.items():
            if count < least or self.delimiter not in entry:
                continue
            for word_a, gap, word_b in _cuts(entry.split(self.delimiter), self.delimiter, self.connector_words):
                phrase, score = self.score_candidate(word_a, word_b, gap)
                if phrase is not None and score is not None:
                    found[phrase] = score
                    break
        return found

    def _least_count(self) -> float:
        """The count under which no candidate can be a phrase: it spares the export of 99% of a large vocabulary."""
        if self.scoring is npmi_scorer or (self.scoring is original_scorer and self.threshold >= 0):
            return self.min_count
        return 1  # what a scorer of the user's own does with rare pairs is its own affair

    def freeze(self) -> FrozenPhrases:
        """The phrases alone: much smaller and faster, but no longer able to count."""
        return FrozenPhrases(self)


class FrozenPhrases(PhrasesTransformation):
    """The phrases of a Phrases model with their scores (`phrasegrams`); joins the same phrases, learns nothing more."""

    _kind = "FrozenPhrases"
    _entries = "phrasegrams"
    _settings = _SETTINGS

    def __init__(self, phrases_model: Phrases) -> None:
        super().__init__(phrases_model.connector_words)
        self.threshold = phrases_model.threshold
        self.min_count = phrases_model.min_count
        self.delimiter = phrases_model.delimiter
        self.scoring = phrases_model.scoring
        self.phrasegrams: dict[str, float] = phrases_model.export_phrases()

    def __str__(self) -> str:
        name, count = type(self).__name__, len(self.phrasegrams)
        return f"{name}<{count} phrases, min_count={self.min_count}, threshold={self.threshold}>"

    def score_candidate(self, word_a: str, word_b: str, in_between: list[str]) -> tuple[str | None, float | None]:
        """(phrase, score) when the candidate is one of the phrases."""
        phrase = self.delimiter.join((word_a, *in_between, word_b))
        score = self.phrasegrams.get(phrase)
        return (phrase, score) if score is not None and score > self.threshold else (None, None)


Phraser = FrozenPhrases  # gensim's older name


def _read_gensim(fname: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    from . import gensim_file  # which needs numpy, through formats

    return gensim_file.read(fname)


def _build(header: dict[str, Any], entries: dict[str, Any], scoring: Scorer, name: str) -> Phrases | FrozenPhrases:
    """A model from the settings and entries of the file `name` (FormatError for settings that cannot be)."""
    try:
        phrases = Phrases(
            min_count=header["min_count"],
            threshold=header["threshold"],
            delimiter=header["delimiter"],
            scoring=scoring,
            connector_words=header["connector_words"],
        )
        if header["kind"] == FrozenPhrases._kind:
            frozen = FrozenPhrases(phrases)
            frozen.phrasegrams = entries
            return frozen
        for name in Phrases._settings:
            setattr(phrases, name, header[name])
    except ConfigError as error:
        raise FormatError(f"{name}: {error}") from None
    phrases.vocab = Counter(entries)
    return phrases


def _count_sentence(counts: Counter[str], words: list[str], delimiter: str, connectors: frozenset[str]) -> int:
    """Count the words that are no connectors, and the candidates they bound; returns the number of words."""
    if connectors.isdisjoint(words):  # all in C, three times as fast
        counts.update(words)
        counts.update(map(delimiter.join, pairwise(words)))
        return len(words)
    ends = [i for i, word in enumerate(words) if word not in connectors]
    counts.update([words[i] for i in ends])
    counts.update([delimiter.join(words[i : j + 1]) for i, j in pairwise(ends)])
    return len(words)


def _prune(counts: Counter[str], least: int) -> None:
    """Drop entries seen less than `least` times."""
    rare = [word for word, count in counts.items() if count < least]
    for word in rare:
        del counts[word]
    logger.info("pruned %d entries seen less than %d times, %d left", len(rare), least, len(counts))


def _cuts(pieces: list[str], delimiter: str, connectors: Collection[str]) -> Iterator[tuple[str, list[str], str]]:
    """Ways to read a delimited entry as (first word, connector words, last word); gensim's reading first."""
    yield pieces[0], pieces[1:-1], pieces[-1]
    for i in range(1, len(pieces)) if 2 < len(pieces) <= _MOST_PIECES else ():
        for j in range(i, len(pieces)):  # pieces[i:j] are the connector words
            yield delimiter.join(pieces[:i]), pieces[i:j], delimiter.join(pieces[j:])
            if pieces[j] not in connectors:
                break


def _is_single(thing: Iterable[Any]) -> tuple[bool, Iterable[Any]]:
    """Whether `thing` is one sentence rather than a stream of them, and `thing` with nothing of it consumed.

    It is one if its first item is a string, or if it is empty.
    """
    iterator = iter(thing)
    try:
        first = next(iterator)
    except StopIteration:
        return True, ()
    whole = itertools.chain([first], iterator) if iterator is thing else thing
    return isinstance(first, str), whole
