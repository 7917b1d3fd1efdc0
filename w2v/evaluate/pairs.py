"""Agreement with human similarity judgements (WordSim-353, SimLex-999, MEN). Owns the file's rules and the report."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FormatError
from .correlation import Correlation, pearson, spearman
from .reading import KnownWords, LeftOut, lines_of

if TYPE_CHECKING:
    from ..vectors import KeyedVectors


@dataclass(frozen=True)
class PairReport:
    """What a file of judged pairs says of a model. Unpacks as (pearson, spearman, oov_ratio)."""

    pearson: Correlation
    spearman: Correlation
    pairs: int  # pairs read, unknown ones included
    unknown: int  # pairs with a word outside the vocabulary
    invalid: int  # lines that are not a pair and a number

    @property
    def oov_ratio(self) -> float:
        """Pairs with unknown words, in percent."""
        return 100 * self.unknown / self.pairs

    def __iter__(self) -> Iterator[Any]:
        return iter((self.pearson, self.spearman, self.oov_ratio))


def word_pairs(
    kv: KeyedVectors,
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = "\t",
    encoding: str = "utf8",
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> PairReport:
    r"""Correlate the model's cosines with the judgements of a file.

    A line is `word, word, number` between `delimiter` (None: any white space); lines that start with # are comments.
    Only the first `restrict_vocab` words are known. Pairs with an unknown word are left out, or count as similarity
    zero with `dummy4unknown`. Raises FormatError if the file holds no pair, or no known one.

    >>> import pathlib, tempfile
    >>> from w2v import KeyedVectors
    >>> kv = KeyedVectors.from_arrays(["tea", "milk", "car"], [[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pairs.tsv")
    ...     _ = path.write_text("tea\tmilk\t9\ntea\tcar\t1\ntea\ttea\t10\nbus\tcar\t8\n")
    ...     report = word_pairs(kv, path)
    >>> report.spearman.statistic, report.oov_ratio
    (1.0, 25.0)
    """
    pairs, gold, invalid = _read(path, delimiter, encoding)
    words = KnownWords(kv, restrict_vocab, case_insensitive)
    pairs = [(words.fold(a), words.fold(b)) for a, b in pairs]
    known = np.array([a in words and b in words for a, b in pairs], bool)
    unknown = len(pairs) - int(known.sum())
    if not pairs or (unknown == len(pairs) and not dummy4unknown):
        raise FormatError(
            f"no valid similarity judgements in {path}: {len(pairs)} pairs, {unknown} unknown, {invalid}",
            "a line is two words and a number, separated by tabs unless another delimiter is given",
        )
    cosines = np.zeros(len(pairs))
    chosen = [pair for pair, is_known in zip(pairs, known, strict=True) if is_known]
    left, right = (words.units([pair[side] for pair in chosen]).astype(np.float64) for side in (0, 1))
    cosines[known] = np.einsum("ij,ij->i", left, right)
    used = np.ones(len(pairs), bool) if dummy4unknown else known
    invalid.warn(path, "two words and a number")
    scores, judged = cosines[used], np.array(gold)[used]
    return PairReport(pearson(judged, scores), spearman(judged, scores), len(pairs), unknown, invalid.count)


def _read(
    path: str | os.PathLike[str], delimiter: str | None, encoding: str
) -> tuple[list[tuple[str, str]], list[float], LeftOut]:
    """The pairs of a file, their scores, and the lines that are neither pair, comment nor empty."""
    pairs, gold, invalid = [], [], LeftOut()
    for number, line in lines_of(path, encoding):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            a, b, score = line.split(delimiter)
            judgement = float(score)
        except ValueError:
            judgement = math.nan
        if math.isfinite(judgement):
            gold.append(judgement)
            pairs.append((a.strip(), b.strip()))
        else:
            invalid.add(number)
    return pairs, gold, invalid
