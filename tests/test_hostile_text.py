"""Test sets, questions and words from strangers: errors that name the line, and a terminal that obeys none of them."""

from __future__ import annotations

import gzip
import lzma
import struct
import zlib

import pytest
from click.testing import CliRunner
from fuzz import seeds
from fuzz.judge import judge
from fuzz.targets import TARGETS

from w2v import formats
from w2v.cli import main
from w2v.cli.console import shown
from w2v.errors import CorpusError, FormatError
from w2v.evaluate import categories, word_analogies, word_pairs
from w2v.vectors import KeyedVectors

EVALUATE = {"questions": word_analogies, "pairs": word_pairs, "categories": categories}
GOOD = {"questions": seeds.QUESTIONS, "pairs": seeds.PAIRS, "categories": seeds.CATEGORIES}


@pytest.mark.parametrize("kind", EVALUATE)
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a" * 70_000, "line {} ?: more than 65,536 bytes without a line end"),
        (b"the\0a the b", "line {} of .* holds a NUL byte"),
        (b"the \xff\xfe the", "line {} of .* is not utf8"),
    ],
)
def test_lines_that_are_no_text_are_named(kind, line, message, tmp_path):
    number = GOOD[kind].count(b"\n") + 1
    for pack in (bytes, gzip.compress):
        (tmp_path / "set").write_bytes(pack(GOOD[kind] + line + b"\n"))
        with pytest.raises(FormatError, match=message.format(number).replace(" ?", "")):
            EVALUATE[kind](seeds.keyed(), tmp_path / "set")


@pytest.mark.parametrize("kind", EVALUATE)
def test_lines_with_wrong_columns_are_counted_and_the_first_is_named(kind, tmp_path, caplog):
    number = GOOD[kind].count(b"\n") + 1
    (tmp_path / "set").write_bytes(GOOD[kind] + b"a\nb\n")
    report = EVALUATE[kind](seeds.keyed(), tmp_path / "set")
    assert report.invalid == 2
    assert f"left out; the first is line {number}" in caplog.text


@pytest.mark.parametrize("kind", EVALUATE)
def test_a_bomb_of_one_line_is_refused(kind, tmp_path):
    judge(TARGETS[kind], tmp_path / "set", gzip.compress(b"x" * (64 << 20)))


def test_as_many_categories_as_words_are_refused(tmp_path):
    lines = b"".join(b"the c%d\n" % i for i in range(20_000))
    verdict = judge(TARGETS["categories"], tmp_path / "set", lines)
    assert "too many to cluster" in (verdict.refused or "")


def test_the_dictionary_that_an_xz_header_asks_for_is_bounded(tmp_path):
    """88 bytes that ask for 4 GB."""
    data = bytearray(lzma.compress(b"hello world\n", preset=0))
    length = (data[12] + 1) * 4
    header = data[12 : 12 + length]
    header[header.index(b"\x21\x01") + 2] = 40
    header[-4:] = struct.pack("<I", zlib.crc32(bytes(header[:-4])))
    data[12 : 12 + length] = header
    (tmp_path / "text").write_bytes(data)
    with pytest.raises(FormatError, match="Memory usage limit"):
        formats.load(tmp_path / "text")
    from w2v.corpus import LineSentence

    with pytest.raises(CorpusError, match="Memory usage limit"):
        list(LineSentence(tmp_path / "text"))


@pytest.mark.parametrize("header", [b"1 1048576\n", b"3 1000000\n"])
def test_rows_that_a_compressed_header_announces_take_no_memory(header, tmp_path):
    for name in ("word2vec-bin", "word2vec-text"):
        judge(TARGETS[name], tmp_path / "v", gzip.compress(header + b"a 1 2\n"))


# ---- the terminal

HOSTILE = [
    "\x1b[31mred",
    "a\x07bell",
    "c1\x9b2J",
    "\u202egnp.exe",
    "\u2066iso",
    "cr\rline",
    "two\nlines",
    "bel\x00nul",
    "\ue000own",
]


def w2v(*arguments, **options):
    return CliRunner().invoke(main, [str(a) for a in arguments], color=True, **options)  # else click strips what it knows


@pytest.fixture
def model(tmp_path):
    kv = KeyedVectors.from_arrays(HOSTILE, [[1.0, i] for i in range(len(HOSTILE))], counts=list(range(9, 0, -1)))
    formats.save(kv, tmp_path / "m.w2v")
    return tmp_path / "m.w2v"


def is_tame(done) -> None:
    for text in (done.stdout, done.stderr):
        assert all(c.isprintable() or c in "\t\n" for c in text), ascii(text)
        assert "Traceback" not in text


def test_no_command_prints_what_a_terminal_obeys(model, tmp_path):
    first, second = HOSTILE[:2]
    evil = tmp_path / "\x1b[2Jset"
    evil.write_text(f": {first}\n" + " ".join([HOSTILE[0], HOSTILE[3], HOSTILE[4], HOSTILE[1]]) + "\n", encoding="utf-8")
    commands = [
        ("similar", model, *[word for word in HOSTILE if "\0" not in word]), ("similar", model, "\x1b[2J"),
        ("similarity", model, first, second), ("similarity", model, first, "\x9b"),
        ("analogy", model, *HOSTILE[:3]), ("analogy", model, first, second, "\u202eno"),
        ("info", model), ("info", tmp_path / "\x1bno"), ("eval", model, "--analogies", evil), ("eval", model, "--pairs", evil),
        ("eval", model, "--categories", evil), ("eval", model, "--pairs", tmp_path / "\x1b[2Jnone"),
        ("convert", model, tmp_path / "o.bin"), ("convert", model, tmp_path / "\x1b" / "o.bin"),
        ("convert", evil, tmp_path / "o"),
        ("vocab", evil, "-o", tmp_path / "v\x1b", "--min-count", "1"), ("vocab", tmp_path / "\x1b*", "-o", tmp_path / "v"),
        ("train", evil, "-o", tmp_path / "t\x1b.bin", "--min-count", "99"), ("\x1b[2J",), ("info", model, "--\x1b[2J"),
        ("similar", model, "--topn", "\x1b[2J"), ("info", model, "--format", "\x1b[2J"),
    ]  # fmt: skip
    for command in commands:
        is_tame(w2v(*command))
    is_tame(w2v("similar", model, input="\x1b[2J \x9b\n"))


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x9b2J", "\u202etxt", "\a", "two\nlines"])
def test_usage_errors_repeat_no_raw_control_character(evil):
    """click quotes most of what it repeats, but not arguments too many."""
    for command in (("info", "m", evil), ("convert", "m", "o", evil), ("info", "m", f"--{evil}"), (evil,)):
        done = w2v(*command)
        is_tame(done)
        assert done.exit_code == 2
        assert evil not in done.stderr
        assert shown(evil) in done.stderr or repr(evil)[1:-1] in done.stderr


def test_a_question_without_end_is_refused(model):
    done = w2v("similar", model, input="x" * 200_000)
    assert done.exit_code == 1
    assert "line 1 of standard input is longer than 65,536 bytes" in done.stderr
