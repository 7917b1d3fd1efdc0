"""GloVe's text format, and telling formats apart."""

from __future__ import annotations

import gzip
import io
import logging
import os
import threading
import zipfile

import numpy as np
import pytest

from w2v import formats
from w2v.errors import ConfigError, FormatError, TruncatedError
from w2v.formats import files
from w2v.vectors import KeyedVectors

GLOVE = (
    b", 0.1 0.2 -0.3\n"
    b". . . 1 2 3\n"  # the 840B vectors have such words,
    b"at name@domain.com 4 5 6\n"  # such ones,
    b"a\xc2\xa0b 7 8 9\n"  # and such ones
    b"2019 1e-05 -1E+2 .5\n"
)


@pytest.fixture
def kv():
    return KeyedVectors.from_arrays(["a", "b c", "dé"], np.arange(12, dtype=np.float32).reshape(3, 4))


def test_words_with_spaces_end_where_the_vector_begins(tmp_path, caplog):
    (tmp_path / "glove.txt").write_bytes(GLOVE)
    assert formats.sniff(tmp_path / "glove.txt") == "glove"
    kv = formats.load(tmp_path / "glove.txt")
    assert kv.index_to_key == [",", ". . .", "at name@domain.com", "a\u00a0b", "2019"]
    np.testing.assert_array_equal(kv["2019"], np.array([1e-5, -100, 0.5], np.float32))
    assert "2 words hold spaces" in caplog.text
    assert formats.load(tmp_path / "glove.txt", limit=2).index_to_key == [",", ". . ."]


def test_round_trip_with_spaces(tmp_path, kv):
    formats.save(kv, tmp_path / "v.glove")
    assert (tmp_path / "v.glove").read_bytes().splitlines()[1] == b"b c 4.0 5.0 6.0 7.0"
    found = formats.load(tmp_path / "v.glove")
    assert found.index_to_key == kv.index_to_key
    np.testing.assert_array_equal(found.vectors, kv.vectors)
    for word in ("a\nb", "a\tb", ""):
        odd = KeyedVectors.from_arrays([word], np.ones((1, 2), np.float32))
        with pytest.raises(FormatError, match="cannot hold"):
            formats.save(odd, tmp_path / "odd.glove")


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_gensim_reads_what_it_can(tmp_path):
    gensim = pytest.importorskip("gensim.models.keyedvectors")
    kv = KeyedVectors.from_arrays(["a", "dé"], np.arange(8, dtype=np.float32).reshape(2, 4))
    formats.save(kv, tmp_path / "v.glove")
    theirs = gensim.KeyedVectors.load_word2vec_format(tmp_path / "v.glove", no_header=True)
    assert theirs.index_to_key == ["a", "dé"]
    np.testing.assert_array_equal(theirs.vectors, kv.vectors)


def test_the_commonest_length_of_the_first_lines_is_the_dimension(tmp_path):
    (tmp_path / "v").write_bytes(b"a b 1 2\nc 1 2\nd 1 2\n")  # the first line alone would say 3
    assert formats.load(tmp_path / "v").index_to_key == ["a b", "c", "d"]
    (tmp_path / "v").write_bytes(b"c 1 2\nd 1 2\ne 1\n")
    with pytest.raises(FormatError, match="line 3: 1 numbers where 2 are expected"):
        formats.load(tmp_path / "v")


def test_a_vector_longer_than_the_sample(tmp_path):
    kv = KeyedVectors.from_arrays(["a", "b"], np.random.default_rng(0).standard_normal((2, 70_000)).astype(np.float32))
    for name in ("v.glove", "v.txt", "v.bin"):
        formats.save(kv, tmp_path / name)
        np.testing.assert_array_equal(formats.load(tmp_path / name).vectors, kv.vectors)


# ---- which format


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.bin", "word2vec-bin"),
        ("a.BIN", "word2vec-bin"),
        ("a.txt", "word2vec-text"),
        ("a.vec.gz", "word2vec-text"),
        ("a.bin.zst", "word2vec-bin"),
        ("a.glove", "glove"),
        ("a.w2v", "native"),
        ("a", "native"),
        ("a.kv", "native"),
        ("dir.txt/a", "native"),
    ],
)
def test_the_suffix_says_what_is_written(name, expected):
    assert formats.format_for(name) == expected
    assert formats.format_for(name, "glove") == "glove"


