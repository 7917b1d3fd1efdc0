"""Analogy test sets: "a is to b as c is to ?". Owns the file's rules, the batched search and the report by section."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, FormatError
from ..vectors.neighbours import COSMUL_EPSILON
from .reading import KnownWords, LeftOut, lines_of

if TYPE_CHECKING:
    from ..vectors import KeyedVectors

logger = logging.getLogger(__name__)

Question = tuple[str, str, str, str]

# Questions ranked at a time and rows per tile. 64 x 2,048 float32 is 512 kB, which stays in a core's cache: 0.4 ns a
# score there against 0.9 with 256 questions.
_QUESTIONS = 64
_ROWS = 2_048
_CELLS = 1 << 24  # of one tile for all pairs of words: a file with millions of pairs has fewer rows in a tile


@dataclass(slots=True)
class Section:
    """One section of a test set: questions answered rightly and wrongly, and the number left out for unknown words."""

    name: str
    correct: list[Question] = field(default_factory=list)
    incorrect: list[Question] = field(default_factory=list)
    unknown: int = 0

    @property
    def answered(self) -> int:
        """Questions that count."""
        return len(self.correct) + len(self.incorrect)

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0 to 1; NaN if none counts."""
        return len(self.correct) / self.answered if self.answered else float("nan")


@dataclass(frozen=True)
class AnalogyReport:
    """What an analogy test set says of a model."""

    sections: list[Section]
    questions: int  # questions read, unknown ones included
    unknown: int  # questions with a word outside the vocabulary
    invalid: int  # lines that are not four words

    @property
    def total(self) -> Section:
        """All sections as one."""
        return Section(
            "Total accuracy",
            [question for section in self.sections for question in section.correct],
            [question for section in self.sections for question in section.incorrect],
            sum(section.unknown for section in self.sections),
        )

    @property
    def oov_ratio(self) -> float:
        """Questions with unknown words, in percent; NaN if there are no questions."""
        return 100 * self.unknown / self.questions if self.questions else float("nan")


def word_analogies(
    kv: KeyedVectors,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    similarity_function: str = "most_similar",
    dummy4unknown: bool = False,
) -> AnalogyReport:
    r"""Ask every question of a file of lines `a b c d` in sections headed `: name`, as questions-words.txt.

    The answer is the best of the first `restrict_vocab` words apart from a, b and c in any letter case, by b - a + c
    ("most_similar", 3CosAdd) or b * c / a ("most_similar_cosmul", 3CosMul). Questions with an unknown word are left
    out, or count as wrong with `dummy4unknown`. Raises FormatError for a question before the first section.

    >>> import pathlib, tempfile
    >>> from w2v import KeyedVectors
    >>> words = ["king", "man", "woman", "queen"]
    >>> kv = KeyedVectors.from_arrays(words, [[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "questions.txt")
    ...     _ = path.write_text(": family\nman king woman queen\nman king boy prince\n")
    ...     report = word_analogies(kv, path)
    >>> [(section.name, section.accuracy) for section in report.sections], report.unknown
    ([('family', 1.0)], 1)
    """
    if similarity_function not in ("most_similar", "most_similar_cosmul"):
        raise ConfigError(
            f"similarity_function '{similarity_function}' is not known", "use 'most_similar' or 'most_similar_cosmul'"
        )
    words = KnownWords(kv, restrict_vocab, case_insensitive)
    sections, questions, invalid = _read(path, words)
    known = [all(word in words for word in question) for _, question in questions]
    asked = [question for (_, question), is_known in zip(questions, known, strict=True) if is_known]
    verdicts = iter(_solve(words, asked, similarity_function == "most_similar_cosmul").tolist())
    for (section, question), is_known in zip(questions, known, strict=True):
        right = is_known and next(verdicts)
        section.unknown += not is_known
        if is_known or dummy4unknown:
            (section.correct if right else section.incorrect).append(question)
    report = AnalogyReport(sections, len(questions), len(questions) - len(asked), invalid.count)
    logger.info("%s: %d questions, %d with unknown words", path, report.questions, report.unknown)
    invalid.warn(path, "four words")
    return report


