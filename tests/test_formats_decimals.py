"""formats/decimals.py: compiled reading of rows gives what numpy and Python make of them, and leaves alone what is odd."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from w2v import formats
from w2v.errors import W2VError
from w2v.formats import text
from w2v.formats.decimals import ordinary_rows


def parsed(lines, dim, most=1000, kind=np.float64):
    """(rows, bytes used, words) of whole lines, given as one bytes."""
    rows, words = np.full((most, dim), 7, kind), np.zeros(len(lines), np.uint8)
    count, used, written = ordinary_rows(np.frombuffer(lines, np.uint8), most, rows, words)
    assert (rows[count + 1 :] == 7).all()
    return rows[:count], used, words[:written].tobytes()


FORMS = ["{!r}", "{:.6f}", "{:.9g}", "{:e}", "{:+.3f}", "{:.17g}", "{:.0f}", "{:E}"]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@given(value=st.floats(-1e9, 1e9, width=64) | st.floats(-1, 1, width=32), form=st.sampled_from(FORMS))
@example(value=0.1, form="{!r}")
@example(value=-0.0, form="{!r}")
@example(value=9007199254740993.0, form="{:.0f}")
def test_numbers_are_those_of_python(kind, value, form):
    field = form.format(value)
    rows, used, _ = parsed(b"w " + field.encode() + b"\n", 1, kind=kind)
    if used:
        assert rows[0, 0] == kind(float(field))
        assert math.copysign(1, rows[0, 0]) == math.copysign(1, float(field))
    else:  # too many digits, or too far from 1: others read it
        assert sum(map(str.isdigit, field)) > 15 or abs(value) < 1e-13


@given(value=st.floats(-1000, 1000, width=32))
def test_the_numbers_of_vectors_are_ordinary(value):
    field = str(np.float32(value))
    if value == 0 or abs(value) > 1e-12:
        assert parsed(f"w {field}\n".encode(), 1)[1] > 0


def test_words_and_where_the_rows_end():
    lines = "a 1 2\n\x00é 3 4 \n 5 6\r\nb  -7   8e0\nc .5 6.\n".encode()
    rows, used, words = parsed(lines, 2)
    np.testing.assert_array_equal(rows, [[1, 2], [3, 4], [5, 6], [-7, 8], [0.5, 6]])
    assert used == len(lines)
    assert words == "a\n\x00é\n\nb\nc\n".encode()
    assert parsed(lines, 2, most=1)[1] == len(b"a 1 2\n")


ODD = [b"", b"w", b"w ", b"w 1", b"w 1 2 3", b"w 1\t2", b"w 1 nan", b"w 1 inf", b"w 1 0x2", b"w 1 1_0", b"w 1 2e", b"w 1 -",
       b"w 1 .", b"w 1 1e999", b"w 1 1e-40", b"w 1 +-2", b"w 1 2x", b"w 1 1234567890123456789", b"w 1 2\r\r", b"two words 1 2",
       b"w 1 --2", b"w 1 1.2.3", b"w 1 e5", b"w 1 9007199254740993"]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_line_ends_it(odd):
    rows, used, words = parsed(b"a 1 2\n" + odd + b"\nb 3 4\n", 2)
    np.testing.assert_array_equal(rows, [[1, 2]])
    assert (used, words) == (6, b"a\n")


def read(path, compiled, monkeypatch, caplog, **options):
    """What comes of a file: words and vectors, or the message of the error; and the warnings."""
    monkeypatch.setattr(text, "_LONG", 0 if compiled else 1 << 60)
    caplog.clear()
    try:
        kv = formats.load(path, **options)
    except W2VError as error:
        return str(error), caplog.messages
    return (kv.index_to_key, kv.vectors.tolist()), caplog.messages


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"", b"\n\n\n"])
@pytest.mark.parametrize("odd", [*ODD, b"c 5 6", b"a 7 8"])
@pytest.mark.parametrize("header", [b"4 2\n", b"3 2\n", b"9 2\n", b""])
def test_files_come_out_as_without_it(tmp_path, monkeypatch, caplog, header, odd, end):
    caplog.set_level(logging.WARNING)
    path = tmp_path / "vectors.txt"
    path.write_bytes(header + b"a 1.5 2\nb 3 -4e-3\n" + odd + b"\nd 1e5 0" + end)
    for limit in (None, 2):
        fast, slow = (repr(read(path, compiled, monkeypatch, caplog, limit=limit)) for compiled in (True, False))
        assert fast == slow


@pytest.mark.parametrize("limit", [None, 1, 30_000])
def test_many_pieces(tmp_path, monkeypatch, caplog, limit):
    monkeypatch.setattr(text, "_PIECE", 1000)
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(40_000, 3)).astype(np.float32)
    lines = [f"w{i} " + " ".join(map(str, row)) for i, row in enumerate(vectors)]
    lines[20_000] = "w20000 nan 1 2"
    path = tmp_path / "vectors.vec"
    path.write_text("40000 3\n" + "\n".join(lines))
    kv, slow = (read(path, compiled, monkeypatch, caplog, limit=limit) for compiled in (True, False))
    assert repr(kv) == repr(slow)
    assert kv[0][1][5:9] == vectors[5:9].tolist()[: None if limit != 1 else 0]
