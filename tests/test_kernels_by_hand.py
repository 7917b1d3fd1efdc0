"""kernels/: steps small enough to check on paper, and what no step may ever change."""

from __future__ import annotations

import dataclasses
import math
import mmap
import sys

import numpy as np
import pytest
from cases import KERNELS, Case, Inputs, call, make_inputs, make_options, pad, solve, streams

from w2v.huffman import build_tree
from w2v.kernels import cpu
from w2v.sampling import ALWAYS

LN3 = math.log(3)  # sigma(ln 3) = 3/4
CERTAIN = np.full(3, ALWAYS, np.uint32)
NOISE_2 = np.array([[0, 2]] * 3, np.uint32)  # an alias table that always gives word 2


def train_by_hand(kernel, tokens, w_in, w_y, table=NOISE_2, lr=1.0, **options):
    """Rows of one number each; returns them after the step, with the totals."""
    column = [np.array(w, np.float32)[:, None] for w in (w_in, w_y)]
    inputs = Inputs(np.array(tokens, np.int32), CERTAIN, table, *column, None)
    w_in, w_y = map(pad, column)
    totals = call(kernel, inputs, w_in, w_y, lr, make_options(window=1, shrink=False, negative=1, **options), streams(1))
    return w_in[:, 0], w_y[:, 0], totals


def near(*values):
    return pytest.approx(values, abs=3e-6)


def loss(value):
    """The kernels' logarithm is off by up to 2e-6, and there are up to nine of them."""
    return pytest.approx(value, abs=2e-5)


def test_skipgram_with_negative_sampling():
    """Sentence "a b", a = 0, b = 1, noise n = 2. Rows a = 1, b = 2; outputs A = 0, B = ln 3, N = ln 3 / 2.

    Centre a, context b = 2:   u_A = 2 * 0 = 0     sigma(-0)    = 1/2   g_A = +1/2   loss ln 2
                               u_N = -2 * ln 3 / 2 sigma(ln 3)  = 3/4   g_N = -3/4   loss ln 4
        b = 2 + 1/2 * 0 - 3/4 * ln 3 / 2           A = 0 + 1/2 * 2 = 1     N = ln 3 / 2 - 3/4 * 2
    Centre b, context a = 1:   u_B = ln 3          sigma(-ln 3) = 1/4   g_B = +1/4   loss ln(4/3)
                               u_N = 3/2 - ln 3 / 2   g_N = -sigma(ln 3 / 2 - 3/2)
    """
    w_in, w_out, totals = train_by_hand("skipgram_ns", [0, 1, -1], [1, 2, 9], [0, LN3, LN3 / 2])
    u = 1.5 - LN3 / 2
    g = 1 / (1 + math.exp(u))
    assert tuple(w_in) == near(1 + LN3 / 4 - g * (LN3 / 2 - 1.5), 2 - 3 * LN3 / 8, 9)
    assert tuple(w_out) == near(1, LN3 + 1 / 4, LN3 / 2 - 1.5 - g)
    assert totals == (loss(math.log(2 * 4 * 4 / 3) + math.log(1 + math.exp(-u))), 2, 2)


def test_two_centres_that_share_noise():
    """The same, in a group of two: all logits come before all updates, and the outputs are A, B, N for both contexts.

    Context a = 1 meets B, N; context b = 2 meets A, N: each noise pair once, for each is a context of one centre.
        u_aB = ln 3, g = 1/4      u_aN = -ln 3 / 2, sigma = sqrt 3 / (1 + sqrt 3), g = -that
        u_bA = 0,    g = 1/2      u_bN = -ln 3,     g = -3/4
    """
    w_in, w_out, totals = train_by_hand("skipgram_ns", [0, 1, -1], [1, 2, 9], [0, LN3, LN3 / 2], group=2)
    g = math.sqrt(3) / (1 + math.sqrt(3))
    assert tuple(w_in) == near(1 + LN3 / 4 - g * LN3 / 2, 2 - 3 * LN3 / 8, 9)
    assert tuple(w_out) == near(1, LN3 + 1 / 4, LN3 / 2 - g - 1.5)
    assert totals == (loss(math.log(4 / 3 * (1 + math.sqrt(3)) * 2 * 4)), 2, 2)


