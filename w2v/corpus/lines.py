"""Text files as Python sentences: LineSentence and PathLineSentences, gensim's names. Counts and encodes nothing.

They find the same words as encode() in the same files (words.py); encode(), given one of them, reads the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ..errors import ConfigError, CorpusError
from .source import Place, Stream, places
from .words import pieces, words


class LineSentence:
    """Sentences of a text file, one a line, words parted by white space; can be iterated again and again.

    source: a path (or whatever else encode() reads as text: a directory, a glob, '-'), or an open file, which is
    rewound; compressed text is found by its content. Lines longer than `max_sentence_length` words come in parts;
    `limit`: lines to read of each file. Raises CorpusError for what cannot be read.
    """

    def __init__(self, source: Any, max_sentence_length: int = 10_000, limit: int | None = None) -> None:
        if max_sentence_length < 1:
            raise ConfigError(f"max_sentence_length must be at least 1, not {max_sentence_length}")
        self.source = source
        self.max_sentence_length = max_sentence_length
        self.limit = limit

    def places(self) -> list[Place]:
        """The files."""
        return places([self.source])

    def __iter__(self) -> Iterator[list[str]]:
        for place in self.places():
            if place.file is not None and getattr(place.file, "seekable", bool)():
                place.file.seek(0)
            with Stream(place) as stream:
                if not (place.found and stream.looks_binary()):
                    yield from self._sentences(stream)

    def _sentences(self, stream: Stream) -> Iterator[list[str]]:
        sentence: list[str] = []
        line = 0
        longest = self.max_sentence_length
        for piece, ends in pieces(stream.readinto):
            if line == self.limit:
                return
            sentence += words(piece)
            while len(sentence) > longest:
                yield sentence[:longest]
                sentence = sentence[longest:]
            if ends:
                line += 1
                if sentence:
                    yield sentence
                sentence = []


class PathLineSentences(LineSentence):
    """LineSentence over the files of one directory, sorted by name, subdirectories left out; or over one file."""

    def __init__(self, source: Any, max_sentence_length: int = 10_000, limit: int | None = None) -> None:
        super().__init__(source, max_sentence_length, limit)
        self.input_files = [place.name for place in self.places()]

    def places(self) -> list[Place]:
        """The files, hidden ones left out."""
        if not isinstance(self.source, (str, os.PathLike)) or not os.path.isdir(self.source):
            return places([self.source])
        names = sorted(name for name in os.listdir(self.source) if not name.startswith("."))
        paths = (os.path.join(os.fsdecode(self.source), name) for name in names)
        found = [Place(path, found=True) for path in paths if os.path.isfile(path)]
        if not found:
            raise CorpusError(f"no files in the directory {os.fsdecode(self.source)}")
        return found
