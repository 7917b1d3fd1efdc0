"""Small training problems, and the two ways to solve them: the compiled kernels and naive.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import naive
import numpy as np

from w2v.huffman import build_tree
from w2v.kernels import LIMIT, M_MAX, Options, aligned, cpu, make_copies, make_scratch, padded
from w2v.kernels.simd import whole
from w2v.sampling import ALWAYS, alias_table

KERNELS = ("skipgram_ns", "skipgram_hs", "cbow_ns", "cbow_hs")
COUNTS = np.array([40, 30, 22, 13, 9, 5, 3, 2, 1])  # what the words of a case occur, as far as the tables are concerned


@dataclass(frozen=True)
class Case:
    """One chunk and every setting a kernel knows. `lengths` are those of its sentences, before subsampling."""

    kernel: str
    words: int = 9
    size: int = 16
    lengths: Sequence[int] = (7, 1, 12, 3)
    window: int = 2
    shrink: bool = True
    negative: int = 5
    group: int = 1
    mean: bool = True
    divide: bool = False
    saturation: str = "none"
    lock: bool = False
    sample: bool = False
    scale: float = 0.7  # weights are drawn from U(-scale, scale)
    lr: float = 0.1
    seed: int = 1
    own: int = 0  # rows of each matrix that the kernel works on copies of

    @property
    def noise(self) -> bool:
        """Negative sampling or Huffman paths."""
        return self.kernel.endswith("ns")

    @property
    def options(self) -> Options:
        """As the trainer would make them."""
        return make_options(
            self.window, self.shrink, self.negative, self.group, self.saturation, mean=self.mean, divide=self.divide
        )


class Inputs(NamedTuple):
    """What both solvers read."""

    tokens: Any
    keep: Any
    table: Any  # alias table or Tree
    w_in: Any  # (V, D) float32, and the next
    w_y: Any
    lock: Any


class Outcome(NamedTuple):
    """What is left: float32 or float64 matrices without pads, and the totals."""

    w_in: Any
    w_y: Any
    totals: naive.Totals


def make_options(
    window: int = 2,
    shrink: bool = True,
    negative: int = 5,
    group: int = 1,
    saturation: str = "none",
    *,
    mean: bool = True,
    divide: bool = False,
) -> Options:
    """Options with the types that the trainer gives them."""
    limit, never = np.float32(LIMIT), np.float32(math.inf)
    return Options(
        window=window,
        shrink=int(shrink),
        negative=negative,
        group=group,
        clamp=limit if saturation == "clamp" else never,
        skip=limit if saturation == "skip" else never,
        mean=int(mean),
        divide=int(divide),
    )


def make_tokens(lengths: Sequence[int], words: int, rng: np.random.Generator) -> Any:
    """Sentences of random words, ended by -1 each."""
    parts = [np.append(rng.integers(0, words, n), -1) for n in lengths]
    return np.concatenate(parts).astype(np.int32)


def make_inputs(case: Case) -> Inputs:
    """Random text and weights; the same for every setting but size, words, lengths and seed."""
    rng = np.random.default_rng(case.seed)
    tokens = make_tokens(case.lengths, case.words, rng)
    counts = np.resize(COUNTS, case.words)
    rows = case.words if case.noise else max(case.words - 1, 1)
    w_in, w_y = (rng.uniform(-case.scale, case.scale, (n, case.size)).astype(np.float32) for n in (case.words, rows))
    lock = rng.choice(np.array([0, 0.25, 1], np.float32), case.words) if case.lock else None
    keep = np.full(case.words, ALWAYS, np.uint32)
    if case.sample:
        keep[::2] = rng.integers(2**30, 2**32, keep[::2].size)
    table = alias_table(counts, 0.75) if case.noise else build_tree(counts)
    return Inputs(tokens, keep, table, w_in, w_y, lock)


def streams(seed: int) -> Any:
    """The state of both random streams."""
    return np.random.default_rng(seed).integers(0, 2**63, 2, np.uint64)


def pad(matrix: Any) -> Any:
    """Rows as the kernels want them: whole cache lines, zeros at the end."""
    out = aligned((len(matrix), padded(matrix.shape[1])))
    out[:, : matrix.shape[1]] = matrix
    return out


def call(
    kernel: str, inputs: Inputs, w_in: Any, w_y: Any, lr: float, options: Options, rng: Any, own: int = 0, share: float = 1
) -> naive.Totals:
    """Run a compiled kernel on padded matrices, in place; with copies of some rows, whose changes are given back so far."""
    tokens, size = inputs.tokens.view(), w_in.shape[1]
    width = size if inputs.w_in is None else whole(inputs.w_in.shape[1])  # without pads, where the numbers of a row are known
    tokens.flags.writeable = False  # as EncodedCorpus hands them out: the tests share the trainer's compiled code
    if kernel.endswith("ns"):
        outputs, negative, first = options.group + options.negative, options.negative, 0
    else:
        outputs, negative = max(int(np.diff(inputs.table.offsets).max(initial=1)), M_MAX), 0
        first = max(len(w_y) - own, 0)  # nodes nearest the root are the last
    visits, threads = 0 if share == 1 else 1e9, round(1 / share)  # many: the mean of the threads' changes counts
    own_in, own_y = (
        make_copies(size, at, (np.full(rows, visits), [(0, rows // 2), (rows // 2, rows)]), threads)
        for at, rows in ((0, min(own, len(w_in))), (first, min(own, len(w_y))))
    )
    scratch = make_scratch(len(tokens), outputs, size, options.group, negative, own_in, own_y, width)
    stats = np.zeros((1, 3))
    ends, rates = np.array([len(tokens)]), np.array([lr], np.float32)
    for chunks in (1, 0):  # a call over none ends the work: what is left in copies is merged
        getattr(cpu, kernel)(
            tokens if chunks else tokens[:0], ends[:chunks], inputs.keep, inputs.table, w_in, w_y, inputs.lock, rates[:chunks],
            options, rng[None][:chunks], scratch, stats[:chunks],
        )  # fmt: skip
    loss, pairs, kept = stats[0].tolist()
    assert pairs == int(pairs)
    return naive.Totals(loss, int(pairs), int(kept))


def solve(case: Case, inputs: Inputs | None = None) -> Outcome:
    """By the compiled kernel. Checks on the way that the pads stay zero."""
    inputs = make_inputs(case) if inputs is None else inputs
    w_in, w_y = pad(inputs.w_in), pad(inputs.w_y)
    totals = call(case.kernel, inputs, w_in, w_y, case.lr, case.options, streams(case.seed), case.own)
    size = inputs.w_in.shape[1]
    assert not w_in[:, size:].any()
    assert not w_y[:, size:].any()
    return Outcome(w_in[:, :size], w_y[:, :size], totals)


def solve_naively(case: Case, inputs: Inputs | None = None) -> Outcome:
    """By naive.py, in float64."""
    inputs = make_inputs(case) if inputs is None else inputs
    model = naive.Model(inputs.w_in.astype(float), inputs.w_y.astype(float), inputs.lock, case.lr, case.options)
    totals = naive.train_chunk(case.kernel, inputs.tokens, inputs.keep, inputs.table, model, streams(case.seed))
    return Outcome(model.w_in, model.w_y, totals)


def assert_same(found: Outcome, expected: Outcome, rtol: float = 2e-5, atol: float = 1e-5) -> None:
    """Equal but for float32 rounding and the kernels' sigmoid (relative error 3e-6)."""
    assert found.totals[1:] == expected.totals[1:]
    np.testing.assert_allclose(found.w_in, expected.w_in, rtol, atol)
    np.testing.assert_allclose(found.w_y, expected.w_y, rtol, atol)
    np.testing.assert_allclose(found.totals.loss, expected.totals.loss, 1e-5, 1e-5)