def test_a_context_of_two_centres_meets_their_noise_twice():
    """Sentence "a b a" in one group: b is a context of both a, and A its output twice over, as two rows of the block.

    Rows a = 1, b = 2; outputs A = B = N = 0: every sigma is 1/2. Outputs in the block: A, B, A, N.
        b meets A and A (g 1/2 each) and N (n = 2, g = -1): the outputs are 0, so b stays 2
        A = 2 * 1/2 * 2 = 2      both a meet B: B = 2 * 1/2 * 1 = 1      N = -(1 * 2 + 1/2 * 1 + 1/2 * 1) = -3
    Loss: 4 pairs, of two terms ln 2 each.
    """
    w_in, w_out, totals = train_by_hand("skipgram_ns", [0, 1, 0, -1], [1, 2, 9], [0, 0, 0], group=3)
    assert tuple(w_in) == near(1, 2, 9)
    assert tuple(w_out) == near(2, 1, -3)
    assert totals == (loss(8 * math.log(2)), 4, 3)


def test_a_noise_word_that_is_a_centre_is_left_out():
    """As the first, with b as noise: centre a trains A, then B as noise; centre b trains B and nothing else."""
    always_b = np.array([[0, 1]] * 3, np.uint32)
    _, w_out, totals = train_by_hand("skipgram_ns", [0, 1, -1], [1, 2, 9], [0, 0, 0], always_b)
    assert w_out[0] == pytest.approx(1, abs=3e-6)
    assert totals[0] == loss(2 * math.log(2) + math.log(1 + math.exp(1)))  # u_B = 1 * -1 by then
    _, w_out, totals = train_by_hand("skipgram_ns", [0, 1, -1], [1, 2, 9], [0, 0, 0], always_b, group=2)
    assert tuple(w_out) == near(1, 1 / 2, 0)
    assert totals[0] == loss(2 * math.log(2))


@pytest.mark.parametrize(("divide", "share"), [(False, 1), (True, 1 / 2)])
def test_cbow_hands_its_error_back(divide, share):
    """Sentence "a b c", window 1, noise c = 2, outputs A = C = 0, B = 1; rows a = 1, b = 0, c = -1.

    Centre a: h = b = 0: every u is 0: g_A = 1/2, g_C = -1/2; b += 1/2 * 0 - 1/2 * 0; outputs += 0
    Centre b: h = (a + c) / 2 = 0: u = 0, g_B = 1/2, g_C = -1/2: error = 1/2 * 1; a and c move by it, or by half of it
    Centre c: h = b = 0: noise is c itself, left out; g_C = 1/2 changes nothing, as C and b are 0
    """
    found = train_by_hand("cbow_ns", [0, 1, 2, -1], [1, 0, -1], [0, 1, 0], divide=divide)
    assert tuple(found[0]) == near(1 + share / 2, 0, -1 + share / 2)
    assert tuple(found[1]) == near(0, 1, 0)
    assert found[2] == (loss(5 * math.log(2)), 3, 3)


def test_cbow_with_a_sum():
    """The same with c = ln 3 - 1 and sums.

    Centre a: h = b = 0: nothing moves, for A = C = 0
    Centre b: h = a + c = ln 3: u_B = ln 3, g_B = 1/4; u_C = 0, g_C = -1/2: a and c move by 1/4 * 1; C = -ln 3 / 2
    Centre c: h = b = 0: g_C = 1/2: b moves by C / 2
    """
    w_in, w_out, _ = train_by_hand("cbow_ns", [0, 1, 2, -1], [1, 0, LN3 - 1], [0, 1, 0], mean=False)
    assert tuple(w_in) == near(1 + 1 / 4, -LN3 / 4, LN3 - 1 + 1 / 4)
    assert tuple(w_out) == near(0, 1 + LN3 / 4, -LN3 / 2)


