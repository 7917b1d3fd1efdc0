"""The training kernels on an NVIDIA GPU: how a block of threads works, and the memory it works in.

Owns the layout of shared memory and the scratch arrays; imports no compiler. The kernels are in kernels.py, the arithmetic
of a step in steps.py, what differs between a GPU and numba's simulator in port.py.

A block of threads trains stretches of text: some sentences, or a piece of a very long one. It thins a stretch out, then
slides over it group by group, as cpu.py does. Context rows live in shared memory while the window is over them: a ring of
rows, each read once and written back once, as the sum of its changes. Output rows are read for each group. All changes
reach the matrices by atomic addition, so none is lost. The arithmetic is the CPU's, but for three things: each centre has a
window of its own; CBOW meets the outputs of a block all at once; and each occurrence of a word in the window has its own copy
of the row, which shows where a word occurs twice within a window.

Many blocks hold copies of a frequent word's row at once, and their changes add up as if one step had been taken many
times over: with hundreds of copies training diverges. `calm_in` and `calm_y` shorten the changes of such rows; gpu.py says
by how much.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import M_MAX, POOL

THREADS = 128  # of a block: a warp for each of four context rows, a thread for each column of an update
BLOCKS = 3  # that a multiprocessor can hold at once, at least: so many have to share its registers
STRETCH = 512  # tokens; stretches begin at the first sentence from each multiple on, so they have less than twice as many
TEAM = 4  # threads that share a dot product
QUAD = 4  # floats in a 16-byte access
BANKS = 32  # of shared memory: two rows that are read side by side must not start in the same one


class Layout(NamedTuple):
    """Where everything lies in a block's shared memory, in 4-byte words. R rows in the ring, C input rows in a step."""

    threads: int  # of a block
    longest: int  # T, tokens of the longest stretch
    ring: int  # R, a power of two
    rows: int  # C: the contexts of a group (skip-gram) or its centres (CBOW)
    size: int  # S, floats of a row
    stride: int  # floats from one row to the next
    outputs: int  # O, most outputs of a group
    x: int  # (R, stride) float32: context rows as they are
    start: int  # (R, stride) float32: and as they were read
    hidden: int  # (group, stride) float32: CBOW's hidden vectors
    error: int  # (group, stride) float32: and what flows back to them
    y: int  # (M_MAX, stride) float32: the output rows of a block
    work: int  # (C, M_MAX, TEAM) float32: parts of dot products; (2, threads) int32: counts while thinning out
    g: int  # (C, M_MAX) float32: lr * gradient of each logit
    lock: int  # (R,) float32: how far a context row may move
    sign: int  # (2, O) float32: of this group's outputs and of the next
    calm: int  # (2, O) float32: how much of their changes is kept
    row: int  # (2, O) int32: their rows
    mask: int  # (2, C) int32: bit k set where an input row belongs to centre k of the group
    pool: int  # (POOL,) int32: noise words at hand
    total: int  # (2,) int32: number of outputs
    each: int  # (2,) int32: how many of them make a block of outputs
    first: int  # (2,) int32: position of the first context
    count: int  # (2,) int32: number of input rows
    words: int  # in all

    @property
    def nbytes(self) -> int:
        """Bytes of shared memory that a block asks for."""
        return 4 * self.words


class Scratch(NamedTuple):
    """What a launch needs beside the matrices, in the place of the CPU's Scratch. B blocks, N stretches."""

    stretches: Any  # IN (N+1,) int64: where each stretch begins in tokens
    calm_in: Any  # IN (V,) float32: how much of a change to an input row is kept
    calm_y: Any  # IN (rows of w_out or w_node,) float32: the same for output rows
    line: Any  # (B, 3 * T + 1) int32: a block's stretch, thinned out: words, their windows, the ends of sentences
    layout: Layout


class Block(NamedTuple):
    """What the threads of a block share, and which of them this is; made inside a kernel."""

    pool: Any  # (words,) float32: shared memory
    ints: Any  # (words,) int32: the same bytes
    lay: Layout
    tid: int  # this thread
    threads: int
    line: Any  # (3 * T + 1,) int32: this block's row of scratch.line


def make_layout(
    window: int, group: int, size: int, outputs: int, *, cbow: bool, threads: int = THREADS, longest: int = 2 * STRETCH
) -> Layout:
    """Shared memory for rows of `size` floats, a multiple of 16, and up to `outputs` output rows a group."""
    contexts = 2 * window + group
    ring, rows = 1 << (contexts - 1).bit_length(), group if cbow else contexts
    stride = size if size % BANKS else size + BANKS // 2
    hidden = group * stride if cbow else 0
    parts = {
        "x": ring * stride, "start": ring * stride, "hidden": hidden, "error": hidden, "y": M_MAX * stride,
        "work": max(rows * M_MAX * TEAM, 2 * threads), "g": rows * M_MAX, "lock": ring,
        "sign": 2 * outputs, "calm": 2 * outputs, "row": 2 * outputs, "mask": 2 * rows,
        "pool": POOL, "total": 2, "each": 2, "first": 2, "count": 2,
    }  # fmt: skip
    words, places = 0, {}
    for name, length in parts.items():
        places[name] = words
        words += length
    return Layout(threads, longest, ring, rows, size, stride, outputs, words=words, **places)
