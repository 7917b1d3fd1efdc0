"""Text without end for tests of scale: words by Zipf's law, written to standard output as a stream, the same for the same seed.

    python -m benchmarks.zipf 10G --types 1M | w2v train - -o vectors.w2v

Word r of T comes up with share log(1 + 1/r) / log(T + 1), which is Zipf's law but for the first few. Frequent words are
short, as in a language: r in bijective base 6. One type in 32 is longer than the 15 bytes that the corpus reader keeps in
place.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator

import numpy as np

from w2v.kernels import ops
from w2v.kernels.jit import helper, kernel

LETTERS = np.frombuffer(b"etaoin", np.uint8)
LONG_TAIL = np.frombuffer(b"-and-so-on-for-long", np.uint8)
MEAN_LINE = 20  # words
BLOCK = 1 << 20  # bytes handed out at a time
ROOM = 64  # bytes of a block that no word may begin in: the longest has 32
STRIDE = 7_368_787  # a prime: steps of it visit every type once before they come back

draw = helper(ops.draw)


@kernel
def fill(
    out,  # OUT (n,) uint8: text
    rng,  # INOUT (1,) uint64
    types,  # int64: T
    once,  # INOUT (1,) int64: words of the roll-call, in which every type comes once, that are still to come
):
    """Write words up to the end of `out`, or nearly; returns the bytes written."""
    at, top = 0, math.log(types + 1.0)
    while at < out.size - ROOM:
        bits = draw(rng, 0)
        if once[0] > 0:
            once[0] -= 1
            rank = 1 + once[0] * STRIDE % types
        else:
            rank = min(np.int64(math.exp(np.float64(bits >> ops.S32) / 4294967296.0 * top)), types)
        left = rank
        while left > 0:
            out[at] = LETTERS[(left - 1) % LETTERS.size]
            left = (left - 1) // LETTERS.size
            at += 1
        if rank % 32 == 0:
            for k in range(LONG_TAIL.size):
                out[at] = LONG_TAIL[k]
                at += 1
        out[at] = ord("\n") if (bits & ops.LOW) * np.uint64(MEAN_LINE) < ops.LOW else ord(" ")
        at += 1
    return at


def text(size: int, types: int, seed: int = 1, *, once: bool = False) -> Iterator[memoryview]:
    """Blocks of `size` bytes of text in all, a line end last; with `once`, every type comes once before any comes by chance.

    The last word may be cut. A block is gone when the next is asked for.
    """
    if types % STRIDE == 0:
        raise ValueError(f"the number of types may not be a multiple of {STRIDE:,}")
    block, rng, left = np.empty(BLOCK, np.uint8), np.array([seed], np.uint64), np.array([types if once else 0])
    while size > 0:
        n = min(fill(block, rng, types, left), size)
        size -= n
        if size == 0:
            block[n - 1] = ord("\n")
        yield block[:n].data


def number(written: str) -> int:
    """A whole number: 1000, 20M, 1.5G."""
    factor = {"k": 10**3, "M": 10**6, "G": 10**9}.get(written[-1:], 1)
    return round(float(written[:-1] if factor > 1 else written) * factor)


def main() -> None:
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    made.add_argument("bytes", type=number, help="length of the text: 100M, 10G")
    made.add_argument("--types", type=number, default=10**6, help="different words (default 1M)")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--once", action="store_true", help="begin with every type once")
    args = made.parse_args()
    for block in text(args.bytes, args.types, args.seed, once=args.once):
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
