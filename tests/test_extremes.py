"""Training at the edges of every parameter: it ends with finite vectors or says that it has diverged, and never crashes.

W2V_EXTREME_EXAMPLES sets how many runs are drawn; the default suits CI, `-m slow` draws 2,000.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import ListCorpus, matrices

from w2v.config import CbowGradient, Saturation, TrainConfig
from w2v.errors import TrainingError
from w2v.train import train
from w2v.weights import Weights

EXAMPLES = int(os.environ.get("W2V_EXTREME_EXAMPLES", "40"))
MOST_WORK = 3e8  # multiplications of a run, about a tenth of a second

SENTENCES = {  # of so many words, each as a function of the number of words there are and a generator
    "one token each": lambda v, rng: [rng.integers(0, v, 1) for _ in range(30)],
    "one word again and again": lambda v, rng: [np.zeros(n, int) for n in (1, 2, 33, 200)],
    "two words in turn": lambda v, rng: [np.arange(120) % min(v, 2)],
    "a long one": lambda v, rng: [rng.integers(0, v, 1500)],
    "short ones": lambda v, rng: [rng.integers(0, v, n) for n in rng.integers(1, 9, 40)],
    "frequent words and rare ones": lambda v, rng: [np.minimum(rng.zipf(1.3, 30), v) - 1 for _ in range(10)],
}

configs = st.builds(
    TrainConfig,
    vector_size=st.sampled_from([1, 2, 15, 16, 17, 100, 300, 4096]),
    window=st.sampled_from([1, 2, 5, 14, 15, 16, 100, 1000, 10**9]),
    sg=st.booleans(),
    hs=st.just(True),
    negative=st.sampled_from([0, 1, 2, 5, 8, 9, 20]),
    ns_exponent=st.sampled_from([-1.0, 0.0, 0.75, 1.0]),
    sample=st.sampled_from([0, 1e-9, 1e-3, 0.9, 1, 1000]),
    alpha=st.sampled_from([None, 0, 1e-6, 0.05, 1, 1e4, 1e20, 1e30, 3.4e38]),
    min_alpha=st.sampled_from([0, 0.0001]),
    epochs=st.sampled_from([1, 2]),
    shrink_windows=st.booleans(),
    cbow_mean=st.booleans(),
    cbow_gradient=st.sampled_from(CbowGradient),
    saturation=st.sampled_from(Saturation),
    noise_group=st.integers(1, 12),
    seed=st.sampled_from([0, 1, 2**64]),
    threads=st.sampled_from([1, 3]),
)


@st.composite
def problems(draw):
    """A configuration, a corpus of three chunks that is not too much work for it, counts, and perhaps locks."""
    config = draw(configs)
    config = config.replace(hs=config.negative == 0 or draw(st.booleans()))
    words, seed = draw(st.sampled_from([1, 2, 3, 50])), draw(st.integers(0, 2**32))
    rng = np.random.default_rng(seed)
    chunks = [SENTENCES[draw(st.sampled_from(sorted(SENTENCES)))](words, rng) for _ in range(3)]
    longest = max(len(s) for chunk in chunks for s in chunk)
    tokens = sum(len(s) for chunk in chunks for s in chunk)
    per_word = min(2 * config.window, longest) * (config.negative + 6) * config.vector_size * config.epochs
    if per_word * tokens > MOST_WORK:
        config = config.replace(vector_size=draw(st.sampled_from([1, 4, 17])))
    corpus = ListCorpus([np.concatenate([np.append(s, -1) for s in chunk]) for chunk in chunks])
    seen = np.concatenate([np.concatenate(chunk) for chunk in chunks])
    counts = np.maximum(np.bincount(seen, minlength=words), 1).astype(np.int64)
    lock = rng.choice(np.array([0, 0.5, 1], np.float32), words) if draw(st.booleans()) else None
    return config, corpus, counts, lock


def is_calm(config, words):
    """Whether nothing may diverge: usual learning rates, and no sum of very many contexts that all move by the whole error.

    Nor a step that moves a row very many times: with three words or fewer, one stands in a wide window again and again.
    Skip-gram of one number a word has diverged with two words in turn, window 14 and the default rate.
    """
    sum_of_many = not config.sg and not config.cbow_mean and config.window > 5
    many_moves = words <= 3 and config.window > 5
    return config.start_alpha <= 0.12 and not sum_of_many and not many_moves


def check_run(config, corpus, counts, lock):
    before, weights = Weights.create(len(counts), config), Weights.create(len(counts), config)
    try:
        result = train(corpus, counts, config, weights=weights, lock=lock)
    except TrainingError as error:
        if is_calm(config, len(counts)) or "smaller --alpha" not in str(error.hint):
            raise
        return
    assert result.finished
    assert all(np.isfinite(epoch.loss) and epoch.pairs >= 0 for epoch in result.epochs)
    for old, new in zip(matrices(before), matrices(weights), strict=True):
        assert np.isfinite(new).all()
        assert not new[:, config.vector_size :].any()
        if config.start_alpha == 0 and config.min_alpha == 0:
            np.testing.assert_array_equal(new, old)
    if lock is not None:
        np.testing.assert_array_equal(weights.w_in[lock == 0], before.w_in[lock == 0])


@settings(max_examples=EXAMPLES)
@given(problems())
def test_vectors_stay_finite_or_it_is_said(problem):
    check_run(*problem)


@pytest.mark.slow
@settings(max_examples=2000)
@given(problems())
def test_vectors_stay_finite_or_it_is_said_at_length(problem):
    check_run(*problem)


@pytest.mark.parametrize("sg", [True, False])
def test_the_last_step_of_a_run_is_looked_at(sg):
    """Sentence "a b" once: a row becomes infinite, though all losses were computed before and are finite."""
    config = TrainConfig(vector_size=4, sg=sg, negative=1, alpha=3e38, epochs=1, window=1, noise_group=2, sample=0)
    weights = Weights.create(2, config)
    weights.w_in[:, :4] = 0
    weights.w_out[:, :4] = 1e10
    with pytest.raises(TrainingError, match="weights are not finite any more"):
        train(ListCorpus([[0, 1, -1]]), np.array([1, 1]), config, weights=weights)


def test_every_matrix_is_looked_at():
    weights = Weights.create(3, TrainConfig(vector_size=4))
    assert weights.finite()
    for matrix in (weights.w_in, weights.w_out):
        for value in (np.nan, np.inf, -np.inf):
            matrix[2, 3] = value
            assert not weights.finite()
            matrix[2, 3] = 0
