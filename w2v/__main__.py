"""`python -m w2v`: the same as the `w2v` command."""

from .cli import main

main(prog_name="w2v")
