"""Is every update the gradient of its objective? The objectives are written out from the papers' equations again here.

Two-sided differences of the objective, against what naive.py moves (float64) and what the compiled kernels move
(float32), with a rate so small that a whole chunk is one step.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from cases import Case, make_inputs, solve, solve_naively

STEP = 1e-5
NOISE_WORD = 8  # the only one that the alias table gives


def log_sigma(u):
    return -math.log1p(math.exp(-u))


def pairs_of(tokens, window):
    """(centre, its contexts), as positions, of every sentence; fixed windows, every word kept."""
    ends = [-1, *np.flatnonzero(tokens < 0)]
    for begin, end in itertools.pairwise(ends):
        for o in range(begin + 1, end):
            yield o, [j for j in range(max(begin + 1, o - window), min(end, o + window + 1)) if j != o]


def output_terms(case, tokens, table, o):
    """What centre o trains: (row, sign) for its word and its noise, or for the turns of its Huffman path."""
    word = tokens[o]
    if not case.noise:
        path = slice(table.offsets[word], table.offsets[word + 1])
        return [(node, 1 - 2 * int(bit)) for node, bit in zip(table.points[path], table.codes[path], strict=True)]
    begin = np.flatnonzero(tokens[:o] < 0).max(initial=-1) + 1  # groups start anew in each sentence
    end = o + np.flatnonzero(tokens[o:] < 0)[0]
    first = begin + (o - begin) // case.group * case.group
    sharing = tokens[first : min(first + case.group, end)]
    return [(word, 1)] + [(NOISE_WORD, -1)] * (0 if NOISE_WORD in sharing else case.negative)


def objective(case, inputs, w_in, w_y, w_at):
    """Sum over all centres of the log likelihoods of their pairs; w_at: w_in where the gradient is taken."""
    total = 0.0
    for o, near in pairs_of(inputs.tokens, case.window):
        rows = inputs.tokens[near]
        hidden = w_in[rows]
        if case.kernel.startswith("cbow") and len(near):
            hidden = [w_in[rows].mean(0) if case.mean else w_in[rows].sum(0)]
            if case.mean and not case.divide:
                # the shared gradient is that of a mean whose rows each move it wholly: CbowGradient.SHARED
                hidden = [w_at[rows].mean(0) + (w_in[rows] - w_at[rows]).sum(0)]
        for row, sign in output_terms(case, inputs.tokens, inputs.table, o):
            total += sum(log_sigma(sign * (h @ w_y[row])) for h in hidden)
    return total


def numeric_gradient(case, inputs):
    """Two-sided differences in every number of both matrices."""
    w_at = inputs.w_in.astype(float)
    w_in, w_y = w_at.copy(), inputs.w_y.astype(float)
    gradients = []
    for w in (w_in, w_y):
        gradient = np.zeros_like(w)
        for at in np.ndindex(w.shape):
            kept = w[at]
            w[at] = kept + STEP
            above = objective(case, inputs, w_in, w_y, w_at)
            w[at] = kept - STEP
            gradient[at] = (above - objective(case, inputs, w_in, w_y, w_at)) / (2 * STEP)
            w[at] = kept
        gradients.append(gradient)
    return gradients


CASES = [
    *[Case("skipgram_ns", group=group) for group in (1, 2, 3, 5)],
    Case("skipgram_ns", negative=11),
    Case("skipgram_hs"),
    *[Case("cbow_ns", mean=m, divide=d, group=g) for m, d, g in ((True, False, 1), (True, True, 3), (False, False, 2))],
    *[Case("cbow_hs", mean=m, divide=d) for m, d in ((True, False), (True, True), (False, False))],
]


def small(case, lr):
    """Four numbers a row, windows that are always whole, one noise word, which comes up as a centre too."""
    lengths = (6, 1, 4)
    case = Case(case.kernel, size=4, lengths=lengths, shrink=False, negative=case.negative, group=case.group,
                mean=case.mean, divide=case.divide, lr=lr, seed=4)  # fmt: skip
    inputs = make_inputs(case)
    if case.noise:
        inputs = inputs._replace(table=np.array([[0, NOISE_WORD]] * case.words, np.uint32))
    inputs.tokens[2] = NOISE_WORD
    return case, inputs


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.kernel} {c.group} {c.negative} {c.mean} {c.divide}")
def test_every_update_is_the_gradient_of_its_objective(case):
    case, inputs = small(case, 1e-8)
    expected = numeric_gradient(case, inputs)
    assert all(np.abs(gradient).max() > 0.1 for gradient in expected)
    moved = solve_naively(case, inputs)
    for before, after, gradient in zip(inputs[3:5], moved[:2], expected, strict=True):
        np.testing.assert_allclose((after - before) / case.lr, gradient, rtol=1e-5, atol=1e-6)
    # 2**-12: the steps keep three digits in float32, and the objective bends by no more on the way
    case, inputs = small(case, 2.0**-12)
    moved = solve(case, inputs)
    for before, after, gradient in zip(inputs[3:5], moved[:2], expected, strict=True):
        np.testing.assert_allclose((after - before) / case.lr, gradient, rtol=0, atol=0.01 * np.abs(gradient).max())


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.kernel} {c.group} {c.negative} {c.mean} {c.divide}")
def test_the_loss_is_minus_the_objective(case):
    case, inputs = small(case, 0.0)
    w_in, w_y = inputs.w_in.astype(float), inputs.w_y.astype(float)
    expected = -objective(case, inputs, w_in, w_y, w_in)
    assert solve_naively(case, inputs).totals.loss == pytest.approx(expected, rel=1e-12)
    assert solve(case, inputs).totals.loss == pytest.approx(expected, rel=1e-5)
