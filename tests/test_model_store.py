"""Models in files: all of one travels, and it goes on as if it had never been away; gensim's own files as well."""

from __future__ import annotations

import json

import numpy as np
import pytest

from w2v import KeyedVectors, Word2Vec
from w2v.config import TrainConfig
from w2v.corpus import encode
from w2v.errors import FormatError, NotAModelError
from w2v.formats import native
from w2v.train import train as run_epochs

SENTENCES = [["cat", "says", "meow"], ["dog", "says", "woof"], ["cat", "meow", "dog", "woof"]] * 20
DEFAULTS = {"vector_size": 6, "min_count": 1, "sample": 0}


def assert_same(one: Word2Vec, other: Word2Vec) -> None:
    assert one.wv.index_to_key == other.wv.index_to_key
    np.testing.assert_array_equal(one.wv.vectors, other.wv.vectors)
    for name in ("syn1", "syn1neg", "cum_table"):
        np.testing.assert_array_equal(getattr(one, name, None), getattr(other, name, None))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"sg": 1, "hs": 1},
        {"hs": 1, "negative": 0, "cbow_mean": 0, "seed": 5, "window": 2, "shrink_windows": False},
        {"sorted_vocab": 0, "null_word": 1, "comment": {"about": "animals"}, "cbow_gradient": "divided", "workers": 2},
        {"max_final_vocab": 5, "ns_exponent": -1, "saturation": "skip", "noise_group": 1, "batch_words": 50},
    ],
)
@pytest.mark.parametrize("mmap", [None, "r"])
def test_everything_travels(tmp_path, settings, mmap):
    model = Word2Vec(SENTENCES, compute_loss=True, **{**DEFAULTS, **settings})
    model.wv.vectors_lockf = np.linspace(0, 1, len(model.wv), dtype=np.float32)
    model.wv.set_vecattr(model.wv.index_to_key[0], "kind", 3)
    model.save(tmp_path / "model")
    other = Word2Vec.load(tmp_path / "model", mmap=mmap)
    assert_same(model, other)
    for name, value in vars(model).items():
        if not name.startswith("_") and name not in ("wv", "random", "lifecycle_events"):
            assert getattr(other, name) == value, name
    events = [event["event"] for event in other.lifecycle_events]
    assert events == [*(event["event"] for event in model.lifecycle_events), "loaded"]
    np.testing.assert_array_equal(other.wv.vectors_lockf, model.wv.vectors_lockf)
    np.testing.assert_array_equal(other.wv.expandos["kind"], model.wv.expandos["kind"])
    for one in (model, other):
        one.build_vocab([["cat", "eats", "fish"]], update=True)
        one.train([["cat", "eats", "fish"]] * 5, total_examples=5, epochs=3)
    assert_same(model, other)


def test_a_model_that_is_not_trained_travels_too(tmp_path):
    empty, counted = Word2Vec(**DEFAULTS), Word2Vec(**DEFAULTS)
    counted.scan_vocab(SENTENCES)
    for model in (empty, counted):
        model.save(tmp_path / "model")
        other = Word2Vec.load(tmp_path / "model")
        assert other.raw_vocab == model.raw_vocab
        assert len(other.wv) == 0
    other.prepare_vocab()
    other.prepare_weights()
    assert len(other.wv) == 5


def test_words_that_are_numbers_travel(tmp_path):
    sentences = [[7, 8, 9], [9, 8]] * 10
    model = Word2Vec(sentences, hs=1, **DEFAULTS)
    model.save(tmp_path / "model")
    other = Word2Vec.load(tmp_path / "model")
    assert other.wv.index_to_key == model.wv.index_to_key == [8, 9, 7]
    assert other.train(sentences, total_examples=20, epochs=1) == (50, 50)


def test_a_hash_function_does_not_travel_and_is_missed(tmp_path, caplog):
    def number(text):
        return len(text)

    Word2Vec(SENTENCES, hashfxn=number, **DEFAULTS).save(tmp_path / "model")
    other = Word2Vec.load(tmp_path / "model")
    assert "number" in caplog.text
    assert other.hashfxn is hash


def test_files_of_vectors_are_no_models(tmp_path):
    model = Word2Vec(SENTENCES, **DEFAULTS)
    model.wv.save(tmp_path / "native")
    model.wv.save_word2vec_format(tmp_path / "vectors.txt")
    for name in ("native", "vectors.txt"):
        with pytest.raises(AttributeError, match="vectors only") as caught:
            Word2Vec.load(tmp_path / name)
        assert isinstance(caught.value, NotAModelError)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(KeyedVectors.load(tmp_path / "model").vectors, model.wv.vectors)


def test_nothing_is_written_over_by_a_failure(tmp_path, monkeypatch):
    model = Word2Vec(SENTENCES, **DEFAULTS)
    path = tmp_path / "model"
    model.save(path)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError):
        model.save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        {"window": "wide"},
        {"vector_size": 7},
        {"vector_size": None},
        {"saturation": "sure"},
        {"lock": "all"},
        {"numbers": None, "lock": {"a": 1}},
        {"raw_vocab": {"words": ["a"], "counts": []}},
        {"raw_vocab": 5},
        {"lifecycle_events": 5},
        {"train_count": "x"},
    ],
)
def test_damaged_records_are_named(tmp_path, damage):
    model = Word2Vec(SENTENCES, **DEFAULTS)
    model.save(tmp_path / "model")
    whole = native.load_model(tmp_path / "model")
    record = json.loads(json.dumps(whole.record))
    record["word2vec"] |= damage
    native.save_model(tmp_path / "bad", whole.kv, w_out=whole.w_out, config=whole.config, record=record)
    with pytest.raises(FormatError, match="damaged"):
        Word2Vec.load(tmp_path / "bad")


