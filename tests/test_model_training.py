"""Word2Vec.train: what is read, what is trained, at which rate, with which loss; gensim's defects that are not here."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import w2v.model.training as training
from w2v import CallbackAny2Vec, Word2Vec
from w2v.config import DEFAULT_NOISE_GROUP, TrainConfig
from w2v.corpus import encode
from w2v.errors import ConfigError, CorpusError, TrainingError
from w2v.model.training import _Line, _line
from w2v.train import train as run_epochs

SENTENCES = [["cat", "says", "meow"], ["dog", "says", "woof"], ["cat", "meow", "dog", "woof"]] * 20
WORDS = 200
DEFAULTS = {"vector_size": 16, "min_count": 1, "sample": 0}


def big_corpus(words: int = 400_000, types: int = 500, seed: int = 1) -> list[list[str]]:
    """Sentences of 20 words each, enough for several workers."""
    draws = np.random.default_rng(seed).zipf(1.3, words) % types
    names = np.array([f"w{i}" for i in range(types)])
    return names[draws].reshape(-1, 20).tolist()


@pytest.fixture(scope="module")
def big():
    return big_corpus()


def built(sentences=SENTENCES, **settings) -> Word2Vec:
    model = Word2Vec(**{**DEFAULTS, **settings})
    model.build_vocab(sentences)
    return model


@pytest.fixture
def plans(monkeypatch):
    """The configurations that the engine is given."""
    seen = []

    def spy(corpus, counts, config, **rest):
        seen.append(config)
        return run_epochs(corpus, counts, config, **rest)

    monkeypatch.setattr(training, "run_epochs", spy)
    return seen


def same(one: Word2Vec, other: Word2Vec) -> bool:
    return all(
        np.array_equal(getattr(one, name, None), getattr(other, name, None)) for name in ("syn1", "syn1neg")
    ) and np.array_equal(one.wv.vectors, other.wv.vectors)


# ---- one reading


class Counted:
    """Sentences that know how often they were read."""

    def __init__(self, sentences):
        self.sentences, self.readings = sentences, 0

    def __iter__(self):
        self.readings += 1
        return iter(self.sentences)


def test_the_corpus_is_read_once_however_many_epochs():
    corpus = Counted(SENTENCES)
    Word2Vec(corpus, epochs=7, **DEFAULTS)
    assert corpus.readings == 1
    model = built()
    model.train(corpus, total_examples=60, epochs=7)
    assert corpus.readings == 2


def test_a_generator_will_do():
    made = Word2Vec((sentence for sentence in SENTENCES), **DEFAULTS)
    assert same(made, Word2Vec(SENTENCES, **DEFAULTS))
    model = built()
    assert model.train((s for s in SENTENCES), total_examples=60, epochs=3) == (3 * WORDS, 3 * WORDS)


def test_a_generator_that_is_used_up_is_told():
    generator = (sentence for sentence in SENTENCES)
    model = Word2Vec(**DEFAULTS)
    model.build_vocab(generator)
    with pytest.raises(CorpusError, match="no words"):
        model.train(generator, total_examples=60, epochs=3)


@pytest.mark.parametrize(
    "settings",
    [
        {"sg": 1, "min_count": 3},
        {"sg": 0, "hs": 1, "negative": 0, "min_count": 3, "max_final_vocab": 200},
        {"sg": 1, "hs": 1, "sorted_vocab": 0},
        {"null_word": 1, "min_count": 3},
        {"max_vocab_size": 300},
        {"sample": 1e-3, "batch_words": 777},
        {"trim_rule": lambda word, count, least: 1 if word.endswith("7") else 0},
    ],
)
def test_one_step_is_as_good_as_two(settings):
    """The ids that __init__ hands over are those that train() would have read."""
    sentences = big_corpus(30_000)
    rule = settings.pop("trim_rule", None)
    made = Word2Vec(sentences, trim_rule=rule, epochs=2, **{**DEFAULTS, **settings})
    model = Word2Vec(**{**DEFAULTS, **settings})
    model.build_vocab(sentences, trim_rule=rule)
    model.train(sentences, total_examples=model.corpus_count, epochs=2)
    assert model.wv.index_to_key == made.wv.index_to_key
    assert same(made, model)


def test_the_vectors_are_those_of_the_engine():
    """The same vocabulary, seed and chunks give what `w2v train` gives."""
    sentences = big_corpus(30_000)
    model = Word2Vec(sentences, sg=1, window=3, vector_size=24, min_count=3, epochs=2, seed=11, noise_group=3)
    config = TrainConfig(sg=True, window=3, vector_size=24, min_count=3, epochs=2, seed=11, noise_group=3)
    vocab, corpus = encode(sentences, min_count=3)
    weights = run_epochs(corpus, vocab.counts, config).weights
    assert vocab.words == model.wv.index_to_key
    np.testing.assert_array_equal(weights.vectors, model.wv.vectors)


def test_a_file_is_read_like_its_lines(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(" ".join(sentence) for sentence in SENTENCES) + "\n\n")
    model = Word2Vec(corpus_file=str(path), **DEFAULTS)
    assert (model.corpus_count, model.corpus_total_words) == (60, WORDS)
    assert same(model, Word2Vec(SENTENCES, **DEFAULTS))
    assert same(model, Word2Vec(path, **DEFAULTS))
    assert model.train(corpus_file=path, total_words=WORDS, epochs=2) == (2 * WORDS, 2 * WORDS)


# ---- every word, once


def test_long_sentences_are_trained_to_their_end():
    """gensim drops all beyond 10,000 words of a sentence, and says nothing."""
    sentence = ["word", "other"] * 12_500
    model = Word2Vec([sentence], epochs=1, **DEFAULTS)
    assert model.train([sentence], total_examples=1, epochs=1) == (25_000, 25_000)


def test_a_batch_may_be_of_any_size(plans):
    """gensim: beyond 10,000 words of a batch, too."""
    sentences = big_corpus(50_000)
    model = built(sentences, batch_words=40_000)
    assert model.train(sentences, total_examples=2_500, epochs=1) == (50_000, 50_000)


@pytest.mark.compiled
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_several_workers_train_every_word_of_a_file_once(tmp_path, big, workers):
    """gensim's corpus_file mode gives each worker a range of bytes: some words are trained twice, some never."""
    path = tmp_path / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in big))
    model = Word2Vec(corpus_file=path, workers=workers, epochs=1, **DEFAULTS)
    trained = model.train(corpus_file=path, total_words=model.corpus_total_words, epochs=2)
    assert trained == (800_000, 800_000)


