"""What the kernels are given: the tables and options of each output layer, and the random streams of a chunk.

Owns the way from a configuration to kernel arguments. Who works on which chunk is decided in train.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import sampling
from .config import PATH_GROUP, CbowGradient, Saturation, TrainConfig
from .copies import NOTHING, Own, choose_rows
from .huffman import build_tree
from .kernels import LIMIT, Options, Tree, ops
from .weights import Weights

_GOLDEN, _MIX_1, _MIX_2, _ALL = int(ops.GOLDEN), int(ops.MIX_1), int(ops.MIX_2), 2**64 - 1


@dataclass
class Tables:
    """Everything the kernels read and never change."""

    keep: Any
    alias: Any
    tree: Tree | None
    outputs: int  # most output rows of a centre's group
    own: Own


def make_tables(counts: Any, config: TrainConfig, threads: int, tokens: float) -> Tables:
    """Tables for words that occur `counts` (V,) times, trained by so many threads; tokens: see choose_rows."""
    keep, tree = sampling.keep_thresholds(counts, config.sample), build_tree(counts) if config.hs else None
    return Tables(
        keep=keep,
        alias=sampling.alias_table(counts, config.ns_exponent) if config.negative else None,
        tree=tree,
        outputs=config.noise_group + config.negative,
        own=choose_rows(counts, keep, tree, config, threads, tokens) if threads > 1 else NOTHING,
    )


def make_options(config: TrainConfig, *, noise: bool) -> Options:
    """What the kernels need to know for one output layer: noise words, or else Huffman paths."""
    limit, never = np.float32(LIMIT), np.float32(math.inf)
    clamps = config.saturation is Saturation.CLAMP and noise
    skips = config.saturation is not Saturation.NONE and not clamps
    return Options(
        window=config.window,
        shrink=int(config.shrink_windows),
        negative=config.negative,
        group=_group(config, noise=noise),
        clamp=limit if clamps else never,
        skip=limit if skips else never,
        mean=int(config.cbow_mean),
        divide=int(config.cbow_mean and config.cbow_gradient is CbowGradient.DIVIDED),
    )


def _group(config: TrainConfig, *, noise: bool) -> int:
    """Centres of a step. Those of CBOW with paths share nothing but sums of contexts, and more of them are better."""
    if noise or config.sg or config.noise_group == 1:
        return config.noise_group
    return max(config.noise_group, PATH_GROUP)


def gpu_options(config: TrainConfig, *, noise: bool) -> Options:
    """The same for a GPU, where paths share nothing: each of their centres is a step."""
    options = make_options(config, noise=noise)
    return options if noise else options._replace(group=1)


class Pass(NamedTuple):
    """One output layer: its kernel, its table of outputs and its matrix."""

    kernel: Any
    outputs: Any
    w_y: Any
    options: Options
    noise: bool


def make_passes(config: TrainConfig, weights: Weights, tables: Tables) -> list[Pass]:
    """The passes over a chunk, one for each output layer in use. Imports numba."""
    from .kernels import cpu

    passes = []
    if config.negative:
        kernel = cpu.skipgram_ns if config.sg else cpu.cbow_ns
        passes.append(Pass(kernel, tables.alias, weights.w_out, make_options(config, noise=True), True))
    if config.hs:
        kernel = cpu.skipgram_hs if config.sg else cpu.cbow_hs
        passes.append(Pass(kernel, tables.tree, weights.w_node, make_options(config, noise=False), False))
    return passes


def chunk_streams(seed: int, epoch: int, chunk: int) -> tuple[int, int]:
    """Where the random streams of a chunk begin: a hash of its key, so that neighbouring chunks have nothing in common."""
    state = 0
    for part in (seed, chunk, epoch):
        state = _draw(state ^ part)
    return _draw(state), _draw(state + _GOLDEN)


def _draw(state: int) -> int:
    """`ops.draw` of a counter that stands at `state`, in Python's integers.

    With numpy's it took 0.15 ms a chunk, for all of it has left the caches while the kernel ran; a chunk of CBOW takes 2.5.
    """
    z = (state + _GOLDEN) & _ALL
    z = ((z ^ (z >> 30)) * _MIX_1) & _ALL
    z = ((z ^ (z >> 27)) * _MIX_2) & _ALL
    return z ^ (z >> 31)
