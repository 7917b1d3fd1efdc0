"""What the machine can do at most: fused multiply-adds a second on one core and on all, memory reads, matrix products.

    python -m benchmarks.peak

Shares of these peaks are the honest measure of a kernel: a ratio to a peer also tells of the peer.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

from w2v.kernels import aligned, simd

CHAINS = 12  # independent sums: two units of four cycles' latency need eight; AVX2 has no registers for more
ROUNDS = 4  # steps of every chain in a turn of the loop, so that counting costs nothing


def _emit_multiply_adds(builder: Any, data: Any, turns: Any) -> list[Any]:
    factor, addend = simd.load(builder, data, simd.I64(0)), simd.load(builder, data, simd.I64(simd.LANES))

    def turn(_: Any, sums: list[Any]) -> list[Any]:
        for _ in range(ROUNDS):
            sums = [s.fma(factor, addend) for s in sums]
        return sums

    return simd.loop(builder, turns, [simd.constant(builder, float(i)) for i in range(CHAINS)], turn)


def _emit_reads(builder: Any, data: Any, turns: Any) -> list[Any]:
    def turn(index: Any, sums: list[Any]) -> list[Any]:
        at = builder.mul(index, simd.I64(CHAINS * simd.LANES))
        offsets = [builder.add(at, simd.I64(i * simd.LANES)) for i in range(CHAINS)]
        return [s + simd.load(builder, data, offset) for s, offset in zip(sums, offsets, strict=True)]

    return simd.loop(builder, turns, [simd.constant(builder, 0.0)] * CHAINS, turn)


def _probe(emit: Callable[[Any, Any, Any], list[Any]]) -> Any:
    """A compiled function of (array, turns) around `emit`; stores the sums, lest they be optimised away."""

    @intrinsic
    def inner(typingctx: Any, data: Any, turns: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            pointer = context.make_array(signature.args[0])(context, builder, values[0]).data
            total, *others = emit(builder, pointer, values[1])
            for other in others:
                total = total + other
            simd.store(builder, total, pointer, simd.I64(0))
            return context.get_dummy_value()

        return types.void(data, types.int64), codegen

    @numba.njit(nogil=True)
    def probe(data: Any, turns: Any) -> None:
        inner(data, turns)

    return probe


@numba.njit(nogil=True, fastmath=True)
def _move_rows(rows: Any, turns: int, place: int) -> None:
    for _ in range(turns):
        place = (place * 1103515245 + 12345) & 0x7FFFFFFF
        row = (place >> 8) % rows.shape[0]
        for d in range(rows.shape[1]):
            rows[row, d] *= np.float32(1.0000001)


@intrinsic
def _await(typingctx: Any, line: Any, number: Any) -> Any:
    """Wait until another thread has stored the number; then store the next."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = context.make_array(signature.args[0])(context, builder, values[0]).data
        wait, after = (builder.append_basic_block(name) for name in ("wait", "after"))
        builder.branch(wait)
        builder.position_at_end(wait)
        there = builder.load_atomic(place, "acquire", 8)
        builder.cbranch(builder.icmp_signed("==", there, values[1]), after, wait)
        builder.position_at_end(after)
        builder.store_atomic(builder.add(there, simd.I64(1)), place, "release", 8)
        return context.get_dummy_value()

    return types.void(line, types.int64), codegen


@numba.njit(nogil=True)
def _play(line: Any, first: int, turns: int) -> None:
    for turn in range(turns):
        _await(line, first + 2 * turn)


_multiply_add, _read = _probe(_emit_multiply_adds), _probe(_emit_reads)


def _seconds(job: Callable[[int], object], threads: int) -> float:
    """Seconds from the start of the first thread to the end of the last."""
    workers = [threading.Thread(target=job, args=(i,)) for i in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start


def multiply_adds(threads: int, turns: int = 20_000_000) -> float:
    """GFLOP/s of register-only float32 fused multiply-adds, two operations each, on `threads` threads."""
    data = np.full((threads, 64 * simd.LANES), 0.5, np.float32)
    _multiply_add(data[0], 1)
    seconds = _seconds(lambda i: _multiply_add(data[i], turns), threads)
    return 2 * threads * turns * ROUNDS * CHAINS * simd.LANES / seconds / 1e9


def memory_reads(threads: int, megabytes: int = 1024) -> float:
    """GB/s of reading memory in order, each thread its own part of an array far larger than the caches."""
    turns = megabytes * 2**18 // (threads * CHAINS * simd.LANES)
    data = np.ones((threads, turns * CHAINS * simd.LANES), np.float32)
    _read(data[0], 1)
    return data.nbytes / _seconds(lambda i: _read(data[i], turns), threads) / 1e9


def row_moves(threads: int, turns: int = 400_000) -> float:
    """GB/s of going through rows of 100 numbers at random in 64 MB that all threads share, reading and writing each."""
    rows = _rows()
    _move_rows(rows, 1, 0)
    return threads * turns * rows[0].nbytes / _seconds(lambda i: _move_rows(rows, turns, i), threads) / 1e9


def line_trip(turns: int = 3_000) -> float:
    """Nanoseconds that a cache line takes from a core to another: two threads write to it by turns. The better of two tries.

    Some 30 where they share a cache, 100 and more where they do not. A rented core may be another one a second later.
    """
    _play(np.zeros(1, np.int64), 0, 1)
    trips = []
    for _ in range(2):
        line = aligned((1,), np.int64)
        trips.append(_seconds(lambda i, line=line: _play(line, i, turns), 2) / turns / 2 * 1e9)
    return min(trips)


@functools.cache
def _rows() -> Any:
    return np.ones((2**24 // 112, 112), np.float32)


def matrix_products(size: int = 2048) -> float:
    """GFLOP/s of numpy's float32 matrix product, with as many threads as its BLAS takes."""
    a = np.random.default_rng(0).random((size, size), np.float32)
    np.dot(a[:64], a)
    return 2 * size**3 / _seconds(lambda _: np.dot(a, a), 1) / 1e9


def measure(repeat: int = 5) -> dict[str, float]:
    """The best of `repeat` for each peak: a disturbance can only slow a probe down."""
    cores = len(os.sched_getaffinity(0))
    probes: dict[str, Callable[[], float]] = {
        "fma_gflops_one_core": lambda: multiply_adds(1),
        "fma_gflops_all_cores": lambda: multiply_adds(cores),
        "read_gb_per_second_one_core": lambda: memory_reads(1),
        "read_gb_per_second_all_cores": lambda: memory_reads(cores),
        "sgemm_gflops_all_cores": matrix_products,
    }
    return {name: round(max(probe() for _ in range(repeat)), 1) for name, probe in probes.items()}


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:30} {value:10.1f}")
