"""word2vec's text and binary formats: what gensim and word2vec.c write, what they read, and files that lie."""

from __future__ import annotations

import gc
import gzip
import logging
import os
import pickle

import numpy as np
import pytest

from w2v import formats
from w2v.errors import ConfigError, EncodingError, FileError, FormatError, MissingFileError, TruncatedError
from w2v.formats import loaded, word2vec, word2vec_bin
from w2v.formats.files import Source
from w2v.formats.loaded import Options
from w2v.formats.matrix import GrowingMatrix
from w2v.vectors import KeyedVectors, PackedWords

WORDS = ["the", "of", "naïve", "日本", "a\u00a0b", "longer_than_sixteen_bytes", "x"]


@pytest.fixture
def vectors():
    rng = np.random.default_rng(3)
    out = rng.standard_normal((len(WORDS), 5)).astype(np.float32)
    out[0] = [0, -0.0, 1e-5, 1e-4, 3.4e38]
    return out


@pytest.fixture
def kv(vectors):
    return KeyedVectors.from_arrays(PackedWords.pack(WORDS), vectors)


def binary(words, vectors, end=b"", header=None):
    """A file as word2vec.c (end: a line end) or gensim writes it."""
    header = b"%d %d\n" % vectors.shape if header is None else header
    rows = (w.encode() + b" " + v.astype("<f4").tobytes() + end for w, v in zip(words, vectors, strict=True))
    return header + b"".join(rows)


def load(path, data, **options):
    path.write_bytes(data)
    return formats.load(path, **options)


