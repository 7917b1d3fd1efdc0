"""Word2Vec's questions against the same arithmetic, word by word."""

from __future__ import annotations

import numpy as np
import pytest

from w2v import Word2Vec
from w2v.errors import TrainingError
from w2v.huffman import build_tree

SENTENCES = [["cat", "says", "meow"], ["dog", "says", "woof"], ["cat", "meow", "dog", "woof"]] * 20
DEFAULTS = {"vector_size": 6, "min_count": 1, "sample": 0, "epochs": 20}


def log_sigmoid(x: float) -> float:
    return float(-np.log1p(np.exp(-x)))


def by_hand(model: Word2Vec, sentence: list) -> float:
    tree = build_tree(model.wv.expandos["count"])
    vectors, nodes = model.wv.vectors.astype(float), model.syn1.astype(float)
    rows = [model.wv.key_to_index[word] for word in sentence if word in model.wv]

    def log_p(word, hidden):
        places = range(tree.offsets[word], tree.offsets[word + 1])
        return sum(log_sigmoid((1 - 2 * float(tree.codes[k])) * nodes[tree.points[k]] @ hidden) for k in places)

    total = 0.0
    for i, word in enumerate(rows):
        context = [rows[j] for j in range(len(rows)) if j != i and abs(i - j) <= model.window]
        if model.sg:
            total += sum(log_p(word, vectors[c]) for c in context)
        elif context:
            hidden = vectors[context].sum(axis=0)
            total += log_p(word, hidden / len(context) if model.cbow_mean else hidden)
    return total


@pytest.mark.parametrize("settings", [{"sg": 1}, {"sg": 0}, {"sg": 0, "cbow_mean": 0}, {"sg": 1, "window": 1}])
def test_scores_are_log_probabilities(settings):
    model = Word2Vec(SENTENCES, hs=1, negative=0, **DEFAULTS, **settings)
    long = [word for sentence in SENTENCES for word in sentence][:150]
    sentences = [SENTENCES[0], ["cat"], [], ["who", "dog", "says", "what"], long, ["cat", "cat"]]
    scores = model.score(sentences)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [by_hand(model, sentence) for sentence in sentences], rtol=1e-4)
    assert scores[1] == scores[2] == 0


def test_scores_tell_what_was_learnt():
    model = Word2Vec(SENTENCES, hs=1, negative=0, **DEFAULTS)
    known, strange = model.score([["cat", "says", "meow"], ["woof", "meow", "says"]])
    assert known > strange


def test_scores_are_of_so_many_sentences(caplog):
    model = Word2Vec(SENTENCES, hs=1, negative=0, **DEFAULTS)
    assert len(model.score(SENTENCES, total_sentences=7)) == 7
    assert "terminating after 7 sentences" in caplog.text
    caplog.clear()
    assert len(model.score((s for s in SENTENCES), total_sentences=60)) == 60
    assert "terminating" not in caplog.text


def test_scores_need_hierarchical_softmax():
    with pytest.raises(TrainingError, match="hs=1"):
        Word2Vec(SENTENCES, **DEFAULTS).score(SENTENCES)
    with pytest.raises(TrainingError, match="build vocabulary"):
        Word2Vec(hs=1).score(SENTENCES)
    model = Word2Vec(SENTENCES, **DEFAULTS)
    model.hs = 1
    with pytest.raises(TrainingError, match="no syn1"):
        model.score(SENTENCES)


@pytest.mark.parametrize("mean", [0, 1])
def test_predictions_are_a_softmax(mean):
    model = Word2Vec(SENTENCES, cbow_mean=mean, **DEFAULTS)
    found = model.predict_output_word(["cat", "meow", "nobody"], topn=None)
    hidden = model.wv.vectors[[model.wv.key_to_index[w] for w in ("cat", "meow")]].sum(axis=0) / (2 if mean else 1)
    weights = np.exp(model.syn1neg.astype(float) @ hidden.astype(float))
    shares = dict(zip(model.wv.index_to_key, weights / weights.sum(), strict=True))
    assert [word for word, _ in found] == sorted(shares, key=lambda word: -shares[word])
    np.testing.assert_allclose([p for _, p in found], sorted(shares.values(), reverse=True), rtol=1e-4)
    assert sum(p for _, p in found) == pytest.approx(1)
    assert model.predict_output_word(["cat", "meow"], topn=2) == found[:2]
    assert model.predict_output_word(["cat", "meow"], topn=0) == []


def test_predictions_take_rows_for_words_and_overflow_nothing():
    model = Word2Vec(SENTENCES, **DEFAULTS)
    rows = [model.wv.key_to_index[word] for word in ("cat", "meow")]
    assert model.predict_output_word(rows) == model.predict_output_word(["cat", "meow"])
    model.wv.vectors = model.wv.vectors * 1e5
    assert all(np.isfinite(p) for _, p in model.predict_output_word(["cat", "meow"]))


def test_predictions_of_nothing_are_none(caplog):
    model = Word2Vec(SENTENCES, **DEFAULTS)
    assert model.predict_output_word(["some", "strange", "words"]) is None
    assert "out-of-vocabulary" in caplog.text
    with pytest.raises(RuntimeError, match="negative"):
        Word2Vec(SENTENCES, hs=1, negative=0, **DEFAULTS).predict_output_word(["cat"])
