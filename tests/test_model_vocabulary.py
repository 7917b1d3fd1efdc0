"""Word2Vec's vocabularies: which words, in which order, with which tables; and what happens when one grows."""

from __future__ import annotations

import logging
from itertools import islice

import numpy as np
import pytest

from w2v import LineSentence, Word2Vec
from w2v.errors import ConfigError, CorpusError, TrainingError
from w2v.huffman import build_tree
from w2v.kernels import Tree
from w2v.model import RULE_DEFAULT, RULE_DISCARD, RULE_KEEP
from w2v.model.nodes import Paths, carry_nodes

SENTENCES = [["b", "a", "c"], ["a", "c", "d"], ["c", "a", "c"], [], ["e", "d"]]  # a 3, b 1, c 4, d 2, e 1
MORE = [["f", "a", "f"], ["g", "f"]]


def counts_of(model: Word2Vec) -> dict:
    return {word: int(model.wv.get_vecattr(word, "count")) for word in model.wv.index_to_key}


def built(sentences=SENTENCES, **settings) -> Word2Vec:
    model = Word2Vec(**{"vector_size": 4, "min_count": 1, **settings})
    model.build_vocab(sentences)
    return model


# ---- counting


def test_scan_and_prepare_are_build():
    model = Word2Vec(vector_size=4, min_count=2)
    assert model.raw_vocab is None
    assert model.scan_vocab(SENTENCES) == (11, 5)
    assert model.raw_vocab == {"a": 3, "b": 1, "c": 4, "d": 2, "e": 1}
    report = model.prepare_vocab()
    assert (report["drop_unique"], report["retain_total"], report["num_retained_words"]) == (2, 9, 3)
    assert model.raw_vocab == {}
    model.prepare_weights()
    assert model.wv.index_to_key == ["c", "a", "d"]
    assert counts_of(model) == {"c": 4, "a": 3, "d": 2}
    assert model.wv.vectors.shape == (3, 4)


def test_lines_of_files_are_counted_as_gensim_does(tmp_path):
    path = tmp_path / "text"
    path.write_text("b a c\na c d\n\nc a c\ne d")
    model = Word2Vec(min_count=1)
    assert model.scan_vocab(corpus_file=path) == (11, 4)


def test_a_dry_run_changes_nothing():
    model = Word2Vec(vector_size=4, min_count=1)
    model.build_vocab(SENTENCES, keep_raw_vocab=True)
    before = (list(model.wv.index_to_key), model.min_count, model.sample, model.wv.vectors.copy(), model.raw_vocab)
    report = model.prepare_vocab(min_count=3, sample=0.1, dry_run=True)
    assert report["num_retained_words"] == 2
    after = (list(model.wv.index_to_key), model.min_count, model.sample, model.wv.vectors, model.raw_vocab)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_equal(new, old)


def test_zero_is_a_number_too():
    """gensim takes 0 for "not given": prepare_vocab(sample=0) keeps on subsampling."""
    model = Word2Vec(vector_size=4, min_count=3, sample=1e-3)
    model.scan_vocab(SENTENCES)
    report = model.prepare_vocab(min_count=0, sample=0)
    assert (model.min_count, model.sample) == (0, 0)
    assert (report["num_retained_words"], report["downsample_unique"], report["downsample_total"]) == (5, 0, 11)
    assert (model.wv.expandos["sample_int"] == 2**32 - 1).all()


def test_subsampling_is_reported():
    model = built(sample=0.01)
    model.scan_vocab(SENTENCES)
    report = model.prepare_vocab()
    shares = np.minimum(np.sqrt(0.11 / (c := np.array([4, 3, 2, 1, 1]))) + 0.11 / c, 1)
    assert report["downsample_unique"] == 5
    assert report["downsample_total"] == int((shares * c).sum())
    np.testing.assert_allclose(model.wv.expandos["sample_int"] / 2**32, shares, rtol=1e-6)


def test_words_in_the_order_of_the_text():
    assert built(sorted_vocab=0).wv.index_to_key == ["b", "a", "c", "d", "e"]
    assert built(sorted_vocab=0, min_count=2).wv.index_to_key == ["a", "c", "d"]
    assert built(sorted_vocab=0, max_vocab_size=100).wv.index_to_key == ["b", "a", "c", "d", "e"]
    assert built(max_vocab_size=100).wv.index_to_key == built().wv.index_to_key == ["c", "a", "d", "b", "e"]


