"""What was found in a corpus and what was done with it. Owns the counters and their paragraph; counts nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class CorpusStats:
    """Counters of one run. Every word read is in `raw_words`; what did not become an id is in one of the others."""

    files: int = 0
    skipped_files: int = 0  # met in a directory or by a glob, with NUL bytes at their beginning
    bytes: int = 0  # of text, decompressed
    lines: int = 0
    blank_lines: int = 0
    sentences: int = 0  # that are left to train on
    emptied_sentences: int = 0  # none of their words is in the vocabulary
    cuts: int = 0  # made in sentences longer than max_sentence_length
    raw_words: int = 0
    tokens: int = 0  # in-vocabulary words
    types: int = 0  # different words, as far as they were not trimmed
    vocabulary: int = 0
    min_count: int = 0  # as it was applied: max_final_vocab raises it; 0: a vocabulary was given, or all words are kept
    trimmed_types: int = 0  # forgotten to stay within max_vocab_size; a word may be forgotten more than once
    trimmed_words: int = 0
    long_words: int = 0  # longer than words.MAX_WORD bytes, left out
    invalid_words: int = 0  # not UTF-8; what is wrong in them was replaced by U+FFFD
    nul_bytes: int = 0  # taken as spaces
    empty_tokens: int = 0  # empty strings among the tokens given

    def summary(self) -> str:
        """One paragraph in plain words; what did not happen is not mentioned."""
        share = 100 * self.tokens / max(self.raw_words, 1)
        parts = [
            f"{counted(self.raw_words, 'word')} in {counted(self.lines, 'line')} ({self.bytes / 1e6:,.1f} MB of text"
            + (f", {counted(self.files, 'file')})" if self.files else ")"),
            f"vocabulary: {self.vocabulary:,} of {counted(self.types, 'type')}"
            + (f" (min_count {self.min_count:,})" if self.min_count else "")
            + f", which cover {share:.1f}% of the words",
            f"{counted(self.sentences, 'sentence')} to train on",
        ]
        notes = {
            "blank line": (self.blank_lines, ""),
            "sentence": (self.emptied_sentences, " without a word of the vocabulary dropped"),
            "cut": (self.cuts, " made in overlong sentences"),
            "overlong word": (self.long_words, " left out"),
            "word": (self.invalid_words, " with invalid UTF-8 repaired by U+FFFD"),
            "NUL byte": (self.nul_bytes, " taken as spaces"),
            "empty token": (self.empty_tokens, " left out"),
            "binary file": (self.skipped_files, " skipped"),
            "type": (self.trimmed_types, f" trimmed while counting, {counted(self.trimmed_words, 'word')} with them"),
        }
        parts += [counted(number, noun) + rest for noun, (number, rest) in notes.items() if number]
        return "; ".join(parts) + "."


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 file, 2,000 files."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