@pytest.mark.parametrize("name", [f for f in formats.FORMATS if formats.FORMATS[f].save])
def test_content_says_what_is_read_whatever_the_name(tmp_path, kv, name):
    kv = KeyedVectors.from_arrays(["a", "b", "c"], kv.vectors, counts=[3, 2, 1])
    formats.save(kv, tmp_path / "v.npz", name)
    assert formats.sniff(tmp_path / "v.npz") == name
    found = formats.load(tmp_path / "v.npz")
    assert found.index_to_key == ["a", "b", "c"]
    np.testing.assert_array_equal(found.vectors, kv.vectors)
    for alias in formats.FORMATS[name].aliases:
        assert formats.load(tmp_path / "v.npz", alias).index_to_key == ["a", "b", "c"]


def test_unknown_formats_are_refused(tmp_path, kv):
    for call in (lambda: formats.load(tmp_path / "v", "csv"), lambda: formats.save(kv, tmp_path / "v", "csv")):
        with pytest.raises(ConfigError, match="no format 'csv'"):
            call()
    with pytest.raises(ConfigError, match="cannot be written as fasttext"):
        formats.save(kv, tmp_path / "v", "fasttext")


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("glove.txt", GLOVE)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (archive(), "is a zip archive"),
        (b"SQLite format 3\0", "SQLite"),
        (b"FiFu\0\0\0\0", "finalfusion"),
        (b"\x93NUMPY\x01\0", "numpy array"),
        (b"once upon a time\n", "no vectors in a known format"),
        (b"\0" * 1000, "no vectors in a known format"),
        (b"\n\n\n", "no vectors in a known format"),
    ],
)
def test_other_files_are_named(tmp_path, data, message):
    (tmp_path / "v").write_bytes(data)
    with pytest.raises(FormatError, match=message):
        formats.load(tmp_path / "v")


# ---- compressed files


def test_compression_is_told_by_content(tmp_path):
    (tmp_path / "v.txt").write_bytes(gzip.compress(GLOVE))
    assert len(formats.load(tmp_path / "v.txt")) == 5


@pytest.mark.parametrize("suffix", files.COMPRESSED)
def test_damaged_compressed_files(tmp_path, kv, suffix):
    whole = KeyedVectors.from_arrays([f"w{i}" for i in range(500)], np.random.default_rng(0).random((500, 20)))
    path = tmp_path / f"v.bin{suffix}"
    formats.save(whole, path)
    data = path.read_bytes()
    for damaged in (
        data[:-30],
        data[: len(data) // 2],
        data[: len(data) // 2] + b"\xff" * 8 + data[len(data) // 2 + 8 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(FormatError):
            formats.load(path)


def test_bombs_are_refused_while_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_FREE_GROWTH", 1 << 16)
    rows = b"".join(b"%d 0 0 0\n" % (i % 10) for i in range(100_000))
    (tmp_path / "bomb").write_bytes(gzip.compress(b"".join([rows] * 4)))
    with pytest.raises(FormatError, match="decompresses to more than"):
        formats.load(tmp_path / "bomb")


def test_a_header_in_a_compressed_file_is_checked_against_what_it_can_hold(tmp_path):
    (tmp_path / "v").write_bytes(gzip.compress(b"100000000 100\nword 1 2 3\n"))
    with pytest.raises(TruncatedError, match="at most"):
        formats.load(tmp_path / "v")


def test_pipes_are_read_and_written(tmp_path, kv):
    os.mkfifo(tmp_path / "pipe")
    results = []
    reader = threading.Thread(target=lambda: results.append(formats.load(tmp_path / "pipe")))
    reader.start()
    formats.save(kv, tmp_path / "pipe", "glove")
    reader.join(timeout=120)
    assert results[0].index_to_key == kv.index_to_key


def test_urls_go_through_smart_open(tmp_path, kv):
    formats.save(kv, f"file://{tmp_path}/v.glove")
    assert formats.load(f"file://{tmp_path}/v.glove").index_to_key == kv.index_to_key
    with pytest.raises(OSError, match="cannot open"):
        formats.load("gopher://example/v.glove")


def test_reading_logs_nothing_about_ordinary_files(tmp_path, caplog):
    kv = KeyedVectors.from_arrays(["a", "b"], np.eye(2, dtype=np.float32))
    for name in ("v", "v.txt", "v.bin", "v.glove"):
        formats.save(kv, tmp_path / name)
        formats.load(tmp_path / name)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