@pytest.mark.compiled
def test_workers_are_threads(plans, big):
    Word2Vec(big, workers=3, epochs=1, **DEFAULTS)
    Word2Vec(SENTENCES, workers=3, epochs=1, **DEFAULTS)
    assert [plan.threads for plan in plans] == [3, 1]


def test_small_corpora_share_no_noise(plans, monkeypatch):
    monkeypatch.setattr(training, "FEW_WORDS", 150)
    for sentences in (SENTENCES[:30], SENTENCES):
        Word2Vec(sentences, epochs=1, **DEFAULTS)
        Word2Vec(sentences, epochs=1, noise_group=2, **DEFAULTS)
    assert [plan.noise_group for plan in plans] == [1, 2, DEFAULT_NOISE_GROUP, 2]


@pytest.mark.compiled
def test_small_corpora_give_equal_vectors_with_several_workers():
    sentences = big_corpus(100_000)
    assert same(*(Word2Vec(sentences, workers=8, **DEFAULTS) for _ in range(2)))


def test_a_later_training_draws_anew(plans):
    """Calls of train() in a loop would otherwise see the same windows and noise every time."""
    model = built()
    for _ in range(3):
        model.train(SENTENCES, total_examples=60, epochs=1)
    assert plans[0].seed == model.seed
    assert len({plan.seed for plan in plans}) == 3


def test_words_that_are_numbers():
    sentences = [[7, 8, 9], [9, 8, 10**20, np.int64(7)]] * 10
    model = Word2Vec(sentences, **DEFAULTS)
    assert set(model.wv.index_to_key) == {7, 8, 9, 10**20}
    assert model.wv.get_vecattr(7, "count") == 20
    assert model.train(sentences, total_examples=20, epochs=1) == (70, 70)
    spelled = Word2Vec([[str(word) for word in sentence] for sentence in sentences], **DEFAULTS)
    assert {str(word) for word in model.wv.index_to_key} == set(spelled.wv.index_to_key)


