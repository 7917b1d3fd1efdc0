"""fastText's .bin models, built here byte by byte, against n-grams cut the obvious way and fastText's own output."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from w2v import formats
from w2v.errors import ConfigError, EncodingError, FormatError, TruncatedError

WORDS = ["</s>", "the", "naïve", "日本語", "a", "<", "", "supercalifragilistic"]


def model(words, matrix, minn=3, maxn=6, bucket=50, version=12, pruned=-1, quantised=False, labels=(), sizes=None):
    """A file as fastText writes it: FastText::saveModel, Args::save, Dictionary::save, DenseMatrix::save."""
    out = struct.pack("<2i", 793712314, version)
    out += struct.pack("<12id", matrix.shape[1], 5, 5, 1, 5, 1, 2, 2, bucket, minn, maxn, 100, 1e-4)
    n, m = len(words), len(labels)
    out += struct.pack("<3i2q", *(sizes or (n + m, n, m)), 1000, pruned)
    for kind, entries in ((0, words), (1, labels)):
        for i, entry in enumerate(entries):
            out += (entry if isinstance(entry, bytes) else entry.encode()) + b"\0" + struct.pack("<qb", 1000 - i, kind)
    out += struct.pack("<?2q", quantised, *matrix.shape) + matrix.astype("<f4").tobytes()
    return out + struct.pack("<?2q", False, n, matrix.shape[1]) + bytes(n * matrix.shape[1] * 4)


def fnv1a(ngram):
    h = 2166136261
    for byte in ngram.encode():
        h = ((h ^ (byte | 0xFFFFFF00 if byte > 127 else byte)) * 16777619) & 0xFFFFFFFF
    return h


def naive(words, matrix, minn, maxn, bucket):
    rows = []
    for i, word in enumerate(words):
        ids, text = [i], "" if word == "</s>" else f"<{word}>"
        for start in range(len(text)):
            for n in range(1, maxn + 1):
                edge = n == 1 and start in (0, len(text) - 1)
                if start + n <= len(text) and n >= minn and not edge and bucket:
                    ids.append(len(words) + fnv1a(text[start : start + n]) % bucket)
        rows.append(matrix[ids].mean(axis=0))
    return np.array(rows)


@pytest.fixture
def matrix():
    return np.random.default_rng(1).standard_normal((len(WORDS) + 50, 7)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.bin"


@pytest.mark.parametrize(("minn", "maxn"), [(3, 6), (1, 2), (2, 2), (0, 0), (1, 30), (5, 3)])
def test_a_vector_is_the_mean_of_the_word_and_its_ngrams(path, matrix, minn, maxn):
    path.write_bytes(model(WORDS, matrix, minn, maxn))
    assert formats.sniff(path) == "fasttext"
    kv = formats.load(path)
    assert kv.index_to_key == WORDS
    assert kv.expandos["count"].tolist() == list(range(1000, 992, -1))
    np.testing.assert_allclose(kv.vectors, naive(WORDS, matrix, minn, maxn, 50), rtol=1e-5, atol=1e-6)


def test_many_words_are_averaged_in_several_runs(path, monkeypatch):
    words = [f"word{i}" for i in range(500)]
    matrix = np.random.default_rng(2).standard_normal((600, 20)).astype(np.float32)
    path.write_bytes(model(words, matrix, bucket=100))
    whole = formats.load(path).vectors
    monkeypatch.setattr("w2v.formats.subwords._BLOCK", 3000)
    np.testing.assert_array_equal(formats.load(path).vectors, whole)
    np.testing.assert_allclose(whole, naive(words, matrix, 3, 6, 100), rtol=1e-5, atol=1e-6)


def test_labels_have_no_vectors_and_without_buckets_there_are_no_ngrams(path, matrix):
    path.write_bytes(model(WORDS, matrix[:8], maxn=0, minn=0, bucket=0, labels=["__label__x"]))
    kv = formats.load(path, limit=2)
    np.testing.assert_array_equal(kv.vectors, matrix[:2])
    assert kv.index_to_key == WORDS[:2]
    assert formats.load(path).index_to_key == WORDS


def test_version_11_and_compressed(path, matrix):
    path.write_bytes(gzip.compress(model(WORDS, matrix, version=11)))
    assert len(formats.load(path)) == 8


def test_other_encodings(path, matrix):
    path.write_bytes(model(["caf\xe9".encode("latin-1")], matrix[:51]))
    with pytest.raises(EncodingError):
        formats.load(path)
    assert formats.load(path, encoding="latin-1").index_to_key == ["café"]


def test_what_is_refused(path, matrix):
    good = {
        "quantised fastText models": model(WORDS, matrix, quantised=True),
        "pruned n-grams": model(WORDS, matrix, pruned=3),
        "version 11 or 12": model(WORDS, matrix, version=13),
        "the input matrix is 10 x 7; 58 x 7 is expected": model(WORDS, matrix[:10]),
        "1 words and 2 labels cannot be": model(WORDS, matrix, sizes=(8, 1, 2)),
        "2000000000 words": model(WORDS, matrix, sizes=(2_000_000_000, 2_000_000_000, 0)),
        "breaks off after 8 of 9 words": model(WORDS, matrix, sizes=(9, 9, 0)),
        "-1 words": model(WORDS, matrix, sizes=(0, -1, 1)),
    }
    for message, data in good.items():
        path.write_bytes(data)
        with pytest.raises(FormatError, match=message):
            formats.load(path)
    with pytest.raises(ConfigError, match="datatype"):
        formats.fasttext.read(None, formats.Options(datatype=np.float64))


def test_files_cut_off_anywhere(path, matrix):
    data = model(WORDS, matrix)
    for size in [*range(8, 200, 7), len(data) - 8 * 7 * 4 - 18]:
        path.write_bytes(data[:size])
        with pytest.raises(FormatError):
            formats.load(path)
    path.write_bytes(data[: len(data) - 8 * 7 * 4 - 17 - 4])
    with pytest.raises(TruncatedError):
        formats.load(path)


def test_a_dictionary_without_any_end_takes_no_time(path, matrix):
    path.write_bytes(model(WORDS, matrix)[:92] + b"x" * 4_000_000)
    with pytest.raises(FormatError, match="breaks off after 0 of 8 words"):
        formats.load(path)


def test_a_word_too_long_for_its_ngrams(path):
    for word, maxn, message in (("x" * 900_000, 6, "too long"), (b"\x80" * 100, 6, "no text"), ("x", 65, "65 letters")):
        path.write_bytes(model([word], np.ones((11, 4), np.float32), maxn=maxn, bucket=10))
        with pytest.raises(FormatError, match=message):
            formats.load(path, encoding="latin-1")


@pytest.mark.parametrize("name", ["crime-and-punishment", "toy-model"])
def test_vectors_are_those_that_fasttext_prints(name):
    """gensim ships models with fastText's own .vec, printed to five digits."""
    datapath = pytest.importorskip("gensim.test.utils").datapath
    binary, text = formats.load(datapath(f"{name}.bin")), formats.load(datapath(f"{name}.vec"))
    assert binary.index_to_key == text.index_to_key
    np.testing.assert_allclose(binary.vectors, text.vectors, atol=1e-5)


def test_vectors_are_those_of_gensim():
    datapath = pytest.importorskip("gensim.test.utils").datapath
    from gensim.models.fasttext import load_facebook_vectors

    ours, theirs = (
        formats.load(datapath("lee_fasttext_new.bin")),
        load_facebook_vectors(datapath("lee_fasttext_new.bin")),
    )
    words = [word for word in ours.index_to_key if word != "</s>"]  # gensim gives it n-grams, which fastText does not
    np.testing.assert_allclose(ours[words], theirs[words], atol=1e-6)
    assert ours.get_vecattr("the", "count") == theirs.get_vecattr("the", "count")
