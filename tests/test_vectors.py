"""KeyedVectors as a container: look-up, lazy words, norms, attributes, growth. Questions: test_vectors_questions.py."""

from __future__ import annotations

import copy
import logging
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2v.errors import ConfigError, FormatError, VectorsError, WordError
from w2v.vectors import KeyedVectors, PackedWords

WORDS = ["the", "of", "naïve", "日本", "a b", "x"]


def make(words=WORDS, size=4, **more):
    vectors = np.random.default_rng(1).standard_normal((len(words), size)).astype(np.float32)
    return KeyedVectors.from_arrays(words, vectors, **more)


# ---- packed words


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True))
def test_packed_words_are_the_words(words):
    packed = PackedWords.pack(words)
    assert list(packed) == packed.tolist() == [packed[i] for i in range(len(words))] == words
    assert [packed.find(word) for word in words] == list(range(len(words)))
    assert packed[-2:] == words[-2:]
    assert "never there" not in packed


def test_finding_a_word_in_many():
    words = [f"word{i}" for i in range(5000)]
    packed = PackedWords.pack(words)
    assert [packed.find(w) for w in ("word0", "word4999", "word123", "word5000", "", "\ud800", "x" * 10**6)] == [
        0, 4999, 123, -1, -1, -1, -1,
    ]  # fmt: skip
    with pytest.raises(IndexError):
        packed[5000]


def test_bytes_that_are_no_text_are_shown_and_found_as_such():
    packed = PackedWords(np.frombuffer(b"ok\xff\xfe", np.uint8), np.array([0, 2, 4]))
    assert packed.tolist() == ["ok", "\ufffd\ufffd"] == [packed[0], packed[1]]
    assert packed.find("\ufffd\ufffd") == 1


@pytest.mark.parametrize("offsets", [[], [1, 4], [0, 3], [0, 5], [0, 3, 2, 4]])
def test_offsets_that_do_not_fit_are_refused(offsets):
    with pytest.raises(FormatError, match="offsets"):
        PackedWords(np.zeros(4, np.uint8), np.array(offsets, np.int64))


def test_equal_words_are_found_at_the_first():
    packed = PackedWords.pack(["a", "b", "a"])
    assert packed.find("a") == 0
    kv = KeyedVectors.from_arrays(packed, np.eye(3))
    assert kv.get_index("a") == 0
    assert kv.key_to_index == {"a": 0, "b": 1}


# ---- making one


def test_arrays_are_wrapped_and_not_copied():
    matrix = np.zeros((6, 16), np.float32)
    norms = np.ones(6, np.float32)
    kv = KeyedVectors.from_arrays(WORDS, matrix[:, :4], norms=norms, counts=np.arange(6))
    assert np.shares_memory(kv.vectors, matrix)
    assert kv.norms is norms
    assert kv.vector_size == 4
    assert str(kv) == "KeyedVectors<vector_size=4, 6 keys>" == repr(kv)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], np.ones((2, 3))), "1 words for 2 vectors"),
        ((["a"], np.ones(3)), "shape"),
        ((["a"], np.ones((1, 3)), [1.0, 2.0]), "norms"),
        ((["a"], np.ones((1, 3)), None, [1, 2]), "counts"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, message):
    words, vectors, *rest = arguments
    with pytest.raises(VectorsError, match=message):
        KeyedVectors.from_arrays(words, vectors, **dict(zip(("norms", "counts"), rest, strict=False)))


def test_a_map_file_is_refused_and_not_ignored():
    with pytest.raises(ConfigError, match="mapfile_path"):
        KeyedVectors(3, mapfile_path="somewhere")


def test_an_empty_one():
    kv = KeyedVectors(3)
    assert len(kv) == 0
    assert kv.vectors.shape == (0, 3)
    assert kv.vectors.dtype == np.float32
    assert kv.norms is None
    assert "a" not in kv
    kv.fill_norms()
    kv.sort_by_descending_frequency()
    assert kv.most_similar(np.ones(3)) == []


# ---- look-up


