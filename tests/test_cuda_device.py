"""The GPU path on a GPU: the kernels number by number, then training beside the CPU's."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from w2v import device
from w2v.kernels.cuda import THREADS

FOUND = device.find()
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(isinstance(FOUND, str), reason=f"no GPU: {FOUND}"),
    # by their text: numba-cuda has a class of its own for them
    pytest.mark.filterwarnings("ignore:Grid size .* under-utilization", "ignore:Host array used in CUDA kernel"),
]


@pytest.fixture(scope="module")
def steps():
    """The cases of the simulator's tests; on a GPU the same code launches the compiled kernels."""
    return importlib.import_module("simulated_cuda")


@pytest.mark.parametrize("kernel", ["skipgram_ns", "skipgram_hs", "cbow_ns", "cbow_hs"])
@pytest.mark.parametrize("seed", [1, 2])
def test_steps_beside_naive(steps, kernel, seed):
    case = steps.Case(kernel, size=40, lengths=(20, 1, 7), window=3, group=3, lock=True, sample=True, seed=seed)
    inputs = steps.make_inputs(case)
    steps.assert_same(steps.simulate(case, inputs, threads=THREADS), steps.expect(case, inputs), rtol=1e-4, atol=1e-4)


def test_large_windows_get_their_shared_memory(steps):
    case = steps.Case("skipgram_ns", size=300, lengths=(60,), window=12, group=1)
    inputs = steps.make_inputs(case)
    steps.assert_same(steps.simulate(case, inputs, threads=THREADS), steps.expect(case, inputs), rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def text(austen):
    from w2v.corpus import encode

    vocab, corpus = encode(austen, min_count=20)
    with corpus:
        yield vocab, corpus


def vectors(text, where, seed=1, **settings):
    from w2v.config import TrainConfig
    from w2v.train import train

    vocab, corpus = text
    result = train(corpus, vocab.counts, TrainConfig(min_count=20, seed=seed, **settings), device=where)
    rows = result.weights.vectors
    return result, rows / np.linalg.norm(rows, axis=1, keepdims=True)


def agreement(a, b):
    """Rank correlation of the similarities of some thousand pairs of words in two models."""
    from scipy.stats import spearmanr

    pairs = np.random.default_rng(1).integers(0, min(len(a), 2000), (4000, 2))
    return spearmanr(*((m[pairs[:, 0]] * m[pairs[:, 1]]).sum(1) for m in (a, b))).statistic


@pytest.mark.parametrize("sg", [True, False])
@pytest.mark.parametrize("hs", [True, False])
def test_training_is_as_good_as_the_processors(text, sg, hs):
    settings = {"sg": sg, "hs": hs, "negative": 0 if hs else 5}
    here, first = vectors(text, "cpu", **settings)
    _, second = vectors(text, "cpu", seed=2, **settings)
    there, found = vectors(text, "cuda", seed=3, **settings)
    assert there.epochs[-1].mean_loss == pytest.approx(here.epochs[-1].mean_loss, rel=0.05)
    assert there.epochs[-1].words == pytest.approx(here.epochs[-1].words, rel=0.01)
    assert agreement(first, found) > agreement(first, second) - 0.1


def test_throughput_beside_the_processor_and_the_memory_floor(tmp_path, record_property):
    """Recorded, not judged: what is fast enough depends on the card."""
    from benchmarks import bench_cuda, common

    args = common.parser("").parse_args(["--words", "200000", "--turns", "1", "--out", str(tmp_path)])
    args.epochs, args.eval_dir = 1, None
    with common.text_of(args) as text:
        rows = bench_cuda.measure(text, args)
    assert [row["kernel"] for row in rows] == list(bench_cuda.KERNELS)
    for row in rows:
        assert row["words_per_second"]["cuda"] > 0
        assert row["share_of_floor"] > 0
        for name in ("words_per_second", "share_of_floor", "copy_bandwidth"):
            record_property(f"{row['kernel']}_{name}", row[name])