def test_models_of_the_command_line_are_trained_further(tmp_path):
    """As `w2v train` writes them: configuration and matrices, but no record of ours."""
    config = TrainConfig(sg=True, hs=True, min_count=1, vector_size=6, sample=0.0, threads=2)
    vocab, corpus = encode(SENTENCES, min_count=1)
    weights = run_epochs(corpus, vocab.counts, config).weights
    kv = KeyedVectors.from_arrays(vocab.words, weights.vectors, counts=vocab.counts)
    out, node = weights.w_out[:, :6], weights.w_node[: len(vocab) - 1, :6]
    record = {"raw_words": 200, "seconds": 1.5}
    native.save_model(tmp_path / "model", kv, w_out=out, w_node=node, config=config, record=record)
    model = Word2Vec.load(tmp_path / "model")
    assert (model.sg, model.hs, model.negative, model.alpha, model.workers) == (1, 1, 5, 0.025, 2)
    assert (model.corpus_total_words, model.train_count) == (200, 1)
    np.testing.assert_array_equal(model.syn1[:-1], node)
    assert model.train(SENTENCES, total_words=200, epochs=1) == (200, 200)


# ---- gensim's files


@pytest.fixture
def gensim():
    return pytest.importorskip("gensim.models.word2vec")


@pytest.mark.parametrize("settings", [{"sg": 1}, {"hs": 1, "negative": 0}, {"sg": 1, "hs": 1, "negative": 3}])
def test_gensims_models_are_trained_further(tmp_path, gensim, settings):
    theirs = gensim.Word2Vec(
        SENTENCES, vector_size=6, min_count=1, sample=0, epochs=20, window=3, alpha=0.05, workers=1, **settings
    )
    theirs.save(str(tmp_path / "their.model"))
    model = Word2Vec.load(tmp_path / "their.model")
    assert model.wv.index_to_key == theirs.wv.index_to_key
    np.testing.assert_array_equal(model.wv.vectors, theirs.wv.vectors)
    names = ["sg", "hs", "negative", "window", "alpha", "min_alpha", "epochs", "min_count", "sample", "seed", "workers"]
    for name in [*names, "corpus_count", "corpus_total_words", "train_count", "ns_exponent", "cbow_mean"]:
        assert getattr(model, name) == getattr(theirs, name), name
    if model.negative:
        np.testing.assert_array_equal(model.syn1neg, theirs.syn1neg)
        np.testing.assert_array_equal(model.cum_table, theirs.cum_table)
        ours, other = model.predict_output_word(["cat", "meow"]), theirs.predict_output_word(["cat", "meow"])
        assert [word for word, _ in ours] == [word for word, _ in other]
        np.testing.assert_allclose([p for _, p in ours], [p for _, p in other], rtol=1e-4)
    vectors = model.wv.vectors.copy()
    model.build_vocab([["fish", "cat"]], update=True)
    np.testing.assert_array_equal(model.wv.vectors[:5], vectors)
    assert model.train(SENTENCES, total_examples=60, epochs=2) == (400, 400)
    model.save(tmp_path / "ours")
    assert_same(Word2Vec.load(tmp_path / "ours"), model)


@pytest.mark.parametrize("sg", [0, 1])
def test_scores_are_gensims(tmp_path, gensim, sg):
    """The same probability of each sentence, though the trees are numbered otherwise; counts without ties, so that the
    trees are of one shape. gensim's are up to 3% lower: its table of logarithms has 83 steps per unit, not 83.33 (as
    that of word2vec.c), and is read to the left.
    """
    rng = np.random.default_rng(1)
    words = [word for i, word in enumerate("abcdefghijkl") for _ in range(int(40 * 1.7**i))]
    sentences = rng.permutation(words)[: len(words) // 8 * 8].reshape(-1, 8).tolist()
    theirs = gensim.Word2Vec(sentences, sg=sg, hs=1, negative=0, vector_size=6, min_count=1, sample=0, workers=1, epochs=1)
    theirs.save(str(tmp_path / "their.model"))
    model = Word2Vec.load(tmp_path / "their.model")
    some = [*sentences[:50], ["a", "unknown", "b"]]
    ours, gensims = model.score(some), theirs.score(some, total_sentences=len(some))
    np.testing.assert_allclose(ours, gensims, rtol=0.03)
    assert np.corrcoef(ours, gensims)[0, 1] > 0.9999


def test_other_models_of_gensim_are_refused(tmp_path, gensim):
    from gensim.models import FastText

    FastText(SENTENCES, vector_size=6, min_count=1, bucket=10).save(str(tmp_path / "fast"))
    gensim.Word2Vec(SENTENCES, vector_size=6, min_count=1).wv.save(str(tmp_path / "vectors.kv"))
    with pytest.raises(NotAModelError, match="FastText"):
        Word2Vec.load(tmp_path / "fast")
    with pytest.raises(NotAModelError, match="vectors only"):
        Word2Vec.load(tmp_path / "vectors.kv")
