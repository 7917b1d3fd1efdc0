"""The answers of gensim's KeyedVectors on the same matrix, where they are right; and its defects, absent here."""

from __future__ import annotations

import numpy as np
import pytest

from w2v.vectors import KeyedVectors

gensim = pytest.importorskip("gensim.models.keyedvectors")

# gensim's own most_similar_cosmul() calls a method it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`")

WORDS = [f"{'W' if i % 7 == 0 else 'w'}{i}" for i in range(2000)]


@pytest.fixture(scope="module")
def pair():
    """Ours and theirs over one matrix, vectors of very different lengths."""
    rng = np.random.default_rng(11)
    vectors = (rng.standard_normal((2000, 30)) * rng.lognormal(size=(2000, 1))).astype(np.float32)
    theirs = gensim.KeyedVectors(30)
    theirs.add_vectors(WORDS, vectors)
    ours = KeyedVectors.from_arrays(WORDS, vectors)
    for kv in (ours, theirs):
        kv.expandos["count"] = np.arange(2000, 0, -1) // 3
    return ours, theirs


def assert_same(ours, theirs):
    if isinstance(theirs, np.ndarray | float | np.floating):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6)
    elif theirs and isinstance(theirs, list) and isinstance(theirs[0], tuple):
        words, numbers = (0, 1) if isinstance(theirs[0][0], str) else (1, 0)
        assert [row[words] for row in ours] == [row[words] for row in theirs]
        np.testing.assert_allclose([r[numbers] for r in ours], [r[numbers] for r in theirs], rtol=2e-4, atol=2e-6)
    else:
        assert ours == theirs


RAW = np.linspace(-1, 1, 30).astype(np.float32)

QUESTIONS = {
    "one word": lambda kv: kv.most_similar("w1"),
    "vector": lambda kv: kv.most_similar(RAW, topn=5),
    "vectors": lambda kv: kv.most_similar(kv.vectors[:4]),
    "row": lambda kv: kv.most_similar(12),
    "many": lambda kv: kv.most_similar(["w1", "w2", "W7"], ["w3", "w4"]),
    "weights": lambda kv: kv.most_similar([("w1", 2.5), "w2", (RAW, 0.5)], [("w3", -0.25)]),
    "word and vector": lambda kv: kv.most_similar(["w1", RAW], RAW * 0.1),
    "restrict": lambda kv: kv.most_similar("w1900", restrict_vocab=50, topn=60),
    "clip": lambda kv: kv.most_similar("w500", clip_start=400, clip_end=600),
    "none": lambda kv: kv.most_similar("w1", topn=None),
    "none in a range": lambda kv: kv.most_similar("w1", topn=None, clip_start=10, clip_end=20),
    "all": lambda kv: kv.most_similar("w1", topn=5000),
    "zero": lambda kv: kv.most_similar("w1", topn=0),
    "similar_by_word": lambda kv: kv.similar_by_word("w5", topn=3, restrict_vocab=100),
    "similar_by_key": lambda kv: kv.similar_by_key("w5"),
    "similar_by_vector": lambda kv: kv.similar_by_vector(RAW, topn=3),
    "cosmul": lambda kv: kv.most_similar_cosmul(["w1", "w2"], ["w3"]),
    "cosmul one": lambda kv: kv.most_similar_cosmul("w1", topn=3),
    "cosmul none": lambda kv: kv.most_similar_cosmul(["w1", "w2"], ["w3"], topn=None),
    "similarity": lambda kv: kv.similarity("w1", "w2"),
    "distance": lambda kv: kv.distance("w1", 30),
    "distances": lambda kv: kv.distances("w1"),
    "distances to some": lambda kv: kv.distances("w1", ["w2", "w3"]),
    "distances of a vector": lambda kv: kv.distances(RAW, ["w2", "w3"]),
    "cosine_similarities": lambda kv: kv.cosine_similarities(RAW, kv.vectors),
    "n_similarity": lambda kv: kv.n_similarity(["w1", "w2"], ["w3", "w4", "absent"]),
    "closer_than": lambda kv: kv.closer_than("w1", kv.most_similar("w1", topn=40)[-1][0]),
    "rank": lambda kv: kv.rank("w1", "w900"),
    "most_similar_to_given": lambda kv: kv.most_similar_to_given("w1", ["w20", "w30", "w40"]),
    "rank_by_centrality": lambda kv: kv.rank_by_centrality(["w1", "w2", "w3", "w4", "absent"]),
    "rank_by_centrality raw": lambda kv: kv.rank_by_centrality(["w1", "w2", "w3", "w4"], use_norm=False),
    "doesnt_match": lambda kv: kv.doesnt_match(["w1", "w2", "w3", "w4"]),
    "relative": lambda kv: kv.relative_cosine_similarity("w1", "w2", topn=5),
    "mean": lambda kv: kv.get_mean_vector(["w1", "absent", RAW, 3], [1, 2, -3, 0.5]),
    "mean raw": lambda kv: kv.get_mean_vector(["w1", 5], pre_normalize=False, post_normalize=True),
    "normed": lambda kv: kv.get_normed_vectors(),
    "normed vector": lambda kv: kv.get_vector("w1", norm=True),
    "several": lambda kv: kv[["w1", 5]],
    "for all": lambda kv: kv.vectors_for_all(["w9", "absent", "w3", "w9", 4]).vectors,
    "keys for all": lambda kv: kv.vectors_for_all(["w9", "absent", "w3", "w9", 4], allow_inference=False).index_to_key,
    "index": lambda kv: [kv.get_index("w9"), kv.get_index(9), kv.get_index("absent", -5), "w9" in kv, 2000 in kv],
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_answers_are_the_same(pair, name):
    ours, theirs = pair
    assert_same(QUESTIONS[name](ours), QUESTIONS[name](theirs))


def test_word_movers_distance_is_the_same(pair):
    pytest.importorskip("ot")
    for norm in (True, False):
        ours, theirs = (kv.wmdistance(["w1", "w2", "w2", "absent"], ["w3", "w2", "w5"], norm) for kv in pair)
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_sorting_is_the_same(pair):
    def shuffled(kv):
        kv = kv.vectors_for_all(WORDS[::-1], copy_vecattrs=True)
        kv.sort_by_descending_frequency()
        return kv

    ours, theirs = map(shuffled, pair)
    assert ours.index_to_key == theirs.index_to_key
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)
    np.testing.assert_array_equal(ours.expandos["count"], theirs.expandos["count"])


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("restrict", [1000, 300_000])
@pytest.mark.parametrize("dummy", [True, False])
def test_evaluation_is_the_same(tmp_path, pair, fold, restrict, dummy):
    """On questions a random model can answer: d is the nearest word to b - a + c for about half of them."""
    ours, theirs = pair
    rng = np.random.default_rng(3)
    lines = []
    for i in range(60):
        a, b, c = (WORDS[j] for j in rng.choice(1100, 3, replace=False))
        d = ours.most_similar([b, c], [a], topn=1, restrict_vocab=1000)[0][0] if i % 2 else WORDS[i]
        lines += [": part"] if i % 20 == 0 else []
        lines.append(" ".join([a, b, c.swapcase() if i % 3 == 0 else c, d if i % 11 else "absent"]))
    questions, pairs = tmp_path / "questions.txt", tmp_path / "pairs.tsv"
    questions.write_text("\n".join([*lines, "not a question", ""]))
    options = {"restrict_vocab": restrict, "case_insensitive": fold, "dummy4unknown": dummy}
    ours_score, ours_sections = ours.evaluate_word_analogies(str(questions), **options)
    their_score, their_sections = theirs.evaluate_word_analogies(str(questions), **options)
    assert ours_sections == their_sections
    assert ours_score == their_score
    assert 0.1 < ours_score < 0.9

    rows = [f"{WORDS[i]}\t{WORDS[2 * i + 1].upper()}\t{round(rng.random(), 1)}" for i in range(300)]
    pairs.write_text("\n".join(["# comment", "word\tword\tscore", *rows, "absent\tw1\t0.5"]) + "\n")
    for mine, other in zip(
        ours.evaluate_word_pairs(pairs, **options), theirs.evaluate_word_pairs(pairs, **options), strict=True
    ):
        if isinstance(other, float):
            assert mine == other
        else:
            np.testing.assert_allclose(mine, other, rtol=1e-4)