def test_skipgram_with_hierarchical_softmax():
    """Counts 2, 1, 1: node 0 joins words 1 and 2, node 1 (the root) joins it with word 0. Sentence "a b", a = 1, b = 2.

    Centre a, context b = 2: path root. Centre b, context a = 1: path root, node 0. The nodes' rows start at 0, so all
    sigmas are 1/2 but that of the root for the second centre. With s the sign of each turn and R the root's row:
        R = s_a * 1/2 * 2 = s_a             then u = s_b * R, and b's other node moves by s * 1/2 * a
    """
    tree = build_tree([2, 1, 1])
    sign = [1 - 2 * int(c) for c in tree.codes]
    assert list(tree.offsets) == [0, 1, 3, 5]
    assert list(tree.points) == [1, 1, 0, 1, 0]
    assert sign[0] == -sign[1]
    w_in, w_node, totals = train_by_hand("skipgram_hs", [0, 1, -1], [1, 2, 9], [0, 0], tree)
    u = sign[1] * sign[0]  # = -1
    g = sign[1] / (1 + math.exp(u))
    assert tuple(w_in) == near(1 + g * sign[0], 2, 9)
    assert tuple(w_node) == near(sign[2] / 2, sign[0] + g)
    assert totals == (loss(2 * math.log(2) + math.log(1 + math.exp(1))), 2, 2)


# --- what never changes -----------------------------------------------------------------------------------------------

PLAIN = [Case(kernel, size=20, window=3, group=3) for kernel in KERNELS]


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.kernel)
def test_a_rate_of_zero_changes_nothing(case):
    found, inputs = solve(dataclasses.replace(case, lr=0.0)), make_inputs(case)
    np.testing.assert_array_equal(found.w_in, inputs.w_in)
    np.testing.assert_array_equal(found.w_y, inputs.w_y)
    assert found.totals.loss > 0


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.kernel)
def test_frozen_rows_keep_every_bit(case):
    case = dataclasses.replace(case, lock=True)
    inputs = make_inputs(case)
    frozen = inputs.lock == 0
    found = solve(case)
    np.testing.assert_array_equal(found.w_in[frozen], inputs.w_in[frozen])
    moved = np.unique(inputs.tokens[inputs.tokens >= 0])
    assert set(np.flatnonzero((found.w_in != inputs.w_in).any(1))) == {w for w in moved if not frozen[w]}


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.kernel)
def test_a_lock_of_one_for_all_is_no_lock(case):
    free = make_inputs(case)._replace(lock=np.ones(case.words, np.float32))
    one, other = solve(case, free), solve(case)
    np.testing.assert_allclose(one.w_in, other.w_in, 1e-5, 1e-6)
    np.testing.assert_allclose(one.w_y, other.w_y, 1e-5, 1e-6)


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.kernel)
def test_words_that_never_come_up_do_not_matter(case):
    """Whatever stands in their rows: the other rows end the same, bit by bit, and they stay as they are."""
    inputs = make_inputs(case)
    used = np.unique(inputs.tokens[inputs.tokens >= 0])[:4]
    tokens = used[np.searchsorted(used, inputs.tokens).clip(0, 3)].astype(np.int32)
    tokens[inputs.tokens < 0] = -1
    table = inputs.table
    touched = set(used)
    if case.noise:
        table = np.array([[0, used[i % 4]] for i in range(case.words)], np.uint32)
    else:
        paths = [set(table.points[table.offsets[w] : table.offsets[w + 1]]) for w in used]
        touched = set().union(*paths)
    inputs = inputs._replace(tokens=tokens, table=table)
    idle_in = np.setdiff1d(np.arange(case.words), used)
    idle_y = np.setdiff1d(np.arange(len(inputs.w_y)), list(touched))
    plain = solve(case, inputs)
    other = inputs._replace(w_in=inputs.w_in.copy(), w_y=inputs.w_y.copy())
    other.w_in[idle_in] = inputs.w_in[idle_in[::-1]]
    other.w_y[idle_y] = np.nan
    found = solve(case, other)
    np.testing.assert_array_equal(found.w_in[used], plain.w_in[used])
    np.testing.assert_array_equal(found.w_in[idle_in], inputs.w_in[idle_in[::-1]])
    np.testing.assert_array_equal(found.w_y[list(touched)], plain.w_y[list(touched)])
    assert np.isnan(found.w_y[idle_y]).all()
    assert found.totals == plain.totals


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.kernel)
def test_nothing_crosses_the_end_of_a_sentence(case):
    """Two sentences in one chunk do what two chunks of one sentence do, as long as their random numbers go on."""
    case = dataclasses.replace(case, negative=1, shrink=False)
    inputs = make_inputs(case)
    if case.noise:  # every draw is the same word, so that the pool of noise is in the same state in both
        inputs = inputs._replace(table=np.array([[0, 5]] * case.words, np.uint32))
    ends = np.flatnonzero(inputs.tokens < 0) + 1
    w_in, w_y = pad(inputs.w_in), pad(inputs.w_y)
    for part in np.split(inputs.tokens, ends[:-1]):
        call(case.kernel, inputs._replace(tokens=part), w_in, w_y, case.lr, case.options, streams(case.seed))
    whole = solve(case, inputs)
    np.testing.assert_array_equal(w_in[:, : case.size], whole.w_in)
    np.testing.assert_array_equal(w_y[:, : case.size], whole.w_y)


