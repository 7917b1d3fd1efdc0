"""Which tokens are trained and which words serve as noise: tables computed once from the counts.

Owns the formulas. The draws themselves are in kernels/ops.py (`is_kept`, `alias_draw`); these tables are made for them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ConfigError
from .kernels.jit import kernel

ALWAYS = 2**32 - 1  # the threshold that every draw passes


def keep_thresholds(counts: ArrayLike, sample: float, total: int | None = None) -> NDArray[np.uint32]:
    """Subsampling of frequent words: the share of each word's tokens that is trained, out of 2**32; (V,) uint32.

    A word with share f of the `total` tokens (default: the sum of `counts`) is kept with probability sqrt(t/f) + t/f,
    t = `sample` (word2vec.c; the paper's formula, Mikolov et al. 2013b, eq. 5, lacks the second term).
    sample 0 keeps everything; sample >= 1 is a count, as in gensim: t = int(sample * (3 + sqrt 5) / 2) / total, by
    which words are thinned out from 6.85 * sample occurrences on. 2**32 - 1 stands for certainty.
    """
    counts = np.asarray(counts, np.float64)
    if not (sample >= 0 and math.isfinite(sample)):
        raise ConfigError(f"sample must be 0 or more, not {sample!r}")
    everything = np.full(counts.shape, ALWAYS, np.uint32)
    if sample == 0 or counts.size == 0:
        return everything
    total = int(counts.sum()) if total is None else total
    threshold = sample * total if sample < 1 else float(int(sample * (3 + math.sqrt(5)) / 2))
    ratio = threshold / np.maximum(counts, 1)
    keep = np.sqrt(ratio) + ratio
    thinned = keep < 1
    everything[thinned] = np.minimum(keep[thinned] * 2.0**32, ALWAYS - 1).astype(np.uint32)
    return everything


def alias_table(counts: ArrayLike, exponent: float) -> NDArray[np.uint32]:
    """The noise distribution, count ** exponent, as Walker's alias table; (V, 2) uint32.

    A draw takes a slot i at random, gives i itself with probability table[i, 0] / 2**32, and table[i, 1] otherwise.
    Words that never occur are never drawn, whatever the exponent (ConfigError where no word occurs).
    """
    shares = noise_shares(counts, exponent)
    if not shares.any():
        raise ConfigError("no word of the vocabulary has a count, so there is no noise to draw from")
    table = np.empty((shares.size, 2), np.uint32)
    _pair_up(shares * shares.size, np.empty(shares.size, np.uint32), table)
    return table


def noise_shares(counts: ArrayLike, exponent: float) -> NDArray[np.float64]:
    """Each word's share of the noise, count ** exponent over the sum of all; (V,). 0 for words that never occur."""
    counts = np.asarray(counts, np.int64)
    occurs = counts > 0
    logs = np.where(occurs, np.log(np.maximum(counts, 1)) * exponent, -np.inf)
    largest = logs.max(initial=np.finfo(np.float64).min)
    shares: NDArray[np.float64] = np.exp(logs - largest)  # the largest is 1: no exponent overflows
    shares /= max(shares.sum(), 1.0)
    return shares


@kernel
def _pair_up(
    shares: Any,  # INOUT (V,) float64 of mean 1: what each slot still has to give away
    stack: Any,  # SCRATCH (V,) uint32: slots below 1 from the left, the others from the right
    table: Any,  # OUT (V, 2) uint32
) -> None:
    """Fill every slot below 1 from one above 1, so that each holds two words at most (Vose 1991)."""
    words = shares.size
    poor, rich = 0, words
    for i in range(words):
        table[i, 0], table[i, 1] = ALWAYS, i  # a full slot: its alias is itself
        if shares[i] < 1:
            stack[poor] = i
            poor += 1
        else:
            rich -= 1
            stack[rich] = i
    while poor > 0 and rich < words:
        poor -= 1
        small, large = stack[poor], stack[rich]
        table[small, 0] = min(np.int64(shares[small] * 4294967296.0), ALWAYS)
        table[small, 1] = large
        shares[large] -= 1 - shares[small]
        if shares[large] < 1:
            rich += 1
            stack[poor] = large
            poor += 1
    # what is left on either stack is 1 but for rounding, and stays full