def test_text_without_a_known_word_is_an_error():
    with pytest.raises(CorpusError, match="none of the 2 words"):
        built().train([["strange", "words"]], total_examples=1, epochs=1)


# ---- learning rate


@pytest.mark.compiled
@pytest.mark.parametrize("workers", [1, 4])
def test_the_rate_falls_to_its_end_with_any_number_of_workers(tmp_path, big, workers):
    """gensim in corpus_file mode: each worker lets the rate fall by its own share only, and jumps at the next epoch."""
    path = tmp_path / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in big))
    model = Word2Vec(corpus_file=path, workers=workers, epochs=3, alpha=0.025, min_alpha=0.001, **DEFAULTS)
    assert model.min_alpha_yet_reached == pytest.approx(0.001)


def test_alphas_given_are_kept(plans):
    model = built()
    model.train(SENTENCES, total_examples=60, epochs=2, start_alpha=0.0, end_alpha=0.0)
    assert (model.alpha, model.min_alpha, plans[-1].alpha, plans[-1].min_alpha) == (0, 0, 0, 0)
    before = model.wv.vectors.copy()
    model.train(SENTENCES, total_examples=60, epochs=2)
    np.testing.assert_array_equal(model.wv.vectors, before)


def test_totals_say_how_much_is_planned(plans, caplog):
    """Half of the plan takes the rate half way down; the second call goes on from there by word_count."""
    model = built(alpha=0.05, min_alpha=0.01)
    with caplog.at_level(logging.WARNING):
        model.train(SENTENCES, total_words=2 * WORDS, epochs=2)
        model.train(SENTENCES, total_examples=120, epochs=2, word_count=2 * WORDS)
    ways = [(plan.alpha, plan.min_alpha) for plan in plans]
    assert ways == [pytest.approx((0.05, 0.03)), pytest.approx((0.03, 0.01))]
    assert "supplied raw word count (400) did not equal expected count (200)" in caplog.text
    assert "supplied example count (120) did not equal expected count (60)" in caplog.text


def test_totals_below_the_truth_are_put_right():
    with encode(SENTENCES, min_count=1)[1] as corpus:
        assert _line(corpus, 5, 30, None, 0) == _Line(0, 1)
        assert _line(corpus, 5, 0, None, 0) == _Line(0, 1)
        assert _line(corpus, 1, 60, None, WORDS) == _Line(0.5, 1)
    assert _Line(0, 1).rates(0.025, 0.0001) == (0.025, 0.0001)


def test_a_rate_above_the_last_is_warned_of(caplog):
    model = built()
    model.train(SENTENCES, total_examples=60, epochs=1)
    model.train(SENTENCES, total_examples=60, epochs=1)
    assert "Effective 'alpha' higher than previous training cycles" in caplog.text


# ---- loss


@pytest.mark.compiled
def test_the_loss_does_not_depend_on_the_workers(big):
    """In gensim each worker overwrites what the others added: of four, about a quarter is left. (Racing workers learn a
    little less from each other, hence the tolerance.)
    """
    losses = {}
    for workers in (1, 4):
        model = Word2Vec(big, workers=workers, sg=1, epochs=1, compute_loss=True, seed=3, **DEFAULTS)
        losses[workers] = model.get_latest_training_loss()
    assert losses[4] == pytest.approx(losses[1], rel=0.1)
    assert losses[1] > 0


def test_the_loss_is_exact_beyond_what_float32_counts(monkeypatch):
    """gensim's stays at 2**27 for ever."""

    def fake(corpus, counts, config, *, on_epoch, weights, **rest):
        from w2v.train import EpochStats, Position, Result

        for epoch in range(config.epochs):
            stats = EpochStats(loss=2.0**27 + 1, pairs=1, words=1)
            on_epoch(epoch, Result(weights, [stats], Position(epoch + 1, 0), True, 0.0))

    monkeypatch.setattr(training, "run_epochs", fake)
    model = built()
    model.train(SENTENCES, total_examples=60, epochs=4, compute_loss=True)
    assert model.get_latest_training_loss() == 4 * (2.0**27 + 1)


