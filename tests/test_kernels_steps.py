"""kernels/: every kernel beside naive.py, number by number, over whole chunks."""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from cases import KERNELS, Case, assert_same, call, make_inputs, pad, solve, solve_naively, streams

from w2v.kernels import TICK

# What is varied, each on its own and in random company.
SETTINGS = {
    "size": [1, 7, 16, 100],
    "window": [1, 2, 5],
    "shrink": [True, False],
    "negative": [1, 5, 11, 20],
    "group": [1, 2, 3, 5],
    "mean": [True, False],
    "divide": [True, False],
    "saturation": ["none", "clamp", "skip"],
    "lock": [False, True],
    "sample": [False, True],
    "words": [2, 9, 300],
    "lengths": [(1,), (2,), (1, 1, 4), (7, 1, 12, 3), (30,), (3,) * 70],
    "scale": [0.1, 0.7, 2.0],
    "own": [0, 1, 3, 500],
}
# Settings that a kernel does not look at.
DEAF = {
    "skipgram_ns": {"mean", "divide"},
    "skipgram_hs": {"negative", "mean", "divide"},
    "cbow_ns": set(),
    "cbow_hs": {"negative"},
}


def heard(kernel):
    """The settings that matter to a kernel."""
    return [name for name in SETTINGS if name not in DEAF[kernel]]


def one_by_one():
    """The plain case of each kernel with one setting changed."""
    for kernel in KERNELS:
        for name in heard(kernel):
            for value in SETTINGS[name]:
                yield pytest.param(Case(kernel, **{name: value}), id=f"{kernel}-{name}-{value}")


def at_random(number):
    """Cases with every setting drawn."""
    for kernel in KERNELS:
        for seed in range(number):
            dice = random.Random(seed)
            yield Case(kernel, seed=seed, **{name: dice.choice(SETTINGS[name]) for name in heard(kernel)})


def describe(case):
    changed = {f.name: getattr(case, f.name) for f in dataclasses.fields(Case) if getattr(case, f.name) != f.default}
    return " ".join(str(v) if k == "kernel" else f"{k}-{v}" for k, v in changed.items())


@pytest.mark.parametrize("case", list(one_by_one()))
def test_a_setting_changed(case):
    assert_same(solve(case), solve_naively(case))


@pytest.mark.parametrize("case", list(at_random(40)), ids=describe)
def test_settings_in_company(case):
    """Steep weights magnify rounding from step to step: the smaller rate keeps a chunk of them comparable."""
    case = dataclasses.replace(case, lr=0.02) if case.scale > 1 else case
    assert_same(solve(case), solve_naively(case))


