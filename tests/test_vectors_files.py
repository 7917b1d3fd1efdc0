"""The file methods of KeyedVectors, as far as they are its own (formats have their tests); and gensim's own suite."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from w2v.errors import ConfigError, VectorsError
from w2v.vectors import KeyedVectors, PackedWords


@pytest.fixture
def kv():
    words = PackedWords.pack(["the", "of", "naïve", "日本"])
    return KeyedVectors.from_arrays(words, np.arange(12).reshape(4, 3) + 1, counts=[9, 7, 5, 2])


def test_save_and_load(tmp_path, kv):
    kv.save(tmp_path / "model")
    loaded = KeyedVectors.load(tmp_path / "model")
    assert type(loaded) is KeyedVectors
    assert loaded.most_similar("the") == kv.most_similar("the")
    assert loaded.index_to_key == kv.index_to_key
    assert loaded.get_vecattr("of", "count") == 7
    np.testing.assert_array_equal(loaded.vectors, kv.vectors)
    mapped = KeyedVectors.load(str(tmp_path / "model"), mmap="r")
    assert not mapped.vectors.flags.writeable
    mapped["the"] = np.zeros(3)
    np.testing.assert_array_equal(KeyedVectors.load(tmp_path / "model")["the"], kv["the"])
    with pytest.raises(ConfigError, match="reading only"):
        KeyedVectors.load(tmp_path / "model", mmap="r+")


def test_options_for_pickles_are_refused_aloud(tmp_path, kv):
    with pytest.warns(UserWarning, match="separately, sep_limit: no effect"):
        kv.save(tmp_path / "model", separately=["vectors"], sep_limit=0)
    assert len(KeyedVectors.load(tmp_path / "model")) == 4


@pytest.mark.parametrize("binary", [True, False])
def test_word2vec_format_round_trip(tmp_path, kv, binary):
    kv.save_word2vec_format(tmp_path / "vectors", fvocab=tmp_path / "vocab", binary=binary)
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "vectors", fvocab=tmp_path / "vocab", binary=binary)
    assert loaded.index_to_key == kv.index_to_key
    np.testing.assert_array_equal(loaded.vectors, kv.vectors)
    np.testing.assert_array_equal(loaded.expandos["count"], kv.expandos["count"])
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "vectors", binary=binary, limit=2)) == 2


@pytest.mark.parametrize("binary", [True, False])
def test_intersection_takes_over_known_words_and_freezes_them(tmp_path, kv, binary):
    other = KeyedVectors.from_arrays(["naïve", "new", "the"], -np.ones((3, 3), np.float32))
    other.save_word2vec_format(tmp_path / "other", binary=binary)
    before = kv.vectors.copy()
    kv.fill_norms()
    kv.intersect_word2vec_format(tmp_path / "other", binary=binary)
    assert kv.index_to_key == ["the", "of", "naïve", "日本"]
    np.testing.assert_array_equal(kv[["the", "naïve"]], -np.ones((2, 3)))
    np.testing.assert_array_equal(kv[["of", "日本"]], before[[1, 3]])
    assert kv.vectors_lockf.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(kv.get_vector("the", norm=True), [-(3**-0.5)] * 3, rtol=1e-6)
    assert "2 of 3" in kv.lifecycle_events[-1]["msg"]


def test_intersection_keeps_factors_and_checks_sizes(tmp_path, kv):
    kv.vectors_lockf = np.array([0.5, 0.25], np.float32)  # rows take them in turn
    other = KeyedVectors.from_arrays(["of"], np.ones((1, 3), np.float32))
    other.save_word2vec_format(tmp_path / "other")
    kv.intersect_word2vec_format(tmp_path / "other", lockf=0.75)
    assert kv.vectors_lockf.tolist() == [0.5, 0.75, 0.5, 0.25]
    KeyedVectors.from_arrays(["of"], np.ones((1, 2), np.float32)).save_word2vec_format(tmp_path / "narrow")
    with pytest.raises(VectorsError, match="2 numbers"):
        kv.intersect_word2vec_format(tmp_path / "narrow")


def test_gensims_own_suite(root):
    """gensim.test.test_keyedvectors, from gensim's wheel, run against our class."""
    pytest.importorskip("gensim")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.gensim_suite.plugin"]
    command += ["--pyargs", "gensim.test.test_keyedvectors"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "33 passed" in done.stdout