@pytest.mark.parametrize("words", [WORDS, PackedWords.pack(WORDS)], ids=["list", "packed"])
def test_look_up(words):
    kv = make(words)
    assert kv.get_index("naïve") == 2 == kv.get_index(2) == kv.get_index(np.int32(2))
    assert kv.get_index("absent", -1) == -1
    assert kv.get_index("absent", 0) == 0
    assert "日本" in kv
    assert 5 in kv
    assert 6 not in kv
    assert -1 not in kv
    assert kv.has_index_for("a b")
    np.testing.assert_array_equal(kv["x"], kv.vectors[5])
    np.testing.assert_array_equal(kv[["x", 0]], kv.vectors[[5, 0]])
    np.testing.assert_array_equal(kv[(word for word in ("of", "x"))], kv.vectors[[1, 5]])
    assert kv[[]].shape == (0, 4)
    assert kv[True].shape == (4,)
    assert list(kv) == kv.index_to_key == WORDS
    assert kv.key_to_index == {word: i for i, word in enumerate(WORDS)}
    assert len(kv) == 6


def test_vectors_handed_out_are_read_only():
    kv = make()
    with pytest.raises(ValueError, match="read-only"):
        kv["x"][0] = 1
    assert kv.vectors.flags.writeable
    kv[["x", "of"]][0] = 1  # several are a copy


def test_an_unknown_key_says_so_and_offers_words_like_it():
    kv = make(["house", "mouse", "louse", "zebra"])
    for ask in (kv.get_index, kv.get_vector, kv.__getitem__, kv.most_similar, lambda w: kv.similarity("zebra", w)):
        with pytest.raises(WordError, match=r"^Key 'hause' not present$") as caught:
            ask("hause")
        assert isinstance(caught.value, KeyError)
        assert caught.value.hint.startswith("nearest known words: house")
    with pytest.raises(KeyError, match="Key '17' not present"):
        kv[17]
    with pytest.raises(WordError) as caught:
        kv["qqqqqqqqqqqqqqqqqqqqqqq"]
    assert caught.value.hint is None


def test_near_words_are_looked_for_only_when_asked(monkeypatch):
    kv = make()
    monkeypatch.setattr(KeyedVectors, "_near", lambda *_: pytest.fail("searched"))
    assert kv.get_index("thee", -1) == -1
    assert "thee" not in kv
    with pytest.raises(WordError) as caught:
        kv["thee"]
    assert str(caught.value) == "Key 'thee' not present"


def test_the_error_travels_between_processes():
    with pytest.raises(WordError) as caught:
        make()["thee"]
    error = pickle.loads(pickle.dumps(caught.value))
    assert (str(error), error.hint) == ("Key 'thee' not present", "nearest known words: the")


def test_a_few_look_ups_build_no_dictionary_and_many_do(monkeypatch):
    kv = make(PackedWords.pack(WORDS))
    assert kv.get_index("x") == 5
    assert kv.most_similar("x", topn=1)[0][0] in WORDS
    assert kv._key_to_index is None
    for _ in range(100):
        assert kv.get_index("x") == 5
    assert kv._key_to_index is not None


def test_threads_may_ask_while_words_are_unpacked():
    kv = make(PackedWords.pack([f"w{i}" for i in range(2000)]))
    wrong = []

    def ask():
        for i in range(0, 2000, 7):
            if kv.get_index(f"w{i}") != i or kv._key(i) != f"w{i}":
                wrong.append(i)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_copies_and_pickles_are_whole():
    kv = make(PackedWords.pack(WORDS), counts=range(6, 0, -1))
    for twin in (copy.deepcopy(kv), pickle.loads(pickle.dumps(kv))):
        assert twin.index_to_key == WORDS
        assert twin.get_vecattr("of", "count") == 5
        np.testing.assert_array_equal(twin.vectors, kv.vectors)


@pytest.mark.parametrize("name", ["vocab", "index2word", "index2entity", "vectors_norm"])
def test_names_gone_since_gensim_4_raise(name):
    with pytest.raises(AttributeError, match=f"{name} is gone"):
        getattr(make(), name)
    assert not hasattr(make(), name)


# ---- norms


def test_norms_are_computed_once_and_follow_every_change():
    kv = make()
    kv.fill_norms()
    norms = kv.norms
    kv.most_similar("x")
    assert kv.norms is norms
    changes = [
        lambda: kv.add_vector("x", np.ones(4)),
        lambda: kv.add_vectors(["new"], np.ones((1, 4))),
        lambda: kv.__setitem__("of", 2 * np.ones(4)),
        lambda: setattr(kv, "vectors", kv.vectors * 3),
        lambda: kv.unit_normalize_all(),
        lambda: setattr(kv, "norms", None),
    ]
    for change in changes:
        change()
        kv.similar_by_key("x")
        np.testing.assert_allclose(kv.norms, np.linalg.norm(kv.vectors, axis=1), rtol=1e-6)
    kv.vectors[:] *= 2
    kv.fill_norms()
    np.testing.assert_allclose(kv.norms, 1, rtol=1e-6)
    kv.fill_norms(force=True)
    np.testing.assert_allclose(kv.norms, 2, rtol=1e-6)


