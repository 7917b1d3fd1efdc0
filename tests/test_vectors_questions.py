"""Questions to vectors: rules, defined edges, answers one can check by hand. Parity: test_vectors_gensim.py."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest

from w2v.errors import MissingExtraError, VectorsError, WordError
from w2v.vectors import KeyedVectors, PackedWords

# In the plane, by angle from "east" in degrees.
ANGLES = {"east": 0, "ene": 20, "ne": 45, "north": 90, "west": 180, "south": 270}


@pytest.fixture
def plane():
    radians = np.radians(list(ANGLES.values()))
    lengths = np.array([[1], [3], [0.5], [2], [1], [4]])
    return KeyedVectors.from_arrays(list(ANGLES), (lengths * np.stack([np.cos(radians), np.sin(radians)], 1)))


@pytest.fixture
def holes():
    """Two words without direction among four."""
    return KeyedVectors.from_arrays(["a", "zero", "b", "nan"], np.array([[1, 0], [0, 0], [1, 1], [np.nan, 1]], np.float32))


@pytest.fixture
def many():
    vectors = np.random.default_rng(5).standard_normal((3000, 24)).astype(np.float32)
    return KeyedVectors.from_arrays(PackedWords.pack(f"w{i}" for i in range(3000)), vectors)


def words(ranking):
    return [word for word, _ in ranking]


# ---- neighbours


def test_neighbours_come_by_angle_whatever_the_length(plane):
    ranking = plane.most_similar("east", topn=3)
    assert words(ranking) == ["ene", "ne", "north"]
    np.testing.assert_allclose([s for _, s in ranking], np.cos(np.radians([20, 45, 90])), atol=1e-6)
    assert all(type(score) is float for _, score in ranking)


def test_every_way_to_ask_for_one_word(plane):
    expected = plane.most_similar("east")
    for ask in ("east", ["east"], 0, np.int64(0), [("east", 1.0)], {"east"}, ("east",), np.array(["east"])):
        assert plane.most_similar(ask) == expected
    assert plane.similar_by_word("east") == plane.similar_by_key("east") == expected
    by_vector = plane.similar_by_vector(plane["east"])
    assert words(by_vector) == ["east", *words(expected)]
    assert plane.most_similar(plane["east"]) == by_vector


def test_unit_vector_and_word_give_equal_numbers(many):
    for word in ("w3", "w77"):
        by_word = many.most_similar(word)
        by_vector = many.most_similar([many.get_vector(word, norm=True)], topn=11)
        assert by_vector[0][0] == word
        assert by_vector[1:] == by_word


def test_weights_and_negatives(plane):
    assert words(plane.most_similar(positive=["east", "north"], topn=1)) == ["ne"]
    assert words(plane.most_similar(positive=[("east", 5.0), "north"], topn=1)) == ["ene"]
    assert words(plane.most_similar(positive="north", negative="east", topn=1)) == ["west"]
    assert plane.most_similar("north", "east") == plane.most_similar(["north"], ["east"])
    assert words(plane.most_similar(negative=["east"], topn=1)) == ["west"]
    assert words(plane.most_similar(positive=[("east", -1)], topn=1)) == ["west"]
    # Vectors weigh by their length, words do not.
    assert words(plane.most_similar(positive=[np.array([5.0, 0.0]), np.array([0.0, 1.0])], topn=1)) == ["ene"]


def test_topn(plane):
    assert plane.most_similar("east", topn=0) == []
    assert plane.most_similar("east", topn=np.uint8(0)) == []
    assert plane.most_similar("east", topn=-3) == []
    assert len(plane.most_similar("east", topn=100)) == 5
    everything = plane.most_similar("east", topn=None)
    np.testing.assert_allclose(everything, np.cos(np.radians(list(ANGLES.values()))), atol=1e-6)


def test_range_of_rows(plane):
    assert words(plane.most_similar("east", restrict_vocab=3)) == ["ene", "ne"]
    assert words(plane.most_similar("south", restrict_vocab=3)) == ["east", "ene", "ne"]
    assert words(plane.most_similar("east", clip_start=2)) == ["ne", "north", "south", "west"]
    assert words(plane.most_similar("east", clip_start=2, clip_end=4)) == ["ne", "north"]
    assert words(plane.most_similar("east", clip_start=2, restrict_vocab=2)) == ["ene"]
    assert plane.most_similar("east", clip_start=3, clip_end=2) == []
    assert len(plane.most_similar("east", restrict_vocab=10**9)) == 5
    assert plane.most_similar("east", restrict_vocab=0) == plane.most_similar("east")
    assert plane.most_similar("east", topn=None, clip_start=2, clip_end=4).shape == (2,)
    with pytest.raises(VectorsError, match="negative"):
        plane.most_similar("east", restrict_vocab=-1)


def test_equals_come_in_the_order_of_the_vocabulary():
    kv = KeyedVectors.from_arrays([f"w{i}" for i in range(50)], np.tile([[1.0, 0.0], [0.0, 1.0]], (25, 1)))
    assert words(kv.most_similar("w0", topn=4)) == ["w2", "w4", "w6", "w8"]
    assert words(kv.most_similar_batch(["w0"], topn=4)[0]) == ["w2", "w4", "w6", "w8"]


def test_an_indexer_answers_in_place_of_the_search(plane):
    class Indexer:
        def most_similar(self, vector, topn):
            return [("asked", float(vector[0])), ("for", topn)]

    assert plane.most_similar("east", topn=4, indexer=Indexer()) == [("asked", 1.0), ("for", 4)]
    assert plane.most_similar("east", topn=None, indexer=Indexer()).shape == (6,)


@pytest.mark.parametrize(
    ("positive", "negative", "error"),
    [
        (None, None, VectorsError),
        ([], [], VectorsError),
        ("absent", None, WordError),
        ("east", "absent", WordError),
        (99, None, WordError),
        (np.ones(3), None, VectorsError),
        (np.ones((2, 3)), None, VectorsError),
        (np.zeros(2), None, VectorsError),
        (np.array([np.nan, 1]), None, VectorsError),
        ("east", "east", VectorsError),
        ([("east", 0.0)], None, VectorsError),
        (["east", {"a": 1}], None, WordError),
    ],
)
def test_questions_without_sense(plane, positive, negative, error):
    with pytest.raises(error):
        plane.most_similar(positive, negative)


# ---- rows without direction


def test_rows_without_direction_are_never_an_answer(holes):
    assert words(holes.most_similar("a")) == ["b"]
    assert words(holes.most_similar_batch(["a"])[0]) == ["b"]
    assert words(holes.most_similar_cosmul("a")) == ["b"]
    for everything in (
        holes.most_similar("a", topn=None),
        holes.most_similar_batch(["a"], topn=None)[0],
        holes.most_similar_cosmul("a", topn=None),
        holes.distances("a"),
        holes.distances("a", holes.index_to_key),
        holes.cosine_similarities(holes["a"], holes.vectors),
    ):
        assert np.isnan(everything).tolist() == [False, True, False, True]
    assert holes.closer_than("a", "b") == []
    assert holes.most_similar_to_given("a", ["zero", "b", "nan"]) == "b"
    assert np.isnan(holes.similarity("a", "zero"))


def test_rows_without_direction_are_no_question(holes):
    ask = [
        lambda w: holes.most_similar(w),
        lambda w: holes.most_similar(["a", w]),
        lambda w: holes.most_similar_batch(["a", w]),
        lambda w: holes.most_similar_cosmul("a", w),
        lambda w: holes.distances(w),
        lambda w: holes.closer_than(w, "a"),
        lambda w: holes.rank("a", w),
        lambda w: holes.get_mean_vector([w], ignore_missing=False),
        lambda w: holes.most_similar_to_given("a", [w]),
    ]
    for question in ask:
        for word in ("zero", "nan"):
            with pytest.raises(VectorsError, match="direction"):
                question(word)
    with pytest.raises(VectorsError, match="'zero' has no direction"):
        holes.most_similar_batch(["a", "zero"])
    with pytest.raises(VectorsError, match="query 1 has no direction"):
        holes.most_similar_batch(np.array([[1.0, 0.0], [0.0, 0.0]]))


# ---- batches


@pytest.mark.parametrize("restrict", [None, 500])
def test_a_batch_answers_as_single_questions_do(many, restrict):
    queries = ["w3", 7, many["w9"], np.int64(2999), "w3"]
    for ranking, query in zip(many.most_similar_batch(queries, 8, restrict), queries, strict=True):
        single = many.most_similar([query], topn=8, restrict_vocab=restrict)
        assert words(ranking) == words(single)
        np.testing.assert_allclose([s for _, s in ranking], [s for _, s in single], atol=1e-6)
    everything = many.most_similar_batch(queries, None, restrict)
    np.testing.assert_allclose(everything[0], many.most_similar("w3", topn=None, restrict_vocab=restrict), atol=1e-6)


def test_forms_of_a_batch(many):
    by_word = many.most_similar_batch(["w1", "w2"], topn=3)
    assert by_word == many.most_similar_batch(np.array([1, 2]), topn=3)
    assert words(many.most_similar_batch("w1", topn=3)[0]) == words(by_word[0])
    by_vector = many.most_similar_batch(many.vectors[1:3] * 7, topn=4)
    assert [words(ranking)[1:] for ranking in by_vector] == [words(ranking) for ranking in by_word]
    assert many.most_similar_batch([], topn=3) == []
    assert many.most_similar_batch(["w1", "w2"], topn=0) == [[], []]
    with pytest.raises(WordError, match="'nope'"):
        many.most_similar_batch(["w1", "nope"])
    with pytest.raises(VectorsError, match="shape"):
        many.most_similar_batch(np.ones((2, 7)))
    with pytest.raises(VectorsError, match="shape"):
        many.most_similar_batch(np.ones((2, 7, 24)))


# ---- multiplication


def test_multiplication_on_paper(plane):
    shifted = (1 + np.cos(np.radians(list(ANGLES.values())))) / 2  # towards east
    north = (1 + np.sin(np.radians(list(ANGLES.values())))) / 2
    scores = plane.most_similar_cosmul("east", "north", topn=None)
    np.testing.assert_allclose(scores, shifted / (north + 1e-6), rtol=1e-3)
    np.testing.assert_allclose(plane.most_similar_cosmul(["east", "north"], topn=None), shifted * north, atol=1e-5)
    assert words(plane.most_similar_cosmul("east", "north", topn=1)) == ["south"]


def test_multiplication_honours_range_rows_and_vectors(plane):
    assert words(plane.most_similar_cosmul("south", restrict_vocab=3)) == ["east", "ene", "ne"]
    assert len(plane.most_similar_cosmul("east", "north", topn=None, restrict_vocab=4)) == 4
    assert plane.most_similar_cosmul(0, [3]) == plane.most_similar_cosmul("east", "north")
    by_vector = plane.most_similar_cosmul(plane["east"] * 9, plane["north"])
    assert [w for w in words(by_vector) if w not in ("east", "north")] == words(plane.most_similar_cosmul("east", "north"))
    assert plane.most_similar_cosmul("east", topn=0) == []
    with pytest.raises(VectorsError, match="no positive input"):
        plane.most_similar_cosmul(negative="east")
    with pytest.raises(WordError):
        plane.most_similar_cosmul("absent")


# ---- pairs and sets


def test_a_word_is_exactly_as_near_as_can_be_to_itself(many):
    assert all(many.similarity(w, w) == 1 and many.distance(w, w) == 0 for w in range(3000))
    assert isinstance(many.similarity(1, 2), float)


def test_pairs_and_distances(plane):
    assert plane.similarity("east", "north") == pytest.approx(0, abs=1e-7)
    assert plane.distance("east", "west") == pytest.approx(2)
    np.testing.assert_allclose(plane.distances("east"), 1 - np.cos(np.radians(list(ANGLES.values()))), atol=1e-6)
    np.testing.assert_allclose(plane.distances("east", ["west", "east"]), [2, 0], atol=1e-6)
    np.testing.assert_allclose(plane.distances(np.array([0.0, 9.0]), ["north"]), [0], atol=1e-6)
    np.testing.assert_allclose(plane.distances(0, None), plane.distances("east"))
    np.testing.assert_allclose(KeyedVectors.cosine_similarities(plane["ene"], plane.vectors)[:2], [0.9397, 1], atol=1e-4)
    assert plane.n_similarity(["east"], ["ene"]) == pytest.approx(plane.similarity("east", "ene"))
    assert plane.n_similarity(["east", "absent"], ["east"]) == 1
    for sets in (([], ["east"]), (["east"], [])):
        with pytest.raises(ZeroDivisionError):
            plane.n_similarity(*sets)


def test_ranks(plane):
    assert plane.closer_than("east", "north") == ["ene", "ne"]
    assert plane.rank("east", "north") == 3
    assert plane.closer_than("east", "east") == []
    assert plane.rank("east", "east") == 1
    assert plane.most_similar_to_given("east", ["west", "ne", "north"]) == "ne"
    with pytest.raises(VectorsError):
        plane.most_similar_to_given("east", [])


def test_the_odd_one_out(plane, holes, caplog):
    ranked = plane.rank_by_centrality(["ne", "south", "east", "ene"])  # their centre points at one degree
    assert [word for _, word in ranked] == ["east", "ene", "ne", "south"]
    assert plane.doesnt_match(["ne", "south", "east", "ene"]) == "south"
    assert plane.doesnt_match(word for word in ("east", "ene", "west")) == "west"
    with caplog.at_level(logging.WARNING):
        assert holes.doesnt_match(["a", "b", "zero", "absent"]) in ("a", "b")
    assert "['zero', 'absent']" in caplog.text
    for nothing in ([], ["absent"]):
        with pytest.raises(VectorsError):
            plane.doesnt_match(nothing)
    # East at its own length pulls the centre less than ene, three times as long.
    assert dict((w, s) for s, w in plane.rank_by_centrality(["east", "ene"], use_norm=False))["ene"] > 2.9


def test_relative_cosine_similarity(plane):
    nearest = plane.most_similar("east", topn=2)
    expected = plane.similarity("east", "ne") / sum(score for _, score in nearest)
    assert plane.relative_cosine_similarity("east", "ne", topn=2) == pytest.approx(expected)
    with pytest.raises(VectorsError):
        plane.relative_cosine_similarity("east", "ne", topn=0)


def test_means(plane, holes):
    np.testing.assert_allclose(plane.get_mean_vector(["east", "north"]), [0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(plane.get_mean_vector(["east", "north"], pre_normalize=False), [0.5, 1], atol=1e-6)
    np.testing.assert_allclose(plane.get_mean_vector(["east", "north"], post_normalize=True), [0.5**0.5] * 2, atol=1e-6)
    np.testing.assert_allclose(plane.get_mean_vector(["east", "north"], [1, -3]), [0.25, -0.75], atol=1e-6)
    np.testing.assert_allclose(plane.get_mean_vector(["east", "absent"]), [1, 0])
    np.testing.assert_allclose(plane.get_mean_vector([np.array([4.0, 0.0]), "north"]), [2, 0.5], atol=1e-6)
    np.testing.assert_allclose(plane.get_mean_vector(plane.vectors[:2]), plane.vectors[:2].mean(0), atol=1e-6)
    np.testing.assert_allclose(plane.get_mean_vector({"east"}), [1, 0])
    np.testing.assert_allclose(plane.get_mean_vector("east"), [1, 0])
    np.testing.assert_array_equal(plane.get_mean_vector(["absent"]), [0, 0])
    np.testing.assert_allclose(holes.get_mean_vector(["a", "zero"]), [1, 0])
    np.testing.assert_allclose(holes.get_mean_vector(["a", "zero"], pre_normalize=False), [0.5, 0])
    with pytest.raises(VectorsError):
        plane.get_mean_vector([])
    with pytest.raises(VectorsError, match="same number"):
        plane.get_mean_vector(["east"], [1, 2])
    with pytest.raises(WordError):
        plane.get_mean_vector(["absent"], ignore_missing=False)


# ---- the rest


def test_vectors_for_all(plane):
    plane.expandos["tag"] = np.array(list("ABCDEF"), object)
    some = plane.vectors_for_all(["west", "absent", "east", "west"])
    assert some.index_to_key == ["west", "east"]
    assert [some.get_vecattr(w, "count") for w in some] == [2, 1]
    assert "tag" not in some.expandos
    np.testing.assert_array_equal(some.vectors, plane.vectors[[4, 0]])
    assert not np.shares_memory(some.vectors, plane.vectors)
    copied = plane.vectors_for_all(["west", "east"], copy_vecattrs=True)
    assert [copied.get_vecattr(w, "tag") for w in copied] == ["E", "A"]
    assert plane.vectors_for_all(["east", 2], allow_inference=True).index_to_key == ["east", 2]
    assert plane.vectors_for_all(["east", 2], allow_inference=False).index_to_key == ["east"]
    assert len(plane.vectors_for_all(["absent"])) == 0


def test_earlier_names_work_and_warn(plane):
    with pytest.warns(DeprecationWarning, match="get_vector"):
        np.testing.assert_array_equal(plane.word_vec("ene", norm=True), plane.get_vector("ene", norm=True))
    with pytest.warns(DeprecationWarning, match="closer_than"):
        assert plane.words_closer_than("east", "ne") == ["ene"]
    with pytest.warns(DeprecationWarning, match="fill_norms"):
        plane.init_sims()
    np.testing.assert_allclose(plane.norms, [1, 3, 0.5, 2, 1, 4])
    with pytest.warns(DeprecationWarning, match="fill_norms"):
        plane.init_sims(replace=True)
    np.testing.assert_allclose(np.linalg.norm(plane.vectors, axis=1), 1)
    with pytest.raises(NotImplementedError):
        plane.similarity_unseen_docs()


def test_word_movers_distance_without_pot(plane, monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(MissingExtraError) as caught:
        plane.wmdistance(["east"], ["west"])
    assert "w2v[wmd]" in caught.value.hint


def test_word_movers_distance(plane):
    pytest.importorskip("ot")
    assert plane.wmdistance(["east"], ["north"]) == pytest.approx(2**0.5)
    assert plane.wmdistance(["east"], ["north"], norm=False) == pytest.approx(5**0.5)
    assert plane.wmdistance(["east", "west"], ["west", "absent", "east"]) == 0
    assert plane.wmdistance(["east", "east", "north"], ["north"]) == pytest.approx(2 / 3 * 2**0.5)
    assert plane.wmdistance(["east"], ["absent"]) == float("inf")
    assert plane.wmdistance([], ["east"]) == float("inf")