def test_the_loss_is_kept_only_if_asked_for():
    model = built()
    model.train(SENTENCES, total_examples=60, epochs=1)
    assert model.get_latest_training_loss() == 0
    model.train(SENTENCES, total_examples=60, epochs=1, compute_loss=True)
    first = model.get_latest_training_loss()
    model.train(SENTENCES, total_examples=60, epochs=1, compute_loss=True)
    assert 0 < model.get_latest_training_loss() < 1.5 * first


# ---- callbacks


class At(CallbackAny2Vec):
    """Does something at the end of one epoch."""

    def __init__(self, what, epoch=0):
        self.what, self.epoch, self.now = what, epoch, -1

    def on_epoch_end(self, model):
        self.now += 1
        if self.now == self.epoch:
            self.what(model)


def test_callbacks_may_change_the_rate(plans):
    model = built(alpha=0.05, min_alpha=0.01)

    def slower(model):
        model.alpha = model.min_alpha = 0.001

    model.train(SENTENCES, total_examples=60, epochs=4, callbacks=[At(slower, 1)])
    assert [(plan.alpha, plan.min_alpha) for plan in plans] == [(0.05, 0.01), (0.001, 0.001)]
    assert model.min_alpha_yet_reached == 0.001


def test_callbacks_may_freeze_rows_and_replace_vectors():
    model, seen = built(), {}

    def freeze(model):
        model.wv.vectors = np.array(model.wv.vectors) * 2
        model.wv.vectors_lockf = np.ones(len(model.wv), np.float32)
        model.wv.vectors_lockf[2] = 0
        seen["row"] = model.wv.vectors[2].copy()

    model.train(SENTENCES, total_examples=60, epochs=3, callbacks=[At(freeze)])
    np.testing.assert_array_equal(model.wv.vectors[2], seen["row"])
    assert (model.wv.vectors[3] != 0).any()


def test_an_unchanged_run_is_not_begun_anew(plans):
    model = built()
    model.train(SENTENCES, total_examples=60, epochs=5, callbacks=[At(lambda model: None)])
    assert len(plans) == 1


def test_callbacks_may_start_the_loss_anew():
    model = built()
    losses = []

    def note(model):
        losses.append(model.get_latest_training_loss())
        model.running_training_loss = 0.0

    callbacks = [At(note, epoch) for epoch in range(3)]
    model.train(SENTENCES, total_examples=60, epochs=3, compute_loss=True, callbacks=callbacks)
    assert 0 < max(losses) < 1.5 * min(losses)


def test_callbacks_see_fresh_norms():
    model = built()
    model.wv.most_similar("cat")
    norms = []
    model.train(SENTENCES, total_examples=60, epochs=1, callbacks=[At(lambda m: norms.append(m.wv.most_similar("cat")))])
    assert model.wv.most_similar("cat") == norms[0]


def test_an_exception_of_a_callback_ends_the_training_cleanly():
    model = built()

    def stop(model):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.train(SENTENCES, total_examples=60, epochs=50, callbacks=[At(stop, 2)])
    assert model.wv.norms is None
    assert model.train(SENTENCES, total_examples=60, epochs=1) == (WORDS, WORDS)


# ---- frozen rows, replaced matrices, extremes


@pytest.mark.parametrize("settings", [{"sg": 0}, {"sg": 1}, {"sg": 0, "hs": 1, "negative": 0}, {"sg": 1, "hs": 1}])
def test_frozen_rows_stay(settings):
    model = built(**settings)
    first = model.wv.vectors.copy()
    model.wv.vectors_lockf = np.array([0, 1, 0.5, 1, 0], np.float32)
    model.train(SENTENCES, total_examples=60, epochs=2)
    moved = (model.wv.vectors != first).any(axis=1)
    assert moved.tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("lockf", [0.0, np.zeros(1, np.float32), [0.0, 0.0]])
def test_a_scalar_freezes_all_rows(lockf):
    model = built()
    first = model.wv.vectors.copy()
    model.wv.vectors_lockf = lockf
    model.train(SENTENCES, total_examples=60, epochs=2)
    np.testing.assert_array_equal(model.wv.vectors, first)
    assert (model.syn1neg != 0).any()


def test_lock_factors_that_do_not_fit_are_refused():
    model = built()
    model.wv.vectors_lockf = np.ones(6)
    with pytest.raises(ConfigError, match="vectors_lockf"):
        model.train(SENTENCES, total_examples=60, epochs=1)


