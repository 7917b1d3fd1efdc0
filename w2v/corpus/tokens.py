"""Lists of tokens as a byte stream for the tokeniser. Owns the checks of what users hand in as sentences; reads no
files.

Tokens may hold any character, spaces included, so they are parted by bytes that UTF-8 never uses: 0xFF behind a token,
0xFE behind a sentence. Joining and encoding a sentence costs about 20 ns a token, less than a dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import CorpusError

TOKEN_END, SENTENCE_END = 0xFF, 0xFE

# Lone surrogates that "surrogateescape" encodes as those bytes.
_TOKEN_MARK, _SENTENCE_MARK = "\udcff", "\udcfe"

_SURROGATES = "clean such text first: text.encode('utf-8', 'replace').decode()"

_BLOCK = 1 << 20  # characters joined at a time


class TokenStream:
    """What source.Stream is for files, for an iterable of token lists. `tokens`: how many were given so far."""

    name = "the sentences"
    raw_position = 0

    def __init__(self, sentences: Iterable[Any]) -> None:
        self._sentences = iter(sentences)
        self._rest = memoryview(b"")
        self.position = 0
        self.tokens = 0

    def readinto(self, view: memoryview) -> int:
        """Fill (a part of) `view`; 0 at the end. Raises CorpusError for what is not a list of strings."""
        if not self._rest:
            self._rest = memoryview(self._encode_some())
        n = min(len(view), len(self._rest))
        view[:n], self._rest = self._rest[:n], self._rest[n:]
        self.position += n
        return n

    def close(self) -> None:
        """Nothing to close: the iterable is the caller's."""

    def _encode_some(self) -> bytes:
        parts: list[str] = []
        size = tokens = 0
        for sentence in self._sentences:
            words = sentence if isinstance(sentence, (list, tuple)) else _as_list(sentence)
            tokens += len(words)
            parts.append(_join(words))
            size += len(parts[-1])
            if size >= _BLOCK:
                break
        try:
            data = "".join(parts).encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise CorpusError("a token holds a lone surrogate, which no UTF-8 text can", _SURROGATES) from None
        if data.count(TOKEN_END) != tokens or data.count(SENTENCE_END) != len(parts):
            raise CorpusError("a token holds the lone surrogate U+DCFE or U+DCFF", _SURROGATES)
        self.tokens += tokens
        return data


def _join(words: Any) -> str:
    try:
        return _TOKEN_MARK.join((*words, _SENTENCE_MARK))
    except TypeError:
        odd = next(word for word in words if not isinstance(word, str))
        hint = "tokens must be str; for numbers: [str(n) for n in sentence]"
        raise CorpusError(f"a token is {type(odd).__name__} {odd!r:.60}, not a string", hint) from None


def _as_list(sentence: Any) -> list[Any]:
    if isinstance(sentence, str):
        hint = "split them into words, or pass a tokenizer such as str.split; a single string is the path of a file"
        raise CorpusError(f"the sentences are strings ({sentence!r:.60}), where lists of words are expected", hint)
    try:
        if not isinstance(sentence, (bytes, bytearray)):
            return list(sentence)
    except TypeError:
        pass
    raise CorpusError(f"a sentence is {type(sentence).__name__} {sentence!r:.60}, where a list of words is expected")


def tokenised(texts: Iterable[Any], tokenizer: Callable[[str], Iterable[str]]) -> Iterator[Iterable[str]]:
    """The tokens of each text. Raises CorpusError where a text is no string, or the tokenizer returns no words."""
    for text in texts:
        if not isinstance(text, str):
            hint = "with a tokenizer, give strings"
            raise CorpusError(f"a text is {type(text).__name__} {text!r:.60}, where a string is expected", hint)
        words = tokenizer(text)
        if isinstance(words, str):
            raise CorpusError(f"the tokenizer returned a string ({words!r:.60}), where a list of words is expected")
        yield words
