"""gensim's own tests of Word2Vec, from gensim's wheel, run against our classes (gensim_suite/plugin.py)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def test_gensims_own_suite(root, tmp_path):
    pytest.importorskip("gensim")
    pytest.importorskip("testfixtures")
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-p", "tests.gensim_suite.plugin"]
    # save(sep_limit=0) warns that the option has no effect here
    command += ["-W", "default::UserWarning", "--pyargs", "gensim.test.test_word2vec"]
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout[-5000:]
    # POT is an extra: without it gensim skips three tests. One more is for gensim's developers, two are not about us.
    skipped, passed = (6, 78) if "POT not installed" in done.stdout else (3, 81)
    assert f"{passed} passed, {skipped} skipped" in done.stdout, done.stdout[-5000:]