def test_trim_rules_decide_and_are_not_kept():
    asked = []

    def rule(word, count, min_count):
        asked.append((word, count, min_count))
        return {"b": RULE_KEEP, "c": RULE_DISCARD}.get(word, RULE_DEFAULT)

    model = Word2Vec(vector_size=4, min_count=2)
    model.build_vocab(SENTENCES, trim_rule=rule)
    assert model.wv.index_to_key == ["a", "d", "b"]
    assert sorted(asked) == [("a", 3, 2), ("b", 1, 2), ("c", 4, 2), ("d", 2, 2), ("e", 1, 2)]


def test_trim_rules_and_callbacks_without_a_corpus_are_warned_of(caplog):
    Word2Vec(trim_rule=lambda *_: 0)
    assert "trim_rule and callbacks are not kept" in caplog.text


def test_max_final_vocab_raises_min_count():
    model = built(max_final_vocab=2)
    assert (model.wv.index_to_key, model.effective_min_count, model.min_count) == (["c", "a"], 3, 1)
    assert built(max_final_vocab=4).wv.index_to_key == ["c", "a", "d"]
    assert built(max_final_vocab=4, min_count=4).wv.index_to_key == ["c"]


def test_the_null_word_is_there_once():
    model = built(null_word=1)
    assert model.wv.index_to_key[-1] == "\0"
    model.build_vocab(MORE, update=True)
    assert model.wv.index_to_key.count("\0") == 1
    model.train(SENTENCES, total_examples=5, epochs=1)
    other = built()
    other.add_null_word()
    other.update_weights()
    assert (len(other.wv), len(other.wv.vectors), other.wv.get_vecattr("\0", "count")) == (6, 6, 1)


def test_min_count_may_be_a_fraction():
    model = built(min_count=2.5)
    assert model.wv.index_to_key == ["c", "a"]
    assert model.train(SENTENCES, total_examples=5, epochs=1)[1] == 11


def test_frequencies_may_be_given():
    model = Word2Vec(vector_size=4, min_count=2, hs=1)
    model.build_vocab_from_freq({"x": 2, "y": 5, "z": 1, "w": 2}, corpus_count=7)
    assert (model.wv.index_to_key, model.corpus_count) == (["y", "w", "x"], 7)
    model.build_vocab_from_freq({"z": 9, "y": 1}, update=True)
    assert counts_of(model) == {"y": 6, "w": 2, "x": 2, "z": 9}
    for wrong in ({"x": 1.5}, {"x": -1}):
        with pytest.raises(ConfigError, match="whole numbers"):
            model.build_vocab_from_freq(wrong)


def test_nothing_to_choose_from_is_told():
    with pytest.raises(TrainingError, match="no words to choose from"):
        Word2Vec().prepare_vocab()
    with pytest.raises(CorpusError, match="no words"):
        built([[], []])
    model = built(min_count=100)
    assert len(model.wv) == 0
    with pytest.raises(RuntimeError, match="first build vocabulary") as caught:
        model.train(SENTENCES, total_examples=5, epochs=1)
    assert "min_count" in caught.value.hint


def test_the_reader_of_strings_is_warned(caplog):
    model = built(["human", "machine"])
    assert "Each 'sentences' item should be a list of words (usually unicode strings)." in caplog.text
    assert set(model.wv.index_to_key) == set("humanmachine")


def test_estimates_are_of_what_is_allocated():
    model = built(vector_size=20, hs=1)
    parts = model.estimate_memory(vocab_size=1000)
    assert parts["vectors"] == parts["syn1"] == parts["syn1neg"] == 1000 * 32 * 4  # rows are padded to 64 bytes
    assert parts["total"] == sum(size for name, size in parts.items() if name != "total")
    more = model.estimate_memory(vocab_size=1000, report={"index": 5})
    assert more["total"] == parts["total"] + 5
    assert model.estimate_memory()["vectors"] == model._weights().w_in.nbytes