def warned(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# ---- round trips


@pytest.mark.parametrize("name", ["v.bin", "v.txt", "v.vec", "v.bin.gz", "v.txt.bz2", "v.txt.xz", "v.bin.zst"])
def test_round_trip_is_exact(tmp_path, kv, vectors, name):
    formats.save(kv, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]  # no temporary file is left
    for found in (formats.load(tmp_path / name), formats.load(str(tmp_path / name))):
        assert found.index_to_key == WORDS
        assert found.vectors.dtype == np.float32
        np.testing.assert_array_equal(found.vectors.view(np.uint32), vectors.view(np.uint32))  # -0.0 too
        assert "count" not in found.expandos


@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_files_are_those_of_gensim(tmp_path, kv, vectors, kind):
    gensim = pytest.importorskip("gensim.models.keyedvectors")
    theirs = gensim.KeyedVectors(5)
    theirs.add_vectors(WORDS, vectors)
    for i, count in enumerate([5, 9, 7, 7, 1, 2, 3]):
        theirs.set_vecattr(WORDS[i], "count", count)
    kv.expandos["count"] = theirs.expandos["count"].astype(np.int64)
    options = {"binary": kind == "bin", "prefix": "p_", "total_vec": 20}
    theirs.save_word2vec_format(tmp_path / "theirs", fvocab=tmp_path / "theirs.vocab", **options)
    kv.save_word2vec_format(tmp_path / "ours", fvocab=tmp_path / "ours.vocab", **options)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert (tmp_path / "ours.vocab").read_bytes() == (tmp_path / "theirs.vocab").read_bytes()


@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_gensim_reads_ours_and_we_read_gensims(tmp_path, kv, vectors, kind):
    gensim = pytest.importorskip("gensim.models.keyedvectors")
    kv.save_word2vec_format(tmp_path / "ours", binary=kind == "bin")
    theirs = gensim.KeyedVectors.load_word2vec_format(tmp_path / "ours", binary=kind == "bin")
    assert theirs.index_to_key == WORDS
    np.testing.assert_array_equal(theirs.vectors, vectors)
    theirs.save_word2vec_format(tmp_path / "theirs", binary=kind == "bin")
    ours = KeyedVectors.load_word2vec_format(tmp_path / "theirs", binary=kind == "bin")
    assert ours.index_to_key == WORDS
    np.testing.assert_array_equal(ours.vectors, vectors)
    np.testing.assert_array_equal(ours.expandos["count"], theirs.expandos["count"])


def test_the_text_of_word2vec_c(tmp_path):
    """It ends rows in a space, and prints six digits."""
    found = load(tmp_path / "v", b"2 3\n</s> 0.001000 -0.000000 1.500000 \nthe -1.000000 0.250000 7.000000 \n")
    assert found.index_to_key == ["</s>", "the"]
    np.testing.assert_array_equal(found.vectors, np.array([[0.001, -0.0, 1.5], [-1, 0.25, 7]], np.float32))


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
@pytest.mark.parametrize("piece", [1, 7, 64, 1 << 23])
def test_binary_with_and_without_line_ends_in_pieces_of_any_size(tmp_path, vectors, end, piece):
    (tmp_path / "v").write_bytes(binary(WORDS, vectors, end))
    with Source(tmp_path / "v") as source:
        loaded = word2vec_bin.read(source, Options(), piece)
    assert list(loaded.words) == WORDS
    np.testing.assert_array_equal(loaded.vectors, vectors)


def test_vectors_that_hold_spaces_and_line_ends(tmp_path):
    vectors = np.frombuffer(b" \n \n" * 6, "<f4").reshape(2, 3)
    for end in (b"", b"\n"):
        found = load(tmp_path / "v", binary(["a", "b"], vectors, end))
        assert found.index_to_key == ["a", "b"]
        np.testing.assert_array_equal(found.vectors, vectors)


def test_more_words_than_one_piece_holds(tmp_path):
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(3000)]
    vectors = rng.standard_normal((3000, 100)).astype(np.float32)
    kv = KeyedVectors.from_arrays(words, vectors)
    for name in ("v.txt", "v.bin"):
        formats.save(kv, tmp_path / name)
        found = formats.load(tmp_path / name)
        assert found.index_to_key == words
        np.testing.assert_array_equal(found.vectors, vectors)
        assert formats.load(tmp_path / name, limit=2999).index_to_key == words[:2999]
    with Source(tmp_path / "v.bin") as source:
        loaded = word2vec_bin.read(source, Options(), piece=1 << 16)
    assert list(loaded.words) == words
    np.testing.assert_array_equal(loaded.vectors, vectors)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_another_datatype(tmp_path, kv, kind, dtype):
    kv.save_word2vec_format(tmp_path / "v", binary=kind == "bin")
    found = KeyedVectors.load_word2vec_format(tmp_path / "v", binary=kind == "bin", datatype=dtype)
    assert found.vectors.dtype == dtype
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(found.vectors, kv.vectors.astype(dtype), rtol=1e-6)


def test_float64_text_keeps_every_digit(tmp_path):
    kv = KeyedVectors.from_arrays(["a"], np.array([[0.1234567890123456, 1e-300]]))
    kv.save_word2vec_format(tmp_path / "v")
    found = KeyedVectors.load_word2vec_format(tmp_path / "v", datatype=np.float64)
    np.testing.assert_array_equal(found.vectors, kv.vectors)


def test_padded_and_mapped_matrices_are_written_as_they_are_seen(tmp_path):
    padded = np.arange(40, dtype=np.float32).reshape(5, 8)
    kv = KeyedVectors.from_arrays(list("abcde"), padded[:, :3])
    for name in ("v.txt", "v.bin", "v"):
        formats.save(kv, tmp_path / name)
        np.testing.assert_array_equal(formats.load(tmp_path / name).vectors, padded[:, :3])
    formats.save(formats.load(tmp_path / "v"), tmp_path / "v")  # onto the file that is mapped
    np.testing.assert_array_equal(formats.load(tmp_path / "v").vectors, padded[:, :3])


# ---- options


@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_limit(tmp_path, kv, kind, caplog):
    kv.save_word2vec_format(tmp_path / "v", binary=kind == "bin")
    found = formats.load(tmp_path / "v", limit=3)
    assert found.index_to_key == WORDS[:3]
    assert len(formats.load(tmp_path / "v", limit=100)) == len(WORDS)
    assert not warned(caplog)
    for limit in (0, -1, 1.5, True):
        with pytest.raises(ConfigError, match="limit"):
            formats.load(tmp_path / "v", limit=limit)