def test_normalising_leaves_rows_without_direction_alone(caplog):
    vectors = np.array([[3, 4], [0, 0], [np.nan, 1]], np.float32)
    kv = KeyedVectors.from_arrays(["a", "zero", "nan"], vectors.copy())
    with caplog.at_level(logging.WARNING):
        normed = kv.get_normed_vectors()
        kv.get_normed_vectors()
    assert [record.message for record in caplog.records] == [
        "2 of 3 vectors are zero or not finite: without direction they are never among the most similar"
    ]
    np.testing.assert_allclose(normed, [[0.6, 0.8], [np.nan] * 2, [np.nan] * 2], rtol=1e-6)
    np.testing.assert_allclose(kv.get_vector("a", norm=True), [0.6, 0.8], rtol=1e-6)
    assert np.isnan(kv.get_vector("zero", norm=True)).all()
    kv.unit_normalize_all()
    np.testing.assert_allclose(kv.vectors, [[0.6, 0.8], [0, 0], [np.nan, 1]], rtol=1e-6)


# ---- attributes


def test_attributes():
    kv = make()
    kv.set_vecattr("of", "count", 7)
    kv.set_vecattr("of", "tag", "preposition")
    kv.set_vecattr("of", "path", [1, 2])
    assert kv.expandos["count"].dtype == np.int64
    assert kv.expandos["tag"].dtype == object
    assert (kv.get_vecattr("of", "count"), kv.get_vecattr("the", "count")) == (7, 0)
    assert kv.get_vecattr(1, "path") == [1, 2]
    with pytest.raises(TypeError, match="count"):
        kv.set_vecattr("of", "count", "seven")
    with pytest.raises(KeyError):
        kv.get_vecattr("of", "nothing")
    with pytest.raises(WordError):
        kv.set_vecattr("absent", "other", 1)
    assert "other" not in kv.expandos
    kv.allocate_vecattrs(["sample_int"], [np.uint32])
    assert kv.expandos["sample_int"].dtype == np.uint32
    kv.add_vectors(["new"], np.ones((1, 4)))
    assert {len(values) for values in kv.expandos.values()} == {7}


def test_attributes_of_a_mapped_file_are_copied_before_they_change():
    counts = np.arange(6)
    counts.setflags(write=False)
    kv = make(counts=counts)
    kv.set_vecattr("the", "count", 99)
    kv.add_vectors(["the"], np.ones((1, 4)), extras={"count": np.array([5])}, replace=True)
    assert (kv.get_vecattr("the", "count"), counts[0]) == (5, 0)


# ---- growth


def test_add_vectors_keeps_what_is_there_unless_told():
    kv = make()
    before = kv.vectors.copy()
    kv.add_vectors(["x", "new"], np.ones((2, 4)))
    np.testing.assert_array_equal(kv["x"], before[5])
    np.testing.assert_array_equal(kv["new"], np.ones(4))
    kv.add_vectors(["x", "new2"], np.full((2, 4), 2), replace=True)
    np.testing.assert_array_equal(kv[["x", "new2"]], np.full((2, 4), 2))
    kv["new3"] = [1, 2, 3, 4]
    kv[["new3", "of"]] = [np.zeros(4), np.ones(4)]
    np.testing.assert_array_equal(kv[["new3", "of"]], [np.zeros(4), np.ones(4)])
    assert kv.index_to_key == [*WORDS, "new", "new2", "new3"]
    assert [kv.get_index(word) for word in kv.index_to_key] == list(range(9))


def test_equal_keys_in_one_call_make_one_row():
    kv = KeyedVectors(2)
    kv.add_vectors(["a", "b", "a"], [[1, 1], [2, 2], [3, 3]])
    assert kv.index_to_key == ["a", "b"]
    assert kv["a"].tolist() == [1, 1]
    kv[["a", "a"]] = [[4, 4], [5, 5]]
    assert kv["a"].tolist() == [5, 5]


