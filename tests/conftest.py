"""What every test needs: a cache of compiled code of its own, and no setting of the developer's in the way."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]


# Not among the developer's own. Before numba is imported, and inherited by the subprocesses of the tests.
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / "build" / "numba-tests"))

# A shell has what it starts in the background ignore Ctrl-C, and the subprocesses of the tests would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The first example of a test may compile a kernel, and the machine may be busy: no deadline. CI draws the same examples each
# time, so that it fails for what was changed; elsewhere they are new ones.
settings.register_profile("w2v", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("w2v")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the compiler, skip what is about it, and what takes minutes without it."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        for item in items:
            if item.get_closest_marker("compiled"):
                item.add_marker(pytest.mark.skip(reason="about compiled code, or minutes long without it"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def austen() -> Path:
    """The bundled corpus."""
    return ROOT / "corpora" / "austen.txt.xz"