def test_counts_from_a_vocabulary_file(tmp_path, kv, caplog):
    kv.save_word2vec_format(tmp_path / "v")
    (tmp_path / "vocab").write_text("".join(f"{w} {i * 10}\n" for i, w in enumerate(WORDS) if w != "x"), "utf8")
    found = KeyedVectors.load_word2vec_format(tmp_path / "v", fvocab=tmp_path / "vocab")
    assert found.expandos["count"].tolist() == [0, 10, 20, 30, 40, 50, 0]
    assert "1 of 7 words are not in the vocabulary file" in warned(caplog)[0]
    (tmp_path / "vocab").write_text("the 10\nof ten\n")
    with pytest.raises(FormatError, match=r"line 2: expected a word and its count"):
        KeyedVectors.load_word2vec_format(tmp_path / "v", fvocab=tmp_path / "vocab")


def test_made_up_counts_fall_as_gensims_do(tmp_path, kv):
    kv.save_word2vec_format(tmp_path / "v")
    assert KeyedVectors.load_word2vec_format(tmp_path / "v").expandos["count"].tolist() == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_words_in_other_encodings(tmp_path, kind):
    vectors = np.eye(2, dtype=np.float32)
    name = "café".encode("latin-1")
    data = b"2 2\n" + (
        b"a 1 0\n%s 0 1\n" % name if kind == "txt" else b"a %s%s %s" % (vectors[0].tobytes(), name, vectors[1].tobytes())
    )
    with pytest.raises(EncodingError, match=r"word 2, b'caf\\xe9', is not utf8") as error:
        load(tmp_path / "v", data)
    assert isinstance(error.value, UnicodeDecodeError)
    assert isinstance(error.value, ValueError)
    assert load(tmp_path / "v", data, encoding="latin-1").index_to_key == ["a", "café"]
    assert load(tmp_path / "v", data, unicode_errors="replace").index_to_key == ["a", "caf\ufffd"]
    assert load(tmp_path / "v", data, unicode_errors="ignore").index_to_key == ["a", "caf"]
    for wrong in ({"encoding": "klingon"}, {"unicode_errors": "shrug"}):
        with pytest.raises(ConfigError):
            load(tmp_path / "v", data, **wrong)


def test_words_cut_in_the_middle_of_a_letter_are_not_mended_by_their_neighbours(tmp_path):
    first, second = "é".encode()[:1], "é".encode()[1:]
    data = b"2 1\n" + first + b" 1\n" + second + b" 2\n"
    with pytest.raises(EncodingError):
        load(tmp_path / "v", data)


def test_order_prefix_and_appending(tmp_path, kv):
    kv.expandos["count"] = np.array([1, 9, 1, 4, 9, 0, 5], np.uint32)
    kv.save_word2vec_format(tmp_path / "v", total_vec=14)
    kv.save_word2vec_format(tmp_path / "v", prefix="*dt_", write_header=False, append=True)
    found = formats.load(tmp_path / "v")
    order = ["of", "a\u00a0b", "x", "日本", "the", "naïve", "longer_than_sixteen_bytes"]
    assert found.index_to_key == order + [f"*dt_{w}" for w in order]
    np.testing.assert_array_equal(found.vectors[:7], kv[order])
    with pytest.raises(ConfigError, match="no attribute 'rank'"):
        kv.save_word2vec_format(tmp_path / "w", fvocab=tmp_path / "vocab", sort_attr="rank")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (gzip.compress(b"3 2\na 1 2\nb 2 1\n" + b"c 4 5 " * 10)[:-12], "cut off"),
        (pickle.dumps({"a": 1}), "not a model of gensim"),
        (b"3 2\n" + b"word \1\2\3\4\5\6\7\x08" * 2 + b"w", "ends after 2 of 3"),
    ],
    ids=["text", "pickle", "binary"],
)
def test_a_failed_read_leaves_nothing_for_the_garbage_collector(tmp_path, content, error):
    """The file, its decompressor and the matrix go with the error, on Python 3.13 too."""
    path = tmp_path / "cut"
    path.write_bytes(content)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            with pytest.raises(FormatError, match=error):
                formats.load(path)
        # their own types: isinstance() asks dead proxies of others
        assert [thing for thing in gc.get_objects() if type(thing) in (Source, GrowingMatrix)] == []
    finally:
        gc.enable()


