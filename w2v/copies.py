"""Rows that each of several threads has copies of: which, and how much of their changes goes back to the matrices.

Threads write to the same matrices without locks, which is harmless where they seldom meet (Hogwild). The rows of the most
frequent words, and of the nodes nearest the Huffman root, all of them write all the time: the lines of these rows would go to
and fro between the caches. So each thread works on copies, and gives back its changes at the end of every chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .config import TrainConfig
from .kernels import Copies, make_copies
from .sampling import ALWAYS, noise_shares

# A quarter of an English text's words after subsampling, and .86 of all meetings of two threads in a row (frequencies squared).
# With 128 two threads take as long; with 256 .01 to .02 longer, for what they give back costs more than it saves (a Zen 3).
OWN_WORDS = 64
# The 256th lies on 40 paths a chunk. Two threads over one, skip-gram and CBOW: 1.5 and .9 without copies, 1.7 and 1.5 with 64,
# 1.8 and 1.7 with 256, no more with 1024.
OWN_NODES = 256


@dataclass
class Visits:
    """How often a thread meets the rows of the OWN_WORDS most frequent words, (H,) each, for every token of the text."""

    inputs: Any
    outputs: Any


def count_visits(counts: Any, keep: Any, config: TrainConfig) -> Visits:
    """A word that subsampling keeps is a context of each centre in reach; as output it meets its own contexts, or their mean.

    A noise word is drawn `negative` times for each centre, and meets the same.
    """
    kept = counts / max(np.sum(counts), 1) * (keep / ALWAYS)
    noise = noise_shares(counts, config.ns_exponent) if config.negative else 0.0
    uses = kept + kept.sum() * config.negative * noise
    reach = config.window + 1 if config.shrink_windows else 2 * config.window
    return Visits(kept[:OWN_WORDS] * reach, uses[:OWN_WORDS] * (reach if config.sg else 1))


def word_copies(visits: Any, config: TrainConfig, size: int, longest: int, threads: int) -> Copies:
    """Copies of the rows of the most frequent words for one of so many threads; `longest`: tokens of a chunk."""
    return make_copies(size, 0, shares(visits * longest, config.start_alpha, threads)) if threads > 1 else make_copies(size)


def node_copies(nodes: int, size: int, threads: int) -> Copies:
    """Copies of the nodes nearest the root, whose numbers are the highest.

    The mean of all threads' changes goes back, not the sum: by so many steps each thread brings a node near where it wants it,
    and the sum would overshoot.
    """
    count = min(OWN_NODES, nodes) if threads > 1 else 0
    return make_copies(size, nodes - count, np.full(count, 1 / threads))


def shares(visits: Any, alpha: float, threads: int) -> Any:
    """How much of its change a row gives back that a thread meets so many times a chunk; all threads meet it as often.

    A step takes away a share of the distance from where the thread wants the row, at most alpha / 4 for a row met of length 1
    (the curvature of log sigma): of all steps of a chunk exp(-a) is left, a = visits alpha / 4. Were all chunks trained one
    after another, exp(-threads a) were left. The sum of the threads' changes, times this share, leaves the same: all of a
    change where visits are few, and the mean of the threads' changes where each brings the row where it wants it.
    """
    a = np.maximum(visits * alpha / 4, 1e-9)
    return np.expm1(-threads * a) / (threads * np.expm1(-a))
