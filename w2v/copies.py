"""Rows that each of several threads has copies of: which, and how often a thread meets them.

Threads write to the same matrices without locks, which is harmless where they seldom meet (Hogwild). The rows of the most
frequent words, and of the nodes nearest the Huffman root, all of them write all the time: the lines of these rows would go to
and fro between the caches. So each thread works on copies, and gives back its changes at the end of every call of a kernel, of
up to STINT chunks (worker.py, ROUNDS in train.py). How much of them, kernels/tiles.py says (`move`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .config import CbowGradient, TrainConfig
from .kernels import Tree, count_passes
from .sampling import ALWAYS, noise_shares

# Two threads, time with 64 words and 256 nodes = 1 (a Zen 4): with 128 and 512 CBOW .95, by paths .96, skip-gram by paths .98;
# with 256 and 1024 .93, .94, .98; with 512 and 2048 no less. Given back after every chunk, 256 and 1024 take .01 to .04 more.
OWN_WORDS = {"skip-gram": 64, "CBOW": 256}  # with 256 skip-gram takes as long
OWN_NODES = 1024


@dataclass
class Visits:
    """How often a thread meets each row, for every token of the text: of the most frequent words, and of the last nodes.

    Not whole visits, but what they do: with CBOW a step on a context moves the mean of all by a part, and the mean of vectors
    is shorter than they are. Counted whole, as skip-gram's are, they made CBOW's loss on a small text (729,165 words) 2.34 with
    two threads and 2.52 with eight, where one has 2.31; so they make it 2.32 and 2.37.
    """

    inputs: Any  # (H,), H of OWN_WORDS or all words
    outputs: Any  # (H,)
    nodes: Any  # (N,), N = OWN_NODES or all nodes; none without a tree


NO_VISITS = Visits(*np.zeros((3, 0)))  # of one thread, which has no copies


def count_visits(counts: Any, keep: Any, tree: Tree | None, config: TrainConfig) -> Visits:
    """A word that subsampling keeps is a context of each centre in reach; as output it meets its own contexts, or their mean.

    A noise word is drawn `negative` times for each centre, and meets the same; so does every node of a centre's path. With CBOW
    n contexts of length 1 that point anywhere have a mean of squared length 1 / n, or a sum of n; a step on one of them moves
    the mean by 1 / n of it, and is 1 / n itself where the error is divided.
    """
    kept = counts / max(np.sum(counts), 1) * (keep / ALWAYS)
    noise = noise_shares(counts, config.ns_exponent) if config.negative else 0.0
    uses = kept + kept.sum() * config.negative * noise
    own = OWN_WORDS["skip-gram" if config.sg else "CBOW"]
    kept_own, uses_own = kept[:own], uses[:own]
    reach = config.window + 1 if config.shrink_windows else 2 * config.window
    nodes = np.zeros(0) if tree is None else count_passes(tree, kept, len(kept) - 1)[-OWN_NODES:]
    if config.sg or not config.cbow_mean:
        return Visits(kept_own * reach, uses_own * reach, nodes * reach)
    divided = reach if config.cbow_gradient is CbowGradient.DIVIDED else 1
    return Visits(kept_own / divided, uses_own / reach, nodes / reach)