def test_a_failed_append_leaves_the_file_as_it_was(tmp_path, kv, monkeypatch):
    kv.save_word2vec_format(tmp_path / "v")
    before = (tmp_path / "v").read_bytes()

    def fail(rows):
        yield b"half a row"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(word2vec, "text_rows", fail)
    for append in (True, False):
        with pytest.raises(FileError, match="No space left on device"):
            kv.save_word2vec_format(tmp_path / "v", append=append)
        assert (tmp_path / "v").read_bytes() == before
        with pytest.raises(FileError):
            kv.save_word2vec_format(tmp_path / "new", append=append)
    assert [p.name for p in tmp_path.iterdir()] == ["v"]


# ---- what the formats cannot hold


@pytest.mark.parametrize("word", ["New York", "a\nb", "a\tb", "", "\r", " "])
@pytest.mark.parametrize("name", ["v.txt", "v.bin"])
def test_words_that_would_break_the_file_are_refused(tmp_path, word, name):
    kv = KeyedVectors.from_arrays(["fine", word], np.eye(2, dtype=np.float32))
    with pytest.raises(FormatError, match="which this format cannot hold"):
        formats.save(kv, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_rows_without_a_key_are_refused(tmp_path):
    with pytest.raises(FormatError, match="no key"):
        formats.save(KeyedVectors(3, count=2), tmp_path / "v.txt")


# ---- files that lie


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_more_announced_than_there_is(tmp_path, kv, vectors, kind, end):
    kv.save_word2vec_format(tmp_path / "v", binary=kind == "bin")
    data = (tmp_path / "v").read_bytes().replace(b"7 5", b"8 5", 1)
    name = f"word2vec-{'bin' if kind == 'bin' else 'text'}"
    for content in (data + end, gzip.compress(data + end)):
        with pytest.raises(TruncatedError) as error:
            load(tmp_path / "v", content, format=name)
        assert isinstance(error.value, EOFError)  # what gensim raises
    half = data[: len(data) // 2]
    for content in (half + end, gzip.compress(half + end), gzip.compress(data)[:-20]):
        with pytest.raises(FormatError):
            load(tmp_path / "v", content, format=name)


@pytest.mark.parametrize("header", [b"9999999999 300", b"3 99999999999", b"999999999999999999 1", b"3 1048576"])
@pytest.mark.parametrize("kind", ["word2vec-bin", "word2vec-text"])
def test_headers_are_checked_against_the_file_before_anything_is_allocated(tmp_path, header, kind):
    for compress in (bytes, gzip.compress):
        with pytest.raises(FormatError):
            load(tmp_path / "v", compress(header + b"\nword 1 2 3\n"), format=kind)


@pytest.mark.parametrize(
    "header", [b"-1 3", b"3 -1", b"3 0", b"three 3", b"3", b"3 3 3", b"", b"1_0 3", b"\xd9\xa3 3", b"0x3 3", b"3.0 3"]
)
@pytest.mark.parametrize("kind", ["word2vec-bin", "word2vec-text"])
def test_headers_that_are_none(tmp_path, header, kind):
    with pytest.raises(FormatError):
        load(tmp_path / "v", header + b"\nword 1 2 3\n", format=kind)


def test_an_empty_set_of_vectors(tmp_path):
    for name in ("v.txt", "v.bin"):
        formats.save(KeyedVectors(4), tmp_path / name)
        found = formats.load(tmp_path / name)
        assert (len(found), found.vector_size, found.vectors.shape) == (0, 4, (0, 4))


def test_surplus_is_reported(tmp_path, caplog, vectors):
    found = load(tmp_path / "v", b"1 2\na 1 2\nb 3 4\nc 5 6\n")
    assert found.index_to_key == ["a"]
    assert "12 bytes behind the 1 vectors that the header announces were not read" in warned(caplog)[0]
    caplog.clear()
    load(tmp_path / "v", binary(WORDS, vectors, header=b"3 5\n"))
    assert "bytes behind the 3 vectors" in warned(caplog)[0]
    caplog.clear()
    load(tmp_path / "v", b"1 2\na 1 2\n\n  \n")
    load(tmp_path / "v", binary(["a"], vectors[:1], b"\n"))
    assert not warned(caplog)


def test_a_word_that_occurs_twice_counts_once(tmp_path, caplog):
    for kind in (b"4 2\na 1 2\nb 3 4\na 5 6\nb 7 8\n", binary("abab", np.arange(1, 9, dtype=np.float32).reshape(4, 2))):
        caplog.clear()
        found = load(tmp_path / "v", kind)
        assert found.index_to_key == ["a", "b"]
        np.testing.assert_array_equal(found.vectors, [[1, 2], [3, 4]])
        assert "2 words occur again; of each the first vector is kept" in warned(caplog)[0]
    (tmp_path / "vocab").write_text("b 3\na 4\n")
    counted = KeyedVectors.load_word2vec_format(tmp_path / "v", fvocab=tmp_path / "vocab", binary=True)
    assert counted.expandos["count"].tolist() == [4, 3]


def test_long_words_that_differ_late_are_told_apart(tmp_path):
    stem = "x" * 100
    words = [stem + "a", stem + "b", "y" * 64 + "a", "y" * 64 + "b", "z" * 8, "z" * 9, "zz\0", "zz"]
    kv = KeyedVectors.from_arrays(words, np.eye(8, dtype=np.float32))
    formats.save(kv, tmp_path / "v.bin")
    assert formats.load(tmp_path / "v.bin").index_to_key == words


def test_a_binary_file_without_any_space_ends_in_an_error(tmp_path):
    with pytest.raises(FormatError, match="too long"):
        load(tmp_path / "v", b"1 1\n" + b"x" * (12 << 20), format="word2vec-bin")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a 1 2 3\nb 1 2\n", r"line 3: 2 numbers where 3 are expected"),
        (b"a 1 2 3\nb 1 two 3\n", r"line 3: 'two' is not a number"),
        (b"a 1 2 3\nb 1 1_0 3\n", r"line 3: '1_0' is not a number"),
        (b"a 1 2 3\nlonger\n", r"line 3: 0 numbers"),
        (b"a 1 2 3\nb 1 2 \xff\n", r"line 3: '.' is not a number"),
    ],
)
def test_rows_that_are_none_are_named(tmp_path, body, message):
    with pytest.raises(FormatError, match=message):
        load(tmp_path / "v", b"2 3\n" + body, format="word2vec-text")


