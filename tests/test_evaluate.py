"""Test sets: what is read, counted and scored. Correlations against SciPy; against gensim: test_vectors_gensim.py."""

from __future__ import annotations

import gzip
import logging
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2v import evaluate
from w2v.errors import ConfigError, FormatError
from w2v.evaluate import analogies, correlation
from w2v.vectors import KeyedVectors

# Country = (1, 0, ...), capital = (0, 1, ...), then one place for each nation.
NATIONS = ["france", "japan", "peru", "kenya"]
CAPITALS = ["Paris", "Tokyo", "Lima", "Nairobi"]


def world(**more):
    rows = [np.r_[np.eye(2)[kind], 2 * np.eye(4)[nation]] for nation in range(4) for kind in range(2)]
    words = [pair[kind] for pair in zip(NATIONS, CAPITALS, strict=True) for kind in range(2)]
    for word, row in more.items():
        words.append(word)
        rows.append(row)
    return KeyedVectors.from_arrays(words, np.array(rows, np.float32))


@pytest.fixture
def write(tmp_path):
    def write(text, name="set.txt"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


# ---- analogies


def test_analogies_by_section(write):
    path = write(": capitals\nfrance Paris japan Tokyo\nperu LIMA kenya nairobi\n: wrong \nfrance Paris japan Lima\n")
    report = evaluate.word_analogies(world(), path)
    assert [(s.name, s.answered, s.accuracy) for s in report.sections] == [("capitals", 2, 1.0), ("wrong", 1, 0.0)]
    assert report.sections[0].correct[0] == ("FRANCE", "PARIS", "JAPAN", "TOKYO")
    assert (report.total.accuracy, report.questions, report.unknown, report.invalid) == (2 / 3, 3, 0, 0)
    assert report.oov_ratio == 0
    score, sections = world().evaluate_word_analogies(path)
    assert score == 2 / 3
    assert [s["section"] for s in sections] == ["capitals", "wrong", "Total accuracy"]
    assert sections[-1]["incorrect"] == [("FRANCE", "PARIS", "JAPAN", "LIMA")]


def test_case_counts_when_asked(write):
    path = write(": c\nfrance Paris japan Tokyo\nfrance Paris japan tokyo\n")
    report = evaluate.word_analogies(world(), path, case_insensitive=False)
    assert (report.total.answered, report.unknown) == (1, 1)
    assert report.total.correct == [("france", "Paris", "japan", "Tokyo")]


def test_no_case_variant_of_a_question_answers_it(write):
    """PARIS lies nearest to the query but is the word asked about; then tokyo, which is as good as Tokyo."""
    kv = world(PARIS=[0, 1, 0, 2, 0, 0], tokyo=[0, 1, 0, 1.8, 0, 0])
    kv.vectors[3, 3] = 1.5
    path = write(": c\nfrance Paris japan Tokyo\n")
    assert [w for w, _ in kv.most_similar(["Paris", "japan"], ["france"], topn=3)] == ["PARIS", "tokyo", "Tokyo"]
    assert evaluate.word_analogies(kv, path).total.accuracy == 1
    exact = evaluate.word_analogies(kv, path, case_insensitive=False)
    assert exact.total.accuracy == 0


def test_unknown_words_are_counted(write):
    path = write(": c\nfrance Paris japan Tokyo\nfrance Paris mars Tokyo\nfrance Paris peru Lima\n")
    report = evaluate.word_analogies(world(), path, restrict_vocab=4)
    assert (report.questions, report.unknown, report.total.answered, report.total.unknown) == (3, 2, 1, 2)
    assert report.oov_ratio == pytest.approx(200 / 3)
    counted = evaluate.word_analogies(world(), path, restrict_vocab=4, dummy4unknown=True)
    assert counted.total.accuracy == 1 / 3


def test_words_without_direction_are_unknown(write):
    kv = world(zero=[0] * 6, nan=[np.nan] * 6)
    path = write(": c\nfrance Paris zero Tokyo\nfrance Paris japan nan\nfrance Paris japan Tokyo\n")
    report = evaluate.word_analogies(kv, path)
    assert (report.unknown, report.total.correct) == (2, [("FRANCE", "PARIS", "JAPAN", "TOKYO")])


def test_multiplication_is_honoured(write, monkeypatch):
    """Against most_similar_cosmul() one question at a time; 3CosAdd answers some of them otherwise."""
    monkeypatch.setattr(analogies, "_QUESTIONS", 7)
    monkeypatch.setattr(analogies, "_ROWS", 50)
    rng = np.random.default_rng(2)
    kv = KeyedVectors.from_arrays([f"w{i}" for i in range(300)], rng.standard_normal((300, 5)).astype(np.float32))
    asked = [[f"w{i}" for i in rng.choice(300, 3, replace=False)] for _ in range(40)]
    answers = {
        "most_similar": [kv.most_similar([b, c], [a], topn=1)[0][0] for a, b, c in asked],
        "most_similar_cosmul": [kv.most_similar_cosmul([b, c], [a], topn=1)[0][0] for a, b, c in asked],
    }
    assert answers["most_similar"] != answers["most_similar_cosmul"]
    for function, expected in answers.items():
        lines = [" ".join([*q, d]) for q, d in zip(asked, expected, strict=True)]
        report = evaluate.word_analogies(kv, write(": r\n" + "\n".join(lines)), similarity_function=function)
        assert report.total.accuracy == 1
    with pytest.raises(ConfigError, match="similarity_function"):
        evaluate.word_analogies(kv, write(""), similarity_function="most_similar_madeup")


def test_evaluation_changes_nothing_even_when_it_fails(write):
    kv = world()
    before = dict(kv.key_to_index)
    with pytest.raises(FormatError):
        kv.evaluate_word_analogies(write("france Paris japan Tokyo\n"))
    with pytest.raises(FormatError):
        kv.evaluate_word_pairs(write("no pairs\n"))
    assert kv.key_to_index == before


def test_files_without_questions(write, caplog):
    report = evaluate.word_analogies(world(), write(""))
    assert (report.sections, report.questions) == ([], 0)
    assert math.isnan(report.total.accuracy)
    assert math.isnan(report.oov_ratio)
    assert world().evaluate_word_analogies(write(": only a name\n")) == (
        0.0,
        [{"section": name, "correct": [], "incorrect": []} for name in ("only a name", "Total accuracy")],
    )
    with caplog.at_level(logging.WARNING):
        report = evaluate.word_analogies(world(), write(": c\none two three\n\nfrance Paris japan Tokyo\n"))
    assert report.invalid == 1
    assert "1 lines" in caplog.text


def test_what_cannot_be_read(write, tmp_path):
    with pytest.raises(FormatError, match=r"line 2 of .* before any section"):
        evaluate.word_analogies(world(), write("\nfrance Paris japan Tokyo\n"))
    with pytest.raises(FormatError, match=r"line 2 of .* not utf8"):
        evaluate.word_analogies(world(), write(b": c\nfrance Paris \xff Tokyo\n"))
    with pytest.raises(FileNotFoundError):
        evaluate.word_analogies(world(), tmp_path / "absent.txt")


def test_compressed_and_marked_files(write):
    text = "\ufeff: c\r\nfrance Paris japan Tokyo\r\n".encode()
    assert evaluate.word_analogies(world(), write(gzip.compress(text), "set.txt.gz")).total.accuracy == 1


# ---- pairs

PAIRS = "# comment\nfrance\tParis\t8\njapan\tTOKYO\t9\n\nfrance\tTokyo\t1\nperu\tkenya\t2.5\n"


def test_pairs(write):
    report = evaluate.word_pairs(world(), write(PAIRS))
    assert (report.pairs, report.unknown, report.invalid, report.oov_ratio) == (4, 0, 0, 0)
    assert report.spearman.statistic == pytest.approx(0.9487, abs=1e-4)  # ranks 3 4 1 2 against 3.5 3.5 1 2
    pearson, spearman, oov = report
    assert pearson[0] == pearson.statistic == pearson.correlation
    assert (spearman, oov) == (report.spearman, 0)
    assert world().evaluate_word_pairs(write(PAIRS)) == tuple(report)


def test_unknown_pairs_and_bad_lines_are_counted(write, caplog):
    path = write(PAIRS + "mars\tParis\t3\nword\tword\tscore\nfrance\tParis\nfrance\tlima\tnan\n")
    with caplog.at_level(logging.WARNING):
        report = evaluate.word_pairs(world(), path)
    assert (report.pairs, report.unknown, report.invalid, report.oov_ratio) == (5, 1, 3, 20)
    assert "3 lines" in caplog.text
    assert report.spearman == evaluate.word_pairs(world(), write(PAIRS, "clean.txt")).spearman
    counted = evaluate.word_pairs(world(), path, dummy4unknown=True)
    assert counted.oov_ratio == 20
    assert counted.pearson != report.pearson
    assert evaluate.word_pairs(world(), path, restrict_vocab=4).unknown == 2


def test_separators_and_encodings(write):
    spaced = PAIRS.replace("\t", "  ")
    assert evaluate.word_pairs(world(), write(spaced), delimiter=None).pairs == 4
    kv = KeyedVectors.from_arrays(["café", "thé", "eau"], np.array([[1, 0], [1, 1], [0, 1]], np.float32))
    path = write("café,thé,5\ncafé,eau,1\nthé,eau,4\n".encode("latin-1"))
    assert evaluate.word_pairs(kv, path, delimiter=",", encoding="latin-1").unknown == 0
    with pytest.raises(FormatError, match="utf8"):
        evaluate.word_pairs(kv, path, delimiter=",")


@pytest.mark.parametrize("text", ["", "# nothing\n", "mars\tvenus\t3\n", "france Paris 8\n"])
def test_files_without_pairs_are_refused(write, text):
    with pytest.raises(FormatError, match="no valid similarity judgements"):
        evaluate.word_pairs(world(), write(text))


def test_pairs_without_direction_are_unknown(write):
    kv = world(zero=[0] * 6)
    report = evaluate.word_pairs(kv, write(PAIRS + "zero\tParis\t3\n"))
    assert report.unknown == 1
    assert not math.isnan(report.pearson.statistic)


# ---- correlation

numbers = st.lists(st.tuples(st.integers(-20, 20), st.floats(-1e6, 1e6)), min_size=3, max_size=40)


@settings(deadline=None)
@given(numbers)
def test_correlations_agree_with_scipy(sample):
    stats = pytest.importorskip("scipy.stats")
    x, y = np.array(sample, np.float64).T
    if np.ptp(x) == 0 or np.ptp(y) < 1e-6 * max(1, np.abs(y).max()):
        return
    for ours, theirs in (
        (evaluate.pearson(x, y), stats.pearsonr(x, y)),
        (evaluate.spearman(x, y), stats.spearmanr(x, y)),
    ):
        assert ours.statistic == pytest.approx(theirs[0], abs=1e-9)
        if abs(ours.statistic) < 1 - 1e-9:  # nearer to one the last digit of r decides
            assert ours.pvalue == pytest.approx(theirs[1], rel=1e-5, abs=1e-12)
    np.testing.assert_array_equal(correlation.ranks(x), stats.rankdata(x))


@pytest.mark.parametrize("a", [0.5, 1, 3.5, 50, 1499.5])
@pytest.mark.parametrize("b", [0.5, 2, 30])
@pytest.mark.parametrize("x", [0, 1e-12, 0.01, 0.3, 0.7, 0.95, 0.9999, 1])
def test_incomplete_beta_agrees_with_scipy(a, b, x):
    special = pytest.importorskip("scipy.special")
    assert correlation.incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("x", "y", "statistic", "pvalue"),
    [
        ([], [], math.nan, math.nan),
        ([1], [2], math.nan, math.nan),
        ([1, 1, 1], [1, 2, 3], math.nan, math.nan),
        ([0.1] * 5, [1, 2, 3, 4, 5], math.nan, math.nan),
        ([1, 2, math.nan], [1, 2, 3], math.nan, math.nan),
        ([1, 2], [5, 7], 1, 1),
        ([1, 2, 3], [7, 6, 5], -1, 0),
        ([1e200, 2e200, 3e200], [1e-200, 2e-200, 3e-200], 1, 0),
    ],
)
def test_correlations_at_the_edge(x, y, statistic, pvalue):
    np.testing.assert_allclose(evaluate.pearson(x, y), [statistic, pvalue], atol=1e-6)