# ---- gensim's defects


def test_add_vectors_takes_extras(pair):
    ours, theirs = (kv.vectors_for_all(WORDS[:5]) for kv in pair)
    more = {"keys": ["new"], "weights": np.ones((1, 30), np.float32), "extras": {"count": np.array([3])}}
    with pytest.raises(ValueError):
        theirs.add_vectors(**more)
    ours.add_vectors(**more)
    assert ours.get_vecattr("new", "count") == 3


def test_multiplication_honours_restrict_vocab_and_rows(pair):
    ours, theirs = pair
    assert {w for w, _ in ours.most_similar_cosmul("w1900", restrict_vocab=10)} == set(WORDS[:10])
    assert {w for w, _ in theirs.most_similar_cosmul("w1900", restrict_vocab=10)} != set(WORDS[:10])
    with pytest.raises(ValueError, match="broadcast"):
        theirs.most_similar_cosmul([1, 2], [3])
    assert_same(ours.most_similar_cosmul([1, 2], [3]), theirs.most_similar_cosmul(["w1", "w2"], ["w3"]))


def test_norms_follow_a_replaced_vector(pair):
    ours, theirs = (kv.vectors_for_all(WORDS[:50]) for kv in pair)
    for kv in (ours, theirs):
        kv.most_similar("w1")
        kv["w2"] = kv["w1"] * 100
    assert ours.most_similar("w1", topn=1) == [("w2", pytest.approx(1))]
    assert theirs.most_similar("w1", topn=1)[0][1] > 2  # a cosine of two


def test_the_public_surface_is_complete(pair):
    ours, theirs = pair
    names = {name for name in dir(type(theirs)) if not name.startswith("_")} | {*vars(theirs)}
    missing = {name for name in names if name not in dir(type(ours)) and name not in vars(ours)}
    assert missing == set()
