"""`w2v eval`: scores on public test sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import W2VError
from .console import row, say
from .options import model_argument, read_option

if TYPE_CHECKING:
    from ..vectors import KeyedVectors

TEST_SET = click.Path(exists=True, dir_okay=False)


@click.command("eval")
@model_argument
@read_option
@click.option("--analogies", type=TEST_SET, multiple=True, metavar="FILE",
              help="Questions 'a b c d' in sections ': name', as questions-words.txt.")  # fmt: skip
@click.option("--pairs", type=TEST_SET, multiple=True, metavar="FILE",
              help="Lines 'word word score', as WordSim-353, SimLex-999, MEN.")  # fmt: skip
@click.option("--categories", type=TEST_SET, multiple=True, metavar="FILE", help="Lines 'word category'.")
@click.option("--restrict-vocab", type=click.IntRange(0), default=300_000, show_default=True, metavar="N",
              help="Only the N most frequent words are known; 0: all.")  # fmt: skip
@click.option("--case-sensitive", is_flag=True, help="Compare words as they are written.")
@click.option("--method", type=click.Choice(["add", "mul"]), default="add", show_default=True,
              help="Analogies by 3CosAdd or 3CosMul.")  # fmt: skip
@click.option("--unknown-is-wrong", is_flag=True, help="Count questions with unknown words as failed.")
def evaluate(
    model: str,
    file_format: str | None,
    analogies: tuple[str, ...],
    pairs: tuple[str, ...],
    categories: tuple[str, ...],
    restrict_vocab: int,
    case_sensitive: bool,
    method: str,
    unknown_is_wrong: bool,
) -> None:
    """Score a model on analogies, human similarity judgements, or categories.

    \b
    Columns:  analogies   file, section, accuracy, correct, answered, unknown
              pairs       file, Spearman, its p-value, Pearson, pairs used, unknown in percent
              categories  file, purity, words used, unknown
    """  # noqa: D301 (click keeps the lines of a paragraph that a \b stands above)
    from ..formats import load

    if not (analogies or pairs or categories):
        raise click.UsageError("give at least one of --analogies FILE, --pairs FILE, --categories FILE")
    kv = load(model, file_format)
    rules = {"restrict_vocab": restrict_vocab, "case_insensitive": not case_sensitive}
    for path in analogies:
        _analogies(kv, path, method, rules | {"dummy4unknown": unknown_is_wrong})
    for path in pairs:
        _pairs(kv, path, rules | {"dummy4unknown": unknown_is_wrong})
    for path in categories:
        _categories(kv, path, rules)


def _analogies(kv: KeyedVectors, path: str, method: str, rules: dict[str, int]) -> None:
    from ..evaluate import word_analogies

    name = {"add": "most_similar", "mul": "most_similar_cosmul"}[method]
    report = word_analogies(kv, path, similarity_function=name, **rules)  # type: ignore[arg-type]
    if report.questions == 0:
        raise W2VError(f"no analogies in {path}", "a line is four words: a b c d; ': name' begins a section")
    for section in (*report.sections, report.total):
        row(path, section.name, section.accuracy, len(section.correct), section.answered, section.unknown)
    say(f"{path}: {report.questions} questions, {report.oov_ratio:.1f}% with unknown words")


def _pairs(kv: KeyedVectors, path: str, rules: dict[str, int]) -> None:
    from ..evaluate import word_pairs

    report = word_pairs(kv, path, delimiter=None, **rules)  # type: ignore[arg-type]
    used = report.pairs if rules["dummy4unknown"] else report.pairs - report.unknown
    row(path, report.spearman.statistic, report.spearman.pvalue, report.pearson.statistic, used, report.oov_ratio)


def _categories(kv: KeyedVectors, path: str, rules: dict[str, int]) -> None:
    from ..evaluate import categories

    report = categories(kv, path, **rules)  # type: ignore[arg-type]
    row(path, report.purity, report.words - report.unknown, report.unknown)