def test_failures_that_fuzzing_found(tmp_path):
    cases = {
        b"2 2\na b 1 1e99\nc 1 2\n": "word2vec-text",  # a warning of numpy's, where a row was read alone
        b"\0 \x1c": "glove",  # another, that there is nothing in "\x1c"
        b"": "glove",  # 43 MB taken to look into an empty file
    }
    for data, name in cases.items():
        (tmp_path / "v").write_bytes(data)
        try:
            kv = formats.load(tmp_path / "v", name)
        except FormatError:
            continue
        assert len(kv) == 2


def test_numbers_that_are_not_finite_are_read_and_counted(tmp_path, caplog):
    found = load(tmp_path / "v", b"3 2\na nan 1\nb inf -inf\nc 1e40 1\n")
    np.testing.assert_array_equal(found.vectors, [[np.nan, 1], [np.inf, -np.inf], [np.inf, 1]])
    assert "3 vectors hold numbers that are not finite" in warned(caplog)[0]


def test_words_with_spaces_in_text(tmp_path, caplog):
    found = load(tmp_path / "v", b"3 2\nNew York 1 2\na\xc2\xa0b 3 4\n5 6 7\n")
    assert found.index_to_key == ["New York", "a\u00a0b", "5"]
    assert "1 words hold spaces; the last 2 fields of a line were read as the vector" in warned(caplog)[0]