def test_reset_from_shares_words_until_one_grows():
    model, other = built(MORE, hs=1), built(hs=1)
    other.train(SENTENCES, total_examples=5, epochs=1)
    model.reset_from(other)
    assert model.wv.key_to_index == other.wv.key_to_index
    assert counts_of(model) == counts_of(other)
    np.testing.assert_array_equal(model.wv.vectors, built().wv.vectors)
    assert (model.syn1neg == 0).all()
    model.build_vocab(MORE, update=True)
    assert (len(model.wv), len(other.wv)) == (7, 5)
    assert counts_of(other)["a"] == 3
    other.train(SENTENCES, total_examples=5, epochs=1)


def test_paths_look_like_arrays():
    model = built(hs=1)
    codes, tree = model.wv.expandos["code"], build_tree([4, 3, 2, 1, 1])
    assert isinstance(codes, Paths)
    assert len(codes) == 5
    for row, word in enumerate(model.wv.index_to_key):
        stretch = slice(tree.offsets[row], tree.offsets[row + 1])
        np.testing.assert_array_equal(model.wv.get_vecattr(word, "code"), tree.codes[stretch])
        np.testing.assert_array_equal(model.wv.get_vecattr(word, "point"), tree.points[stretch])
    assert [list(path) for path in codes[np.array([3, 0])]] == [list(codes[3]), list(codes[0])]
    assert [len(path) for path in np.asarray(codes)[:2]] == [len(codes[0]), len(codes[1])]
    with pytest.raises(IndexError):
        codes[5]


def test_vectors_of_a_model_can_be_sorted_and_saved(tmp_path, caplog):
    model = built(hs=1, sorted_vocab=0)
    model.wv.sort_by_descending_frequency()
    model.wv.save(tmp_path / "vectors")
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING and "code" in r.getMessage()]


# ---- growing


@pytest.mark.parametrize("settings", [{}, {"hs": 1, "negative": 0}, {"sg": 1, "hs": 1}])
def test_an_update_keeps_what_was_learnt(settings):
    model = built(sample=0, **settings)
    model.train(SENTENCES, total_examples=5, epochs=3)
    vectors, outputs = model.wv.vectors.copy(), getattr(model, "syn1neg", np.zeros(0)).copy()
    model.build_vocab(MORE, update=True)
    assert model.wv.index_to_key == ["c", "a", "d", "b", "e", "f", "g"]
    assert counts_of(model) == {"c": 4, "a": 4, "d": 2, "b": 1, "e": 1, "f": 3, "g": 1}
    assert (model.corpus_count, model.corpus_total_words) == (2, 5)
    np.testing.assert_array_equal(model.wv.vectors[:5], vectors)
    if model.negative:
        np.testing.assert_array_equal(model.syn1neg[:5], outputs)
        assert (model.syn1neg[5:] == 0).all()
    assert len({row.tobytes() for row in model.wv.vectors}) == 7
    assert abs(model.wv.vectors[5:]).max() <= 1 / 4
    assert model.train(MORE, total_examples=2, epochs=2) == (10, 10)
    assert (model.wv.vectors[5:] != 0).any()
    np.testing.assert_array_equal(model.wv.vectors[3:5], vectors[3:5])  # b and e are not in there


def test_new_rows_do_not_start_like_old_ones():
    """gensim seeds the new rows as it seeded the first ones."""
    model = built()
    first = model.wv.vectors.copy()
    model.build_vocab(MORE, update=True)
    assert not (model.wv.vectors[5:, None] == first[None]).all(axis=2).any()


def test_new_words_are_chosen_by_the_new_corpus():
    model = built(min_count=2)
    model.build_vocab([*MORE, ["e"]], update=True)
    assert counts_of(model) == {"c": 4, "a": 4, "d": 2, "f": 3}


def test_an_update_thins_out_by_all_counts():
    """gensim takes the thresholds of known words from the new corpus alone."""
    model = built(sample=0.05)
    model.build_vocab([["a"] * 40], update=True)
    whole = Word2Vec(vector_size=4, min_count=1, sample=0.05)
    whole.build_vocab([*SENTENCES, ["a"] * 40])
    for word in model.wv.index_to_key:
        assert model.wv.get_vecattr(word, "sample_int") == whole.wv.get_vecattr(word, "sample_int")


