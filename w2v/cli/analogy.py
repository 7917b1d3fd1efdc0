"""`w2v analogy`: A is to B as C is to what?"""

from __future__ import annotations

import click

from .console import groups_of, input_lines, row
from .options import model_argument, read_option, restrict_option, topn_option


@click.command()
@model_argument
@read_option
@click.argument("words", nargs=-1, metavar="[A B C]...")
@topn_option(5)
@restrict_option
@click.option("--method", type=click.Choice(["add", "mul"]), default="add", show_default=True,
              help="add: nearest to B - A + C (3CosAdd). mul: product of cosines (3CosMul).")  # fmt: skip
def analogy(
    model: str, file_format: str | None, words: tuple[str, ...], topn: int, restrict_vocab: int | None, method: str
) -> None:
    """Answer analogies: A is to B as C is to ...?

    Columns: A, B, C, answer, score. Without words the questions are read from standard input, one a line.
    """
    from ..formats import load

    questions = groups_of(words, 3, "words come in threes: A B C") if words else input_lines(3, "three words: A B C")
    kv = load(model, file_format)
    ask = kv.most_similar if method == "add" else kv.most_similar_cosmul
    for a, b, c in questions:
        for answer, score in ask(positive=[b, c], negative=[a], topn=topn, restrict_vocab=restrict_vocab):
            row(a, b, c, answer, float(score))