def test_pretrained_vectors_can_be_frozen(tmp_path):
    """gensim raises an IndexError from intersect_word2vec_format, unless vectors_lockf was enlarged before."""
    model = Word2Vec(SENTENCES, **DEFAULTS)
    model.wv.save_word2vec_format(tmp_path / "vectors.bin", binary=True)
    other = built([*SENTENCES, ["new", "words"]])
    other.wv.intersect_word2vec_format(tmp_path / "vectors.bin", lockf=0.0, binary=True)
    other.train(SENTENCES, total_examples=60, epochs=2)
    for word in model.wv.index_to_key:
        np.testing.assert_array_equal(other.wv[word], model.wv[word])


def test_matrices_that_users_put_in_place_are_trained_on():
    model = built(vector_size=5)
    model.wv.vectors = np.full((5, 5), 0.25)
    model.syn1neg = np.zeros((5, 5))
    model.train(SENTENCES, total_examples=60, epochs=1, start_alpha=0.01, end_alpha=0.01)
    np.testing.assert_allclose(model.wv.vectors, 0.25, atol=0.15)
    assert (model.syn1neg != 0).all()
    assert (model.wv.vectors != 0.25).any()


def test_words_added_behind_the_models_back_are_noticed():
    model = built()
    model.wv.add_vectors(["new"], np.zeros((1, 16), np.float32))
    with pytest.raises(TrainingError, match="syn1neg"):
        model.train(SENTENCES, total_examples=60, epochs=1)


def test_words_in_another_order_are_noticed():
    """gensim goes on with the output rows of other words."""
    model = built(sorted_vocab=0)
    model.wv.sort_by_descending_frequency()
    with pytest.raises(TrainingError, match="another order"):
        model.train(SENTENCES, total_examples=60, epochs=1)


@pytest.mark.parametrize("hs", [0, 1])
@pytest.mark.parametrize("words", [["one"], ["one", "two"]])
def test_vocabularies_of_one_and_two_words(hs, words):
    model = Word2Vec([words * 5] * 5, hs=hs, negative=0 if hs else 5, **DEFAULTS)
    assert np.isfinite(model.wv.vectors).all()
    assert len(model.wv) == len(words)


def test_numbers_that_run_away_are_an_error():
    model = built(cbow_mean=0, saturation="none")
    model.wv.vectors[:] = np.float32(1e25)
    model.syn1neg[:] = np.float32(1e25)
    with pytest.raises(TrainingError, match=r"diverged|finite"):
        model.train(SENTENCES, total_examples=60, epochs=1)


def test_the_cbow_gradient_is_a_choice():
    """gensim hands the whole error to every context word; the divided one is the gradient of the mean (kōan)."""
    shared, divided = (
        Word2Vec(SENTENCES, alpha=0.025, cbow_gradient=kind, epochs=1, **DEFAULTS) for kind in ("shared", "divided")
    )
    start = built().wv.vectors
    moved = [np.linalg.norm(model.wv.vectors - start) for model in (shared, divided)]
    assert 1.5 < moved[0] / moved[1] < 4


@pytest.mark.compiled
def test_progress_is_logged(big, caplog):
    caplog.set_level(logging.INFO, "w2v.model")
    model = built(big)
    model.train(big, total_examples=len(big), epochs=2, report_delay=0.0)
    assert " - PROGRESS: at " in caplog.text
    assert "EPOCH 1: training on 400000 raw words (400000 effective words)" in caplog.text


def test_a_gpu_is_asked_for_where_it_is_worth_its_start(monkeypatch):
    asked = []

    def spy(corpus, counts, config, *, device, **rest):
        asked.append(device)
        return run_epochs(corpus, counts, config, device="cpu", **rest)

    monkeypatch.setattr(training, "run_epochs", spy)
    monkeypatch.setattr("w2v.device.choose", lambda wanted, **rest: wanted)
    monkeypatch.setattr(training, "FEW_WORDS", 150)
    for sentences in (SENTENCES[:30], SENTENCES):
        for device in ("auto", "cpu", "cuda"):
            Word2Vec(sentences, epochs=1, device=device, **DEFAULTS)
    assert asked == ["cpu", "cpu", "cuda", "auto", "cpu", "cuda"]
