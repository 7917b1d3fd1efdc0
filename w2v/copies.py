"""Rows that each of several threads has copies of: which, how often a thread meets them, and how often they are merged.

Threads write to the same matrices without locks, which is harmless where they seldom meet (Hogwild). The rows of the most
frequent words, and of the nodes nearest the Huffman root, all of them write all the time: the lines of these rows would go to
and fro between the caches, which is dear where these are far apart: two threads were 1.2 times as fast as one on cores 190 ns
from each other, and 1.9 times on cores 30 ns apart. So each thread works on copies of rows that it meets often enough in a call
of a kernel, of up to STINT chunks (train.py), and merges them into the matrices (kernels/own.py): after so many visits that the
others' work of so many is unseen until then, and all at the end of the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .config import CbowGradient, TrainConfig
from .kernels import TICK, TIERS, Tree, count_passes
from .sampling import ALWAYS, noise_shares

OWN_ROWS = 4096  # of a matrix at most: copies take twice their room for each thread
WORTH = 4  # times that a thread finds a row with another in a call, from which on a copy of it is worth its making and merging
# Loss of CBOW after two epochs of 17 million words, two threads and eight (without copies 1.972, 1.971): with 32 1.971, 1.972,
# with 64 1.972, 1.974; merged after every 16 chunks, however frequent the word, 1.983, 2.116. With 32 two threads take 1.03 of
# the time (a Zen 4).
UNSEEN = 64  # visits of all other threads to a row that a thread does not know of


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


def choose_rows(counts: Any, keep: Any, tree: Tree | None, config: TrainConfig, threads: int, call: float) -> Own:
    """The rows worth copies where each of several threads goes over `call` tokens in a call of a kernel.

    A word that subsampling keeps is a context of each centre in reach; as output it meets its own contexts, or their mean.
    A noise word is drawn `negative` times for each centre, and meets the same; so does every node of a centre's path. With CBOW
    n contexts of length 1 that point anywhere have a mean of squared length 1 / n, or a sum of n; a step on one of them moves
    the mean by 1 / n of it, and is 1 / n itself where the error is divided.
    """
    kept = counts / max(np.sum(counts), 1) * (keep / ALWAYS)
    centres = kept.sum()  # of a token
    often = WORTH * threads / (threads - 1) / (call * centres)  # of T threads another had the row in T - 1 of T times
    kept = kept / centres
    words = _worth(kept, often)
    noise = noise_shares(counts, config.ns_exponent) if config.negative else np.zeros(len(kept))
    inputs, outputs = kept[:words], (kept + config.negative * noise)[:words]
    nodes = np.zeros(0) if tree is None else count_passes(tree, kept, len(kept) - 1)
    nodes = nodes[len(nodes) - _worth(nodes, often) :]
    most = max(UNSEEN / (threads - 1), WORTH)
    reach = config.window + 1 if config.shrink_windows else 2 * config.window
    of_input = of_output = float(reach)
    if not config.sg and config.cbow_mean:
        of_input, of_output = 1 / reach if config.cbow_gradient is CbowGradient.DIVIDED else 1.0, 1 / reach
    return Own(
        OwnRows(inputs * of_input, _tiers(inputs, most)),
        OwnRows(outputs * of_output, _tiers(outputs, most)),
        OwnRows(nodes * of_output, len(nodes) - _tiers(nodes[::-1], most)[:, ::-1]),
    )


def _worth(visits: Any, often: float) -> int:
    """How many rows are met so often."""
    return min(int(np.count_nonzero(visits >= often)), OWN_ROWS)


def _tiers(visits: Any, most: float) -> Any:
    """(TIERS, 2): the rows that a thread meets at most so often in TICK centres, in twice as many, in 4 times ..: from, to.

    The first are met most; a row that is met more often than one before it is merged no less often.
    """
    in_a_tick = np.maximum.accumulate(visits[::-1])[::-1] * TICK
    tiers = np.floor(np.log2(most / np.maximum(in_a_tick, 1e-30)))
    ends = np.searchsorted(tiers, np.arange(TIERS - 1), side="right")
    bounds = np.concatenate([[0], ends, [len(visits)]])
    return np.stack([bounds[:-1], bounds[1:]], axis=1)