# ---- categories

CATEGORIES = "# word category\n" + "".join(f"{w} nation\n" for w in NATIONS) + "".join(f"{w} city\n" for w in CAPITALS)


def test_categories(write, caplog):
    kv = world()
    kv.vectors = kv.vectors * [3, 3, 1, 1, 1, 1]  # what kind of place matters more than which
    with caplog.at_level(logging.WARNING):
        report = evaluate.categories(kv, write(CATEGORIES + "mars planet\none two three\n"))
    assert (report.purity, report.words, report.unknown, report.categories, report.invalid) == (1, 9, 1, 2, 1)
    assert "1 lines" in caplog.text
    by_nation = "".join(f"{a} {a}\n{b} {a}\n" for a, b in zip(NATIONS, CAPITALS, strict=True))
    assert evaluate.categories(world(), write(by_nation)).purity == 1
    assert evaluate.categories(world(), write(CATEGORIES)).purity < 1
    assert evaluate.categories(kv, write("france a\n")).purity == 1
    with pytest.raises(FormatError, match="no known words"):
        evaluate.categories(kv, write("mars planet\n"))


def test_clusters_survive_words_that_are_all_alike():
    units = np.tile(np.array([[1.0, 0.0]]), (6, 1))
    clusters = evaluate.categories.__globals__["spherical_kmeans"](units, 3, 2, np.random.default_rng(0))
    assert set(clusters.tolist()) <= {0, 1, 2}