@pytest.mark.compiled
@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.kernel)
def test_numbers_that_are_none_stay_visible(case):
    """No fast arithmetic may turn NaN into a number: the trainer looks at the loss to see that a run has diverged."""
    inputs = make_inputs(case)
    inputs.w_in[inputs.tokens[0]] = np.nan
    found = solve(case, inputs)
    assert math.isnan(found.totals.loss)


@pytest.mark.compiled
@pytest.mark.parametrize("kernel", KERNELS)
def test_one_compiled_kernel_serves_every_setting(kernel):
    compiled = getattr(cpu, kernel).signatures
    solve(Case(kernel))
    before = len(compiled)
    for change in (
        {"window": 5},
        {"group": 5},
        {"saturation": "skip"},
        {"size": 100},
        {"negative": 20, "shrink": False},
    ):
        solve(Case(kernel, **change))
    assert len(compiled) == before


@pytest.mark.skipif(sys.platform != "linux", reason="needs 20 GB of address space without memory behind it")
@pytest.mark.parametrize("kernel", KERNELS)
def test_rows_beyond_two_to_the_31_floats(kernel):
    """Word 40,000,000 of 64 floats a row begins at float 2.56e9. The same as with three words, row for row."""
    words, size, far = 40_000_001, 64, 40_000_000
    small = Case(kernel, words=3, size=size, lengths=(8,))
    inputs = make_inputs(small)
    rows, nodes = np.array([0, 7, far]), np.array([7, far])
    ids = np.append(rows, -1)[inputs.tokens].astype(np.int32)  # -1 is the last
    keep = np.zeros(words, np.uint32)
    keep[rows] = ALWAYS
    if small.noise:
        nodes = rows
        inputs = inputs._replace(table=np.array([[0, 1], [0, 2]], np.uint32))
        table = np.array([[0, 7], [0, far]], np.uint32)
    else:
        tree, offsets = inputs.table, np.zeros(words + 1, np.int64)
        offsets[rows], offsets[rows + 1] = tree.offsets[:-1], tree.offsets[1:]
        table = tree._replace(points=nodes[tree.points].astype(np.int32), offsets=offsets)
    w_in, w_y = lend(words, size), lend(words, size)
    w_in[rows], w_y[nodes] = inputs.w_in, inputs.w_y
    wide = Inputs(ids, keep, table, None, None, None)
    totals = call(kernel, wide, w_in, w_y, small.lr, small.options, streams(small.seed))
    expected = solve(small, inputs)
    np.testing.assert_array_equal(w_in[rows], expected.w_in)
    np.testing.assert_array_equal(w_y[nodes], expected.w_y)
    assert totals == expected.totals


def lend(rows, size):
    """A matrix of zeros that takes memory only where it is touched."""
    no_reserve = 0x4000  # MAP_NORESERVE
    space = mmap.mmap(-1, rows * size * 4, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve)
    return np.frombuffer(space, np.float32).reshape(rows, size)
