r"""What users hand in as sentences, checked and made ready for corpus.encode. Owns gensim's rules of what may be a
corpus.

Whole numbers are words, too: they are spelled as strings for the encoder ("\0" and the digits) and spelled back
afterwards.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sized
from itertools import chain
from typing import Any

import numpy as np

from ..corpus.lines import LineSentence, PathLineSentences
from ..errors import CorpusTypeError

logger = logging.getLogger("w2v.model")

_MARK = "\0"


class Source:
    """One corpus: `sentences` (an iterable of lists of words; a path or LineSentence is read as text), or `file`."""

    def __init__(self, sentences: Any, file: Any) -> None:
        if sentences is None and file is None:
            raise CorpusTypeError("Either one of corpus_file or corpus_iterable value must be provided")
        if sentences is not None and file is not None:
            raise CorpusTypeError("Both corpus_file and corpus_iterable must not be provided at the same time")
        self.given = file if sentences is None else sentences
        self.is_text = sentences is None or isinstance(sentences, (str, os.PathLike, LineSentence, PathLineSentences))
        self.numbers = False  # the words are whole numbers; known once the first was read
        if not self.is_text and not isinstance(sentences, Iterable):
            message = f"The corpus_iterable must be an iterable of lists of strings, got {sentences!r:.80} instead"
            raise CorpusTypeError(message)

    @property
    def once(self) -> bool:
        """Whether this can be read a single time."""
        return not self.is_text and isinstance(self.given, Iterator)

    def for_encoder(self) -> Any:
        """What corpus.encode takes: text as it was given (compiled code reads its files), or checked sentences."""
        return self.given if self.is_text else self._spelled()

    def sentences(self) -> Iterator[Any]:
        """The sentences as lists, words as they were given."""
        if not self.is_text or isinstance(self.given, LineSentence):
            return self._checked()
        parts = self.given if isinstance(self.given, (list, tuple)) else [self.given]
        return chain.from_iterable(LineSentence(part) for part in parts)

    def _checked(self) -> Iterator[Any]:
        for number, sentence in enumerate(self.given):
            yield sentence if type(sentence) is list else _words_of(sentence, number)

    def _spelled(self) -> Iterator[Any]:
        """The first word decides whether all are numbers."""
        sentences = self._checked()
        for sentence in sentences:
            self.numbers = len(sentence) > 0 and is_number(next(iter(sentence)))
            yield [spell(word) for word in sentence] if self.numbers else sentence
            if len(sentence):
                break
        for sentence in sentences:
            yield [spell(word) for word in sentence] if self.numbers else sentence


def _words_of(sentence: Any, number: int) -> Any:
    """What is not a list, but can be taken for one."""
    if isinstance(sentence, str):
        if number == 0:
            logger.warning(
                "Each 'sentences' item should be a list of words (usually unicode strings). "
                "First item here is instead plain %s, whose letters are taken as words.",
                type(sentence),
            )
        return list(sentence)
    if not isinstance(sentence, Sized) or isinstance(sentence, (bytes, bytearray)):
        kind = type(sentence).__name__
        raise CorpusTypeError(f"sentence {number} is {kind} {sentence!r:.60}, where a list of words is expected")
    return sentence


def is_number(word: Any) -> bool:
    """Whether a word is a whole number."""
    return isinstance(word, (int, np.integer)) and not isinstance(word, bool)


def spell(word: Any) -> str:
    """A word as the encoder takes it. Raises CorpusTypeError for what is neither a string nor a whole number."""
    if isinstance(word, str):
        return word
    if not is_number(word):
        raise CorpusTypeError(f"a word is {type(word).__name__} {word!r:.60}, where a string or a whole number is expected")
    return f"{_MARK}{int(word)}"


def unspell(word: str) -> str | int:
    """The inverse, for a corpus of numbers."""
    return int(word[1:]) if word.startswith(_MARK) and len(word) > 1 else word
