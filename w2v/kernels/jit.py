"""Compile policy. The only place that names numba's options; every compiled function of w2v is made here."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
import numpy as np

from .cache import KernelCache

# `_nrt=False` compiles without numba's reference counting: kernels only borrow their arrays, and the counting, atomic
# and at every hand-over of an array, cost twice as much as the arithmetic. The price: kernels cannot allocate, which
# they must not anyway.
# All but nnan and ninf: NaN and infinity must survive, so that a diverging run can be seen. `reassoc` vectorises
# reductions, `contract` makes fused multiply-adds. numba wants a set here, not a frozenset.
FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}


def _cache_wanted() -> bool:
    return os.environ.get("W2V_CACHE", "1") != "0"


def _options(fastmath: Any) -> dict[str, Any]:
    return {"nogil": True, "error_model": "numpy", "fastmath": fastmath, "_nrt": False}


def kernel(function: Callable[..., Any], fastmath: Any = FASTMATH) -> Any:
    """Compile lazily, without the GIL, with a disk cache where a directory is writable (W2V_CACHE=0 turns it off)."""
    if numba.config.DISABLE_JIT:
        return _wrapping_around(function)
    compiled: Any = numba.njit(**_options(fastmath))(function)
    if _cache_wanted():
        with suppress(RuntimeError):  # no writable cache directory
            compiled._cache = KernelCache(function)  # what njit(cache=True) does with numba's own
    return compiled


def _wrapping_around(function: Callable[..., Any]) -> Any:
    """As plain Python, for NUMBA_DISABLE_JIT=1: numpy's integers wrap around silently then, as those of compiled code do.

    So do numbers that overflow, and NaN: the trainer looks for them.
    """

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):
            return function(*arguments)

    return run


def helper(function: Callable[..., Any], fastmath: Any = FASTMATH) -> Any:
    """A small function that only kernels call: compiled on its own, then inlined into its callers by LLVM."""
    return numba.njit(**_callee(fastmath), forceinline=True)(function)


def routine(function: Callable[..., Any], fastmath: Any = FASTMATH) -> Any:
    """A piece of a kernel that is seldom run: compiled once for it, and called."""
    return numba.njit(**_callee(fastmath))(function)


def part(function: Callable[..., Any], fastmath: Any = FASTMATH) -> Any:
    """A large piece of a kernel, pasted into it before types are known.

    As a `helper` it would be optimised, and turned into machine code, once for itself and again in every caller: a cold
    compile of skip-gram with noise, whose micro-kernels lay three helpers deep, took 12.7 s, and takes 5.7. Branches on
    `x is None` are left out only where x is an argument of the kernel.
    """
    return numba.njit(**_callee(fastmath), inline="always")(function)


def _callee(fastmath: Any) -> dict[str, Any]:
    """Cached inside its callers, and called by nobody else."""
    return {**_options(fastmath), "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


# For arithmetic that must be rounded as IEEE 754 says, operation by operation.
exact_kernel = functools.partial(kernel, fastmath=False)
exact_helper = functools.partial(helper, fastmath=False)
