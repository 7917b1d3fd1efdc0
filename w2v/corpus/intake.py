"""What users hand in as a corpus, told apart and read. Owns the question: files, lists or texts?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import CorpusError
from .first_pass import FirstPass
from .lines import LineSentence, PathLineSentences
from .source import Place, Stream, places
from .stats import CorpusStats, counted
from .tokens import TokenStream, tokenised
from .words import pieces

Progress = Callable[[int, int | None, int], Any]  # bytes done, bytes in all where known, words
Tokenizer = Callable[[str], Iterable[str]]


def read_all(source: Any, tokenizer: Tokenizer | None, first: FirstPass, stats: CorpusStats, progress: Progress | None) -> None:
    """Read everything that `source` stands for (see `encode`)."""
    found = _as_places(source, tokenizer)
    if found is None and _cuts_no_longer(source, first) and tokenizer is None:
        first.longest, found = source.max_sentence_length, source.places()
    if found is not None:
        _read_places(found, tokenizer, first, stats, progress)
        return
    try:
        items: Iterator[Any] = iter(source)
    except TypeError:
        hint = "give a path, a list of paths, or an iterable of lists of words"
        raise CorpusError(f"{type(source).__name__} is not a corpus", hint) from None
    stream = TokenStream(items if tokenizer is None else tokenised(items, tokenizer))
    _read_tokens(stream, first, stats, _report(progress, first, None, lambda: stream.position))


def _as_places(source: Any, tokenizer: Tokenizer | None) -> list[Place] | None:
    """The files that `source` stands for; None where it is an iterable of sentences or texts."""
    if isinstance(source, (bytes, bytearray)):
        raise CorpusError("the corpus is given as bytes", "give a path, an open file, or lists of words")
    if _is_place(source):
        return places([source])
    if not isinstance(source, (list, tuple)) or not source or not all(map(_is_place, source)):
        return None
    # With a tokenizer, a list of strings is a list of texts; paths must then be Path objects.
    return places(source) if tokenizer is None or not any(isinstance(item, str) for item in source) else None


def _cuts_no_longer(source: Any, first: FirstPass) -> bool:
    """Whether `source` is a LineSentence whose files, read directly, give the same sentences."""
    plain = type(source) in (LineSentence, PathLineSentences) and source.limit is None
    return plain and source.max_sentence_length <= first.longest


def _is_place(item: Any) -> bool:
    return isinstance(item, (str, os.PathLike)) or hasattr(item, "read")


def _read_places(
    found: list[Place], tokenizer: Tokenizer | None, first: FirstPass, stats: CorpusStats, progress: Progress | None
) -> None:
    sizes = [place.size for place in found]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    done = 0
    for place in found:
        with Stream(place) as stream:
            if place.found and stream.looks_binary():
                stats.skipped_files += 1
            else:
                stats.files += 1
                before = done
                report = _report(progress, first, total, lambda: before + stream.raw_position)  # noqa: B023
                _read_place(stream, tokenizer, first, stats, report)
            done += stream.raw_position if place.size is None else place.size
    if stats.files == 0:
        files, hint = counted(stats.skipped_files, "file"), "a file given by its own name is read whatever it holds"
        raise CorpusError(f"no text among {files}: NUL bytes at the beginning, as in binary files", hint)


def _read_place(
    stream: Stream, tokenizer: Tokenizer | None, first: FirstPass, stats: CorpusStats, report: Callable[[], Any]
) -> None:
    if tokenizer is None:
        first.read(stream, True, report)
    else:
        _read_tokens(TokenStream(tokenised(_texts(stream, stats), tokenizer)), first, stats, report)


def _texts(stream: Stream, stats: CorpusStats) -> Iterator[str]:
    """The lines of a file, for a tokenizer. Very long ones come in parts, see `pieces`."""
    for line, ends in pieces(stream.readinto):
        stats.cuts += not ends
        try:
            yield line.decode()
        except UnicodeDecodeError:
            stats.invalid_words += 1
            yield line.decode(errors="replace")


def _read_tokens(stream: TokenStream, first: FirstPass, stats: CorpusStats, report: Callable[[], Any]) -> None:
    before = first.words
    first.read(stream, False, report)
    stats.empty_tokens += stream.tokens - (first.words - before)


def _report(progress: Progress | None, first: FirstPass, total: int | None, done: Callable[[], int]) -> Callable[[], Any]:
    if progress is None:
        return lambda: None
    return lambda: progress(done(), total, first.words)
