"""The corpus room done the obvious way: the oracle of test_corpus_*.py. Everything in memory, no block, no table."""

from __future__ import annotations

from collections import Counter

from w2v.corpus.words import MAX_WORD

SPACES = [chr(c) for c in range(0x110000) if chr(c).isspace() or c < 32]


def split(line: bytes) -> list[bytes]:
    """The words of a line, as bytes, those that are too long included."""
    for space in SPACES:
        line = line.replace(space.encode(), b" ")
    return [word for word in line.split(b" ") if word]


def sentences_of(data: bytes) -> list[list[str | None]]:
    """Lines as words; None for a word that is too long."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [[w.decode(errors="replace") if len(w) <= MAX_WORD else None for w in split(line)] for line in lines]


def encode(sentences, min_count=5, lower=False, longest=10_000, chunk_words=10_000):
    """(words in order, counts, chunks, each the list of ids with -1 behind each sentence)."""
    if lower:
        sentences = [[w and w.lower() for w in sentence] for sentence in sentences]
    counts = Counter(w for sentence in sentences for w in sentence if w is not None)
    kept = sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (-counts[w], w.encode()))
    return kept, [counts[w] for w in kept], chunks(sentences, kept, longest, chunk_words)


def chunks(sentences, kept, longest, chunk_words):
    """The ids, as the second pass is to cut them."""
    row = {w: i for i, w in enumerate(kept)}
    out, fill = [[]], 0
    for sentence in sentences:
        for at in range(0, len(sentence), longest):
            ids = [row[w] for w in sentence[at : at + longest] if w in row]
            if not ids:
                continue
            if fill and fill + len(ids) > chunk_words:
                out.append([])
                fill = 0
            out[-1] += [*ids, -1]
            fill += len(ids)
    return [chunk for chunk in out if chunk]
