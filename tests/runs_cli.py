"""The command as a process of its own, and what a plain error of it looks like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "w2v", *map(str, arguments)]


def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300, **options)


def start(*arguments: Any, **options: Any) -> subprocess.Popen:
    return subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True, **options)


def wait_for(process: subprocess.Popen, beginning: str) -> None:
    """Read its messages until a line begins like this."""
    for line in process.stderr:
        if line.startswith(beginning):
            return
    raise AssertionError(f"it ended without a line {beginning!r}")


def is_one_error(errors: str, *words: str) -> None:
    """One line of error, at most one of hint behind it, no traceback, and these words."""
    lines = errors.strip().splitlines()
    assert "Traceback" not in errors, errors
    assert [line.startswith("error: ") for line in lines].count(True) == 1, errors
    assert lines[-1].startswith("error: ") or (lines[-1].startswith("hint: ") and lines[-2].startswith("error: ")), errors
    for word in words:
        assert word in errors, errors


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