@pytest.mark.parametrize("saturation", ["none", "clamp", "skip"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_logits_far_beyond_the_limit(kernel, saturation):
    case = Case(kernel, size=100, scale=1.5, saturation=saturation, lr=0.01, window=3, group=2)
    inputs = make_inputs(case)
    logits = inputs.w_in @ inputs.w_y.T
    assert (np.abs(logits) > 6).mean() > 0.2
    assert_same(solve(case), solve_naively(case))


@pytest.mark.parametrize("kernel", KERNELS)
def test_saturation_is_told_apart(kernel):
    ends = [solve(Case(kernel, size=100, scale=1.5, saturation=s)).w_y for s in ("none", "clamp", "skip")]
    for one, other in itertools.combinations(ends, 2):
        assert np.abs(one - other).max() > 1e-4


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("group", [1, 3])
def test_one_word_again_and_again(kernel, group):
    """A sentence of one repeated word: its row is in a block several times, as context, centre and noise."""
    case = Case(kernel, words=4, group=group, window=5)
    inputs = make_inputs(case)._replace(tokens=np.array([2] * 9 + [-1], np.int32))
    assert_same(solve(case, inputs), solve_naively(case, inputs))


@pytest.mark.parametrize("group", [1, 2, 3])
@pytest.mark.parametrize("kernel", ["skipgram_ns", "cbow_ns"])
def test_noise_that_is_one_word_many_times(kernel, group):
    case = Case(kernel, negative=11, group=group)
    table = np.array([[0, 8]] * 9, np.uint32)  # every slot gives its alias: word 8
    inputs = make_inputs(case)._replace(table=table)
    assert_same(solve(case, inputs), solve_naively(case, inputs))


@pytest.mark.parametrize("kernel", KERNELS)
def test_copies_give_back_a_share_of_their_changes(kernel):
    """What a thread has made of its copies, of the most frequent words and the nodes nearest the root, counts for a quarter."""
    case = Case(kernel, words=40, lengths=(20, 9))
    inputs, own = make_inputs(case), 7
    ends = []
    for share in (1, 0.25):
        w_in, w_y = pad(inputs.w_in), pad(inputs.w_y)
        call(kernel, inputs, w_in, w_y, case.lr, case.options, streams(1), own, share)
        ends.append((w_in, w_y))
    copied = slice(own), slice(own) if case.noise else slice(-own, None)
    for whole, part, start, rows in zip(*ends, (pad(inputs.w_in), pad(inputs.w_y)), copied, strict=True):
        moved = whole[rows] - start[rows]
        assert np.abs(moved).max() > 0.05
        np.testing.assert_allclose(part[rows] - start[rows], moved / 4, atol=1e-6)
        part[rows] = whole[rows]
        np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("kernel", KERNELS)
def test_copies_merged_many_times_by_one_thread_make_no_difference(kernel):
    """After every TICK centres some are, all others after twice as many: they begin anew from what the matrix has then."""
    case = Case(kernel, words=40, lengths=(TICK + 100, 50, 3 * TICK), lr=0.01)
    inputs, ends = make_inputs(case), []
    for own in (0, 20):
        w_in, w_y = pad(inputs.w_in), pad(inputs.w_y)
        call(kernel, inputs, w_in, w_y, case.lr, case.options, streams(1), own)
        ends.append((w_in, w_y))
    for without, merged, start in zip(*ends, (pad(inputs.w_in), pad(inputs.w_y)), strict=True):
        assert np.abs(without - start).max() > 0.1
        np.testing.assert_allclose(merged, without, atol=2e-3)


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("window", [16, 40, 1000])
@pytest.mark.parametrize("kernel", KERNELS)
def test_windows_wider_than_a_step(kernel, window, group):
    """Skip-gram takes C_MAX contexts at a time; a lock and a word that comes again show whether they are the right ones."""
    case = Case(kernel, lengths=(70, 33, 32, 1, 100), window=window, group=group, lock=True, lr=0.02)
    assert_same(solve(case), solve_naively(case))


@pytest.mark.parametrize("extreme", [{"negative": 70}, {"group": 12, "window": 9}, {"group": 12, "negative": 20}])
@pytest.mark.parametrize("kernel", ["skipgram_ns", "cbow_ns", "cbow_hs"])
def test_more_than_anyone_asks_for(kernel, extreme):
    """More noise words than the pool has, and the largest group that the configuration lets through."""
    case = Case(kernel, lengths=(20, 5), **extreme)
    assert_same(solve(case), solve_naively(case))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_vocabulary_of_one_word(kernel):
    """Nothing can be told apart: the noise is always the word itself, the Huffman path has no node."""
    case = Case(kernel, words=1, lengths=(5, 1))
    found = solve(case)
    assert_same(found, solve_naively(case))
    assert found.totals.pairs > 0


@pytest.mark.parametrize("tokens", [[], [-1], [-1, -1, 3, 4, -1, -1], [3, 4, 5], [3, 4, 5, -1, 6, 7]])
@pytest.mark.parametrize("kernel", KERNELS)
def test_odd_ends_of_sentences(kernel, tokens):
    """No token at all, sentences of none, a last sentence without its end."""
    case = Case(kernel)
    inputs = make_inputs(case)._replace(tokens=np.array(tokens, np.int32))
    assert_same(solve(case, inputs), solve_naively(case, inputs))


@pytest.mark.parametrize("kernel", KERNELS)
def test_everything_subsampled_away(kernel):
    case = Case(kernel)
    inputs = make_inputs(case)
    inputs.keep[:] = 0
    found = solve(case, inputs)
    assert found.totals == (0.0, 0, 0)
    np.testing.assert_array_equal(found.w_in, inputs.w_in)
    np.testing.assert_array_equal(found.w_y, inputs.w_y)


def rerun(few, **environment):
    """Some of the tests above in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", few, __file__]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


FEW = "test_a_setting_changed and (window-1 or near-3 or group-3 or negative-11 or saturation or divide-True or lengths)"


def test_the_kernels_as_plain_python():
    """With the JIT off, tiles.py runs its own numpy version of every micro-kernel."""
    rerun(f"{FEW} or lock-True or again_and_again or odd_ends or one_word_many", NUMBA_DISABLE_JIT="1")


def test_every_index_is_in_bounds():
    """The walk's, that is: the micro-kernels work with bare pointers. Code from the cache would have no checks."""
    rerun(f"({FEW} or odd_ends or extreme) and (skipgram_ns or cbow_hs)", NUMBA_BOUNDSCHECK="1", W2V_CACHE="0")