def _read(path: str | os.PathLike[str], words: KnownWords) -> tuple[list[Section], list[tuple[Section, Question]], LeftOut]:
    """The sections of a file, its questions in order, and the lines that are neither."""
    sections: list[Section] = []
    questions: list[tuple[Section, Question]] = []
    invalid = LeftOut()
    for number, line in lines_of(path):
        if line.startswith(":"):
            sections.append(Section(line.lstrip(": ").strip()))
            continue
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 4:
            invalid.add(number)
        elif not sections:
            raise FormatError(f"line {number} of {path} comes before any section", "head the questions with a line ': name'")
        else:
            a, b, c, d = (words.fold(part) for part in parts)
            questions.append((sections[-1], (a, b, c, d)))
    return sections, questions, invalid


def _solve(words: KnownWords, questions: list[Question], multiply: bool) -> NDArray[np.bool_]:
    """Whether the best word for each question is the expected one.

    A set of 19,544 questions is made of 900 words and 1,100 pairs, so the matrix product runs over the distinct words
    and a question costs one addition (or multiplication) per row, whatever the size of the vectors: with b - a held per
    pair, b - a + c = pair + c.
    """
    if not questions:
        return np.zeros(0, bool)
    names = sorted({word for question in questions for word in question[:3]})
    number = {name: i for i, name in enumerate(names)}
    abc = np.array([[number[word] for word in question[:3]] for question in questions], np.int64)
    pairs, pair = np.unique(abc[:, :2], axis=0, return_inverse=True)
    pair, third = pair.ravel(), abc[:, 2]
    struck = _Struck(words, questions)
    best = np.full(len(questions), -np.inf, words.rows.dtype)
    answer = np.full(len(questions), -1, np.int64)
    for start, tile in words.rows.tiles(words.units(names), max(1, min(_ROWS, _CELLS // max(len(pairs), len(names))))):
        blanks = words.rows.blanks(start, start + tile.shape[1])
        tile[:, blanks] = 0
        if multiply:
            tile = (1 + tile) / 2
            offsets = tile[pairs[:, 1]] / (tile[pairs[:, 0]] + COSMUL_EPSILON)
        else:
            offsets = tile[pairs[:, 1]] - tile[pairs[:, 0]]
        for first in range(0, len(questions), _QUESTIONS):
            part = slice(first, first + _QUESTIONS)
            scores = offsets[pair[part]]
            (np.multiply if multiply else np.add)(scores, tile[third[part]], out=scores)
            scores[:, blanks] = -np.inf
            struck.strike(scores, first, start)
            top = scores.max(axis=1)
            better = np.flatnonzero(top > best[part])
            best[first + better] = top[better]
            answer[first + better] = start + scores[better].argmax(axis=1)
    return np.array([row in words.variants(q[3]) for row, q in zip(answer.tolist(), questions, strict=True)], bool)


class _Struck:
    """The rows no question may answer with: its own three words, in every letter case."""

    def __init__(self, words: KnownWords, questions: list[Question]) -> None:
        pairs = [(row, i) for i, q in enumerate(questions) for word in set(q[:3]) for row in words.variants(word)]
        self._row, self._question = np.array(sorted(pairs), np.int64).T

    def strike(self, scores: NDArray[np.floating], question: int, row: int) -> None:
        """Blot out the cells of `scores`, whose first line is `question` and whose first column is `row`."""
        low, high = np.searchsorted(self._row, (row, row + scores.shape[1]))
        lines, columns = self._question[low:high] - question, self._row[low:high] - row
        here = (lines >= 0) & (lines < len(scores))
        scores[lines[here], columns[here]] = -np.inf