def test_an_update_of_nothing_is_an_error():
    for fail in (
        lambda: Word2Vec().build_vocab(SENTENCES, update=True),
        lambda: Word2Vec().build_vocab_from_freq({"a": 9}, update=True),
        lambda: Word2Vec().update_weights(),
    ):
        with pytest.raises(RuntimeError, match="no prior vocabulary"):
            fail()


def test_factors_of_known_words_stay_and_new_words_are_free():
    model = built()
    model.wv.vectors_lockf = np.array([0, 1, 0.5, 1, 1], np.float32)
    model.build_vocab(MORE, update=True)
    assert model.wv.vectors_lockf.tolist() == [0, 1, 0.5, 1, 1, 1, 1]
    model.train(MORE, total_examples=2, epochs=1)


def test_other_attributes_of_words_survive_an_update():
    model = built(hs=1)
    model.wv.set_vecattr("a", "kind", 7)
    model.build_vocab(MORE, update=True)
    assert (model.wv.get_vecattr("a", "kind"), model.wv.get_vecattr("f", "kind")) == (7, 0)
    model.build_vocab(SENTENCES)
    assert "kind" not in model.wv.expandos


# ---- inner nodes


def by_hand(old: Tree, rows: np.ndarray, new: Tree, known: int) -> np.ndarray:
    """nodes.py's rule, word by word."""

    def path(tree, word):
        stretch = slice(tree.offsets[word], tree.offsets[word + 1])
        return list(zip(tree.points[stretch].tolist(), tree.codes[stretch].tolist(), strict=True))

    u = [sum((0.5 - bit) * rows[node].astype(float) for node, bit in path(old, word)) for word in range(known)]
    p = [2.0 ** -len(path(old, word)) for word in range(known)]
    words = len(new.offsets) - 1
    out = np.zeros((words, rows.shape[1]))
    for node in range(words - 1):
        sides = [[w for w in range(known) if (node, bit) in path(new, w)] for bit in (0, 1)]
        if all(sides):
            left, right = (sum(p[w] * u[w] for w in side) / sum(p[w] for w in side) for side in sides)
            out[node] = left - right
    return out


@pytest.mark.parametrize(("known", "words"), [(2, 3), (7, 7), (30, 30), (30, 45), (100, 130)])
def test_nodes_are_carried_by_the_rule(known, words):
    rng = np.random.default_rng(known * words)
    before = rng.integers(1, 1000, known)
    after = np.concatenate((before, np.zeros(words - known, int))) + rng.integers(0, 300, words)
    old, new = build_tree(before), build_tree(after)
    rows = rng.normal(size=(known, 6)).astype(np.float32)
    out = np.zeros((words, 6), np.float32)
    carry_nodes(old, rows, new, out)
    np.testing.assert_allclose(out, by_hand(old, rows, new, known), atol=1e-5)


@pytest.mark.parametrize("words", [1, 2, 3, 10, 500])
def test_an_unchanged_tree_keeps_its_rows(words):
    rng = np.random.default_rng(words)
    tree = build_tree(np.sort(rng.zipf(1.3, words) % 10_000 + 1)[::-1])
    rows = rng.normal(size=(words, 5)).astype(np.float32)
    out = np.zeros_like(rows)
    carry_nodes(tree, rows, tree, out)
    np.testing.assert_allclose(out[: words - 1], rows[: words - 1], atol=1e-5)


@pytest.mark.compiled
@pytest.mark.parametrize("sg", [0, 1])
def test_an_update_costs_hierarchical_softmax_little(austen, sg):
    """Log probabilities of the old text, before and after new words came. Kept by number, as in gensim, the inner nodes
    answer questions that nobody asked.
    """
    text = list(islice(LineSentence(austen, max_sentence_length=20), 9000))
    old, new = text[:6000], text[6000:]
    settings = {"vector_size": 32, "hs": 1, "negative": 0, "sample": 0}
    model = Word2Vec(old, sg=sg, min_count=3, epochs=3, alpha=0.05, **settings)
    before, rows = model.score(old[::30]).sum(), model.syn1.copy()
    model.build_vocab(new, update=True)
    after = model.score(old[::30]).sum()
    model.syn1 = np.concatenate((rows, np.zeros((len(model.wv) - len(rows), 32))))
    naive = model.score(old[::30]).sum()
    assert len(model.wv) > len(rows) + 100
    assert before > after
    assert before - after < 0.5 * (before - naive)
