"""Rows that each of several threads has copies of: which, how often a thread meets them, and how often they are merged.

Threads write to the same matrices without locks, which is harmless where they seldom meet (Hogwild). The rows of the most
frequent words, and of the nodes nearest the Huffman root, all of them write all the time: the lines of these rows would go to
and fro between the caches, which is dear where these are far apart: two threads were 1.2 times as fast as one on cores 190 ns
from each other, and 1.9 times on cores 30 ns apart. So each thread works on copies of rows that it meets often enough, and
merges them into the matrices (kernels/own.py): a row the sooner the more often it is met and the more threads there are, for
until then none sees what the others have made of it; and all rows when it stops.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .config import CbowGradient, TrainConfig
from .kernels import TICK, TIERS, Tree, count_passes
from .sampling import ALWAYS, noise_shares

OWN_ROWS = 4096  # of a matrix at most: copies take twice their room for each thread
WORTH = 4  # times that a thread finds a row with another between two merges, from which on a copy of it is worth merging
# Visits of all other threads to a row that a thread does not know of, at most, unless a copy were not worth it; and times an
# epoch at least that it sees what they have made of a row. Loss after two epochs of 17 million words with one thread, two and
# eight: skip-gram 2.341 2.342 2.341; 64 times an epoch 2.344 2.349 (men .630 .622 .600), 512 times 2.341 2.340. On cores that
# share no cache two threads take 1.11 of the time that they take with 64, with 512 1.19; on near ones 1.01 and 1.01.
UNSEEN, ROUNDS = 64, 256
# CBOW moves a row once a centre, by the error of a mean. Loss as above 1.974 1.973 1.971 (with 64 and 64: 1.974 1.973 1.973);
# with paths 7.467 7.468 7.468 (with 64 and 256: 7.467 7.467 7.467; with 384 and 128 7.470). Two threads take .99 of the time
# that they take with those, 1.02 on cores that share no cache; with paths .99 and .94. Four to ten seeds of five epochs show
# no difference: men .558 .560, with paths .569 .570 (s.e. .001); analogies .239 .241, .215 .213.
UNSEEN_OF_MEANS, ROUNDS_OF_MEANS = 192, 128


def rounds(config: TrainConfig) -> int:
    """Times an epoch at least that a thread sees what all others have made of a row of this model."""
    return ROUNDS_OF_MEANS if _of_means(config) else ROUNDS


def _of_means(config: TrainConfig) -> bool:
    """Whether outputs meet the mean of contexts, not each or their sum."""
    return not config.sg and config.cbow_mean


class OwnRows(NamedTuple):
    """Of a matrix: the first rows of words, the last of nodes."""

    visits: Any  # (H,) float64: how often a thread meets each, for every centre that it trains
    tiers: Any  # (TIERS, 2) int64: those merged at every look, at every 2nd, 4th ..: from, to


@dataclass
class Own:
    """The rows of each matrix. The visits are not whole ones, but what they do.

    With CBOW a step on a context moves the mean of all by a part, and the mean of vectors is shorter than they are.
    """

    inputs: OwnRows
    outputs: OwnRows
    nodes: OwnRows


_NONE = OwnRows(np.zeros(0), np.zeros((TIERS, 2), np.int64))
NOTHING = Own(_NONE, _NONE, _NONE)  # of one thread


def choose_rows(counts: Any, keep: Any, tree: Tree | None, config: TrainConfig, threads: int, tokens: float) -> Own:
    """The rows worth copies, where each of several threads sees at the latest what the others have made of so many tokens.

    A word that subsampling keeps is a context of each centre in reach; as output it meets its own contexts, or their mean.
    A noise word is drawn `negative` times for each centre, and meets the same; so does every node of a centre's path. With CBOW
    n contexts of length 1 that point anywhere have a mean of squared length 1 / n, or a sum of n; a step on one of them moves
    the mean by 1 / n of it, and is 1 / n itself where the error is divided.
    """
    kept = counts / max(np.sum(counts), 1) * (keep / ALWAYS)
    centres = max(kept.sum(), 1e-30)  # of a token; words without counts have none
    kept, latest = kept / centres, min(tokens * centres / (threads - 1), TICK << (TIERS - 1))
    often = WORTH * threads / (threads - 1) / latest  # of T threads another had the row in T - 1 of T times
    words = _worth(kept, often)
    noise = noise_shares(counts, config.ns_exponent) if config.negative else np.zeros(len(kept))
    inputs, outputs = kept[:words], (kept + config.negative * noise)[:words]
    nodes = np.zeros(0) if tree is None else count_passes(tree, kept, len(kept) - 1)
    nodes = nodes[len(nodes) - _worth(nodes, often) :]
    means = _of_means(config)
    unseen = UNSEEN_OF_MEANS if means else UNSEEN
    merged = partial(_tiers, most=max(unseen / (threads - 1), WORTH), latest=latest)
    reach = config.window + 1 if config.shrink_windows else 2 * config.window
    of_input = of_output = float(reach)
    if means:
        of_input, of_output = 1 / reach if config.cbow_gradient is CbowGradient.DIVIDED else 1.0, 1 / reach
    return Own(
        OwnRows(inputs * of_input, merged(inputs)),
        OwnRows(outputs * of_output, merged(outputs)),
        OwnRows(nodes * of_output, len(nodes) - merged(nodes[::-1])[:, ::-1]),
    )


def _worth(visits: Any, often: float) -> int:
    """How many rows are met so often."""
    return min(int(np.count_nonzero(visits >= often)), OWN_ROWS)


def _tiers(visits: Any, most: float, latest: float) -> Any:
    """(TIERS, 2): the rows that a thread meets at most so often in TICK centres, in twice as many, in 4 times ..: from, to.

    The first are met most; a row that is met more often than one before it is merged no less often, and none later than after
    `latest` centres.
    """
    in_a_tick = np.maximum.accumulate(visits[::-1])[::-1] * TICK
    tiers = np.floor(np.log2(np.minimum(most / np.maximum(in_a_tick, 1e-30), max(latest / TICK, 1))))
    ends = np.searchsorted(tiers, np.arange(TIERS - 1), side="right")
    bounds = np.concatenate([[0], ends, [len(visits)]])
    return np.stack([bounds[:-1], bounds[1:]], axis=1)
