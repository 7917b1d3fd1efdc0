"""The README tells the truth: its Python runs, its commands and options exist, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

from w2v.cli import main


def blocks(root, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (root / "README.md").read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.compiled
def test_its_python_runs(root, tmp_path):
    (tmp_path / "corpora").symlink_to(root / "corpora")
    code = "\n".join(blocks(root, "python"))
    assert "Word2Vec(" in code
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment(root), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert {"austen.w2v", "vectors.bin"} <= {path.name for path in tmp_path.iterdir()}


def environment(root) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(root)}


def commands(root) -> list[str]:
    text = "\n".join(blocks(root, "sh") + blocks(root, "text"))
    found = re.findall(r"(?:^|\| *)w2v (.*?)(?: *#| &&|$)", text, re.M)
    assert len(found) > 8
    return found


def test_its_commands_and_options_exist(root):
    for line in commands(root):
        name, *arguments = shlex.split(line)
        known = {option for parameter in main.commands[name].params for option in parameter.opts + parameter.secondary_opts}
        used = {argument for argument in arguments if re.match(r"--?[a-z]", argument)}
        assert used <= known, line


@pytest.mark.parametrize("pattern", [r"`((?:w2v|corpora|tests|benchmarks)/[\w/.]+)`", r"\]\((?!http)([^)#]+)\)"])
def test_its_paths_lead_somewhere(root, pattern):
    for path in re.findall(pattern, (root / "README.md").read_text(encoding="utf-8")):
        assert (root / path).exists(), path
