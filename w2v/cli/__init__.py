"""The `w2v` command. Owns the group and nothing else: one file per command, what they share in console.py and paths.py.

Everything heavy is imported inside the callbacks: `w2v --help` loads click and the standard library only.
"""

from __future__ import annotations

import click

from .. import __version__
from .analogy import analogy
from .console import Group
from .convert import convert
from .doctor import doctor
from .eval import evaluate
from .info import info
from .similar import similar
from .similarity import similarity
from .train import train
from .vocab import vocab


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="w2v")
def main() -> None:
    """word2vec, fast: train word vectors on plain text, and ask them questions.

    Data goes to standard output, in columns separated by tabs; progress and messages go to standard error.
    """


for _command in (train, vocab, similar, similarity, analogy, evaluate, convert, info, doctor):
    main.add_command(_command)
