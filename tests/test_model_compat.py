"""Word2Vec's face: the names, defaults, attributes and errors that gensim's users rely on."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

from w2v import CallbackAny2Vec, KeyedVectors, Word2Vec
from w2v.errors import ConfigError, CorpusError, TrainingError

SENTENCES = [["cat", "says", "meow"], ["dog", "says", "woof"], ["cat", "meow", "dog", "woof"]] * 20

# Where the default differs from gensim's, and why.
OTHER_DEFAULT = {("__init__", "alpha")}  # None: .025 as there, but .12 for CBOW with the divided gradient
# Arguments of gensim's that are not there.
WITHOUT = {("train", "kwargs"), ("load", "args"), ("load", "kwargs"), ("save", "args"), ("save", "kwargs")}
PUBLIC = [
    "__init__", "add_lifecycle_event", "add_null_word", "build_vocab", "build_vocab_from_freq", "create_binary_tree",
    "estimate_memory", "get_latest_training_loss", "init_sims", "init_weights", "load", "make_cum_table",
    "predict_output_word", "prepare_vocab", "prepare_weights", "reset_from", "save", "scan_vocab", "score", "seeded_vector",
    "train", "update_weights",
]  # fmt: skip
ATTRIBUTES = [
    "alpha", "batch_words", "cbow_mean", "comment", "compute_loss", "corpus_count", "corpus_total_words", "cum_table",
    "effective_min_count", "epochs", "hashfxn", "hs", "layer1_size", "lifecycle_events", "max_final_vocab",
    "max_vocab_size", "min_alpha", "min_alpha_yet_reached", "min_count", "negative", "ns_exponent", "null_word", "random",
    "raw_vocab", "running_training_loss", "sample", "seed", "sg", "shrink_windows", "sorted_vocab", "syn1", "syn1neg",
    "total_train_time", "train_count", "vector_size", "window", "workers", "wv",
]  # fmt: skip


@pytest.fixture
def model():
    return Word2Vec(SENTENCES, vector_size=16, min_count=1, sample=0)


@pytest.mark.parametrize("name", PUBLIC)
def test_methods_take_what_gensims_take(name):
    theirs = pytest.importorskip("gensim.models.word2vec").Word2Vec
    given = inspect.signature(getattr(Word2Vec, name)).parameters
    positions = list(given)
    at = 0
    for argument, parameter in inspect.signature(getattr(theirs, name)).parameters.items():
        if (name, argument) in WITHOUT:
            continue
        assert argument in given
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            assert positions[at] == argument, "another order"
            at += 1
        if (name, argument) not in OTHER_DEFAULT:
            assert given[argument].default == parameter.default


def test_attributes_are_there():
    model = Word2Vec(SENTENCES, vector_size=16, min_count=1, sample=0, hs=1)
    assert [name for name in ATTRIBUTES if not hasattr(model, name)] == []
    assert (model.alpha, model.layer1_size, model.corpus_count, model.corpus_total_words) == (0.025, 16, 60, 200)
    assert model.raw_vocab == {}
    assert model.cum_table.shape == (5,)
    assert model.cum_table[-1] == 2**31 - 1
    assert model.syn1.shape == model.syn1neg.shape == model.wv.vectors.shape == (5, 16)
    assert {event["event"] for event in model.lifecycle_events} == {"build_vocab", "prepare_vocab", "train", "created"}


def test_output_layers_that_are_not_in_use_are_not_there(model):
    assert not hasattr(model, "syn1")
    assert not hasattr(Word2Vec(), "syn1neg")
    del model.syn1neg
    assert not hasattr(model, "syn1neg")


def test_the_noise_table_is_the_one_gensim_makes(model):
    shares = model.wv.expandos["count"] ** 0.75
    expected = np.round(np.cumsum(shares) / shares.sum() * (2**31 - 1))
    np.testing.assert_allclose(model.cum_table.astype(float), expected, atol=1)
    model.make_cum_table(domain=1000)
    assert model.cum_table[-1] == 1000


def test_str_is_gensims(model):
    assert str(model) == "Word2Vec<vocab=5, vector_size=16, alpha=0.025>"


def test_the_divided_gradient_brings_its_own_learning_rate():
    assert Word2Vec(cbow_gradient="divided").alpha == 0.12
    assert Word2Vec(cbow_gradient="divided", sg=1).alpha == 0.025
    assert Word2Vec(cbow_gradient="divided", alpha=0.05).alpha == 0.05


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"cbow_gradient": "whole"}, ConfigError),
        ({"saturation": "some"}, ConfigError),
        ({"device": "tpu"}, ConfigError),
        ({"sentences": SENTENCES, "device": "cuda", "deterministic": True}, ConfigError),
        ({"sentences": SENTENCES, "workers": 0}, ConfigError),
        ({"sentences": SENTENCES, "window": 0}, ConfigError),
        ({"sentences": SENTENCES, "vector_size": 0}, ConfigError),
        ({"sentences": SENTENCES, "epochs": 0}, ValueError),
        ({"sentences": SENTENCES, "hs": 0, "negative": 0}, ValueError),
        ({"sentences": SENTENCES, "seed": -1}, ValueError),
        ({"sentences": []}, RuntimeError),
        ({"sentences": [[]]}, RuntimeError),
        ({"sentences": SENTENCES, "min_count": 1000}, RuntimeError),
        ({"sentences": 5}, TypeError),
        ({"sentences": [None]}, TypeError),
        ({"sentences": [(word for word in "abc")]}, TypeError),
        ({"sentences": [[b"cat"]]}, CorpusError),
        ({"sentences": SENTENCES, "corpus_file": "x"}, TypeError),
        ({"corpus_file": "no/such/file"}, CorpusError),
        ({"sentences": [[1.5]]}, CorpusError),
        ({"sentences": iter(SENTENCES), "max_vocab_size": 10}, TypeError),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, error):
    with pytest.raises(error):
        Word2Vec(**{"min_count": 1, **arguments})


def test_what_train_needs_to_know():
    model = Word2Vec(min_count=1)
    with pytest.raises(RuntimeError, match="first build vocabulary"):
        model.train(SENTENCES, total_examples=60, epochs=1)
    model.build_vocab(SENTENCES)
    for missing in ({"total_examples": 60}, {"epochs": 1}, {}, {"total_examples": 60, "epochs": 0}):
        with pytest.raises(ValueError):
            model.train(SENTENCES, **missing)
    with pytest.raises(TypeError):
        model.train(total_examples=60, epochs=1)


def test_vectors_alone_cannot_be_trained_on(model):
    other = Word2Vec(vector_size=16, min_count=1)
    other.wv = KeyedVectors.from_arrays(["cat"], np.ones((1, 16), np.float32))
    with pytest.raises(TrainingError, match="syn1neg"):
        other.train(SENTENCES, total_examples=60, epochs=1)
    with pytest.raises(RuntimeError, match="not found"):
        other.predict_output_word(["cat"])


def test_load_is_for_the_class_only(model):
    with pytest.raises(AttributeError, match="on the class"):
        model.load("anything")
    assert not hasattr(model, "load")


def test_options_without_effect_are_warned_of(model, tmp_path):
    with pytest.warns(UserWarning, match="queue_factor"):
        model.train(SENTENCES, total_examples=60, epochs=1, queue_factor=4)
    with pytest.warns(UserWarning, match="workers"):
        model.scan_vocab(SENTENCES, workers=4)
    with pytest.warns(UserWarning, match="pickle_protocol, separately|separately, pickle_protocol"):
        model.save(tmp_path / "model", separately=["wv"], pickle_protocol=4)
    model.hs = 1
    model.build_vocab(SENTENCES)
    with pytest.warns(UserWarning, match="chunksize"):
        model.score(SENTENCES, chunksize=10)


def test_names_of_earlier_versions(model):
    with pytest.warns(DeprecationWarning, match="seeded_vector"):
        first = model.seeded_vector("cat1", 16)
    with pytest.warns(DeprecationWarning, match="seeded_vector"):
        np.testing.assert_array_equal(first, model.seeded_vector("cat1", 16))
    assert first.shape == (16,)
    assert abs(first).max() <= 1 / 16
    with pytest.warns(DeprecationWarning, match="init_sims"):
        model.init_sims(replace=True)
    np.testing.assert_allclose(np.linalg.norm(model.wv.vectors, axis=1), 1, rtol=1e-5)


def test_copies_and_pickles_are_whole_models(model):
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.wv.vectors, model.wv.vectors)
        before = model.wv.vectors.copy()
        other.train(SENTENCES, total_examples=60, epochs=1)
        assert (other.wv.vectors != before).any()
        np.testing.assert_array_equal(model.wv.vectors, before)


def test_the_hash_function_starts_words_wherever_they_are():
    def number(text: str) -> int:
        return sum(ord(letter) * 31**i for i, letter in enumerate(text))

    models = [Word2Vec(vector_size=32, min_count=1, hashfxn=number, seed=7) for _ in range(2)]
    models[0].build_vocab(SENTENCES)
    models[1].build_vocab([["woof", "cat"], ["other"]])
    rows = models[0].wv.vectors
    for word in ("woof", "cat"):
        np.testing.assert_array_equal(models[0].wv[word], models[1].wv[word])
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert 0.9 / 32 < abs(rows).max() <= 1 / 32
    assert abs(rows.mean()) < 1 / 32 / 5
    by_row = Word2Vec(vector_size=32, min_count=1, seed=7)
    by_row.build_vocab(SENTENCES)
    assert (by_row.wv.vectors != rows).any()
    with pytest.raises(ConfigError, match="hashfxn"):
        Word2Vec(SENTENCES, min_count=1, hashfxn=str.upper)


def test_a_callback_is_told_everything(model):
    heard = []

    class Listener(CallbackAny2Vec):
        def on_train_begin(self, model):
            heard.append(("train begins", model.train_count))

        def on_epoch_begin(self, model):
            heard.append("epoch begins")

        def on_epoch_end(self, model):
            heard.append("epoch ends")

        def on_train_end(self, model):
            heard.append(("train ends", model.train_count))

    model.train(SENTENCES, total_examples=60, epochs=2, callbacks=[Listener()])
    epoch = ["epoch begins", "epoch ends"]
    assert heard == [("train begins", 1), *epoch, *epoch, ("train ends", 2)]