@pytest.mark.parametrize("data", [b"2 2\r\na 1 2\r\nb 3 4\r\n", b"2 2\na  1 2\nb\t3\t4", b" 2\t2 \n\na 1 2\n\nb 3 4 \n"])
def test_irregular_white_space(tmp_path, data):
    found = load(tmp_path / "v", data)
    assert found.index_to_key == ["a", "b"]
    np.testing.assert_array_equal(found.vectors, [[1, 2], [3, 4]])


def test_no_header(tmp_path):
    (tmp_path / "v").write_bytes(b"a 1 2\nb 3 4\n")
    found = KeyedVectors.load_word2vec_format(tmp_path / "v", no_header=True, limit=1)
    assert found.index_to_key == ["a"]
    with pytest.raises(NotImplementedError):
        KeyedVectors.load_word2vec_format(tmp_path / "v", no_header=True, binary=True)


# ---- files that are not there


def test_missing_files_and_directories(tmp_path, kv):
    with pytest.raises(MissingFileError, match="no such file"):
        formats.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        KeyedVectors.load_word2vec_format(tmp_path / "nothing")
    with pytest.raises(FileError, match="directory"):
        formats.load(tmp_path)
    with pytest.raises(FileError, match="directory"):
        formats.save(kv, tmp_path)
    with pytest.raises(MissingFileError, match="cannot write"):
        formats.save(kv, tmp_path / "no" / "where.txt")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(FormatError, match="is empty"):
        formats.load(tmp_path / "empty")


def test_names_that_are_none(tmp_path, kv):
    for call in (lambda: formats.load("a\0b"), lambda: formats.save(kv, "a\0b.txt")):
        with pytest.raises(FileError, match="cannot be the name of a file"):
            call()
    formats.save(kv, os.fsencode(tmp_path / "bytes.txt"))
    assert len(formats.load(os.fsencode(tmp_path / "bytes.txt"))) == 7


def test_a_vocabulary_file_is_not_taken_for_vectors(tmp_path):
    with pytest.raises(FormatError, match="no vectors in a known format"):
        load(tmp_path / "v", b"the 1061396\nof 593677\n")


def test_both_files_are_written_or_none(tmp_path, kv, monkeypatch):
    kv.expandos["count"] = np.arange(7)
    monkeypatch.setattr(word2vec, "text_rows", lambda rows: iter([b"x", None]))
    with pytest.raises(TypeError):
        kv.save_word2vec_format(tmp_path / "v", fvocab=tmp_path / "vocab")
    assert not list(tmp_path.iterdir())


def test_links_are_followed_and_stay(tmp_path, kv):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    formats.save(kv, tmp_path / "link.txt")
    assert (tmp_path / "link.txt").is_symlink()
    assert len(formats.load(tmp_path / "real.txt")) == 7


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_words_hash_alike_however_many_are_hashed_at_once(monkeypatch, at_once):
    words = PackedWords.pack([*WORDS, "", "y" * 200, *WORDS, "", "y" * 200])
    whole = loaded._hashes(words.blob, words.offsets)
    monkeypatch.setattr(loaded, "_AT_ONCE", at_once)
    pieces = loaded._hashes(words.blob, words.offsets)
    np.testing.assert_array_equal(pieces, whole)
    np.testing.assert_array_equal(pieces[: len(words) // 2], pieces[len(words) // 2 :])
    assert len(set(pieces.tolist())) == len(words) // 2
