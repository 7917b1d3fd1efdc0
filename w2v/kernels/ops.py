"""Scalar pieces that every kernel is made of: the random stream, the keep test, the bounded draw, the noise draw.

Plain functions that call nothing: numba compiles them for the CPU, numba.cuda for the GPU, tests/naive.py calls them as is.
A random stream is an array element that holds a counter: a jitted function that returned the state itself would hand Python an
int, which comes back as a signed number and changes the stream.
"""

from __future__ import annotations

from typing import Any

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
LOW = np.uint64(0xFFFFFFFF)  # also the keep threshold that every draw passes
S27, S30, S31, S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


def draw(rng: Any, stream: Any) -> Any:
    """The next 64 random bits of rng[stream]: splitmix64 (Steele, Lea, Flood 2014), whose draws don't wait for each other."""
    rng[stream] += GOLDEN
    z = rng[stream]
    z = (z ^ (z >> S30)) * MIX_1
    z = (z ^ (z >> S27)) * MIX_2
    return z ^ (z >> S31)


def below(bits: Any, n: Any) -> Any:
    """A whole number in 0..n-1 from the high half of 64 random bits (Lemire 2019, without its rejection: bias n / 2**32)."""
    return np.int64(((bits >> S32) * np.uint64(n)) >> S32)


def is_kept(bits: Any, threshold: Any) -> Any:
    """Whether subsampling keeps a word, by the low half of 64 random bits; threshold is a share of 2**32."""
    return ((bits & LOW) < np.uint64(threshold)) | (np.uint64(threshold) == LOW)


def alias_draw(bits: Any, alias: Any) -> Any:
    """A word id from an alias table (V, 2) uint32 of acceptance thresholds and aliases (Walker 1977)."""
    slot = np.int64(((bits >> S32) * np.uint64(alias.shape[0])) >> S32)
    # both columns are read before the choice, which then compiles to a conditional move: a branch would be mispredicted
    threshold, other = np.uint64(alias[slot, 0]), np.int64(alias[slot, 1])
    return slot if (bits & LOW) < threshold else other
