"""Damaged and hostile files: every reader answers with a value or a W2VError, in bounded time and memory (tests/fuzz).

The short run: W2V_FUZZ_EXAMPLES sets how many inputs each reader gets (the default suits CI). The long one is
`python -m tests.fuzz`. Inputs that once were findings lie in tests/seeds and are read each time.
"""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest
from fuzz import judge as judging
from fuzz.edits import KINDS, edited, edits
from fuzz.judge import judge
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from w2v import formats
from w2v.errors import FormatError

EXAMPLES = int(os.environ.get("W2V_FUZZ_EXAMPLES", "40"))
FOUND = sorted((Path(__file__).parent / "seeds").iterdir())

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="W2V_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    database=None,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "input"


@pytest.fixture(autouse=True)
def without_warnings_of_readers(caplog):
    caplog.set_level("ERROR", "w2v")


def test_every_format_is_a_target():
    assert set(formats.FORMATS) <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_what_the_edits_begin_with_is_read(name, path):
    target = TARGETS[name]
    for data in target.seeds():
        target.place(path, data)
        target.check(target.read(path))


@pytest.mark.parametrize("name", TARGETS)
def test_edited_files(name, path):
    target = TARGETS[name]
    files = target.seeds()

    @fuzzed
    @given(which=st.integers(0, len(files) - 1), changes=edits)
    def every(which, changes):
        judge(target, path, edited(files[which], changes, files, target.rewrite))

    every()


@pytest.mark.parametrize("name", ["sniffed", "compressed", "corpus", "questions", "vocab", "phrases", "config"])
def test_any_bytes_at_all(name, path):
    @fuzzed
    @given(data=st.binary(max_size=300))
    def every(data):
        judge(TARGETS[name], path, data)

    every()


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.name)
def test_findings_of_earlier_runs(found, path):
    judge(TARGETS[found.name.rpartition("-")[0]], path, found.read_bytes())


# ---- the harness itself: a judge that passes everything proves nothing


def test_the_judge_sees_what_it_is_there_for(path, monkeypatch):
    monkeypatch.setattr(judging, "SECONDS", 0.05)

    def judged(read):
        return judge(dataclasses.replace(TARGETS["vocab"], read=read), path, b"x")

    def spins(_):
        end = time.process_time() + 0.06
        while time.process_time() < end:
            pass

    def raises(error):
        def read(_):
            raise error

        return read

    assert judged(raises(FormatError("x is none", "hint"))).refused == "x is none"
    with pytest.raises(ZeroDivisionError):
        judged(lambda _: 1 // 0)
    for bad in ("", "two\nlines", "x" * 2001):
        with pytest.raises(AssertionError, match=r"error without|of several lines|of 2,001 characters"):
            judged(raises(FormatError(bad)))
    with pytest.raises(AssertionError, match="bytes for an input of 1"):
        judged(lambda _: bytearray(20 << 20))
    with pytest.raises(AssertionError, match="s for an input of 1 bytes"):
        judged(spins)


def test_every_kind_of_edit_changes_something():
    for kind in KINDS:
        made = edited(b"some text", [(kind, 3, 35, b"#")], [b"another text"], lambda data, place, value: b"rewritten")
        assert made != b"some text", kind