def test_extras_come_along():
    kv = make(counts=[9] * 6)
    kv.add_vectors(["the", "new"], np.ones((2, 4)), extras={"count": np.array([1, 2]), "tag": np.array(["D", "N"], object)})
    assert [kv.get_vecattr(w, "count") for w in ("the", "new", "of")] == [9, 2, 9]
    assert kv.get_vecattr("new", "tag") == "N"
    kv.add_vectors(["the"], np.ones((1, 4)), extras={"count": np.array([1])}, replace=True)
    assert kv.get_vecattr("the", "count") == 1
    with pytest.raises(VectorsError, match="2 values of 'count' for 1 keys"):
        kv.add_vectors(["y"], np.ones((1, 4)), extras={"count": np.array([1, 2])})
    with pytest.raises(TypeError):
        kv.add_vectors(["y"], np.ones((1, 4)), extras={"count": np.array([0.5])})
    assert "y" not in kv


@pytest.mark.parametrize("weights", [np.ones(3), np.ones((1, 3)), np.ones((2, 4)), np.ones((4, 1))])
def test_weights_that_do_not_fit_are_refused(weights):
    kv = make()
    with pytest.raises(VectorsError):
        kv.add_vectors(["y"], weights)
    with pytest.raises(VectorsError):
        kv.add_vector("y", weights)
    assert len(kv) == 6 == len(kv.vectors)


def test_adding_none_changes_nothing():
    kv = make()
    kv.add_vectors([], [])
    kv.add_vectors([], np.empty((0, 4)))
    assert len(kv) == 6


def test_preallocated_slots_are_filled_in_turn():
    kv = KeyedVectors(2, count=2)
    assert len(kv) == 2
    assert kv.add_vector("a", [1, 1]) == 0
    assert kv.most_similar(np.ones(2))[0][0] == "a"  # and never the empty slot
    assert len(kv.most_similar(np.ones(2))) == 1
    assert kv.add_vector("a", [3, 3]) == 0
    assert kv.add_vector("b", [2, 2]) == 1
    with pytest.warns(UserWarning, match="one at a time"):
        assert kv.add_vector("c", [2, 2]) == 2
    assert kv.index_to_key == ["a", "b", "c"]
    assert kv["a"].tolist() == [3, 3]


def test_a_read_only_matrix_is_copied_before_it_changes(tmp_path):
    np.ones((6, 4), np.float32).tofile(tmp_path / "v")
    mapped = np.memmap(tmp_path / "v", np.float32, "r", shape=(6, 4))
    kv = KeyedVectors.from_arrays(WORDS, mapped)
    kv["x"] = np.zeros(4)
    kv.unit_normalize_all()
    assert (mapped == 1).all()
    assert kv["x"].tolist() == [0, 0, 0, 0]


def test_keys_may_be_numbers():
    kv = KeyedVectors(2)
    kv.add_vectors([10, 20], np.eye(2))
    assert kv.get_index(20) == 1
    assert kv.get_index(0) == 0  # no key, hence a row
    assert kv.most_similar(10)[0][0] == 20


def test_new_rows_start_as_training_starts_words():
    kv = make(counts=range(6))
    kv.index_to_key.extend(["y", "z"])
    kv.resize_vectors(seed=3)
    fresh = kv.vectors[6:]
    assert kv.vectors.shape == (8, 4)
    assert len(kv.expandos["count"]) == 8
    assert (np.abs(fresh) <= 1 / 4).all()
    assert fresh.any(axis=1).all()
    before = kv.vectors
    kv.resize_vectors()
    assert kv.vectors is before


def test_sorting_moves_everything_along():
    kv = KeyedVectors.from_arrays(list("abcd"), np.arange(8).reshape(4, 2), counts=[5, 9, 5, 1])
    kv.vectors_lockf = np.array([0, 1, 2, 3], np.float32)
    kv.set_vecattr("c", "tag", "C")
    kv.fill_norms()
    kv.sort_by_descending_frequency()
    assert kv.index_to_key == ["b", "c", "a", "d"]  # of equals the later first, as gensim
    assert kv["c"].tolist() == [4, 5]
    assert kv.get_vecattr("c", "tag") == "C"
    assert kv.vectors_lockf.tolist() == [1, 2, 0, 3]
    np.testing.assert_allclose(kv.norms, np.linalg.norm(kv.vectors, axis=1))
    with pytest.raises(VectorsError, match="counts"):
        make().sort_by_descending_frequency()


def test_lifecycle_events_are_kept_and_can_be_refused():
    kv = make()
    kv.add_lifecycle_event("made", how="well")
    assert kv.lifecycle_events[0]["event"] == "made"
    assert kv.lifecycle_events[0]["how"] == "well"
    kv.lifecycle_events = None
    kv.add_lifecycle_event("again")
    assert kv.lifecycle_events is None
