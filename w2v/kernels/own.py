"""A thread's own copies of rows: borrowed from the matrices, found, and merged into them.

Which rows these are, and how often each is merged, is decided in w2v/copies.py; what share of its changes a copy gives back, in
tiles.py (`merge_rows`).
"""

from __future__ import annotations

import numpy as np

from . import TICK
from .jit import helper, part, routine
from .tiles import floats_between, merge_rows


@helper
def offset_of(row, stride, copies):
    """Where a row stands, in floats from the start of its matrix: if the thread has a copy, where that does."""
    own = np.uint64(row - copies.first) < np.uint64(copies.rows.shape[0])
    # from a table, for LLVM makes a branch of a choice or a product, mispredicted for a word in four: .03 to .05 of the time
    return row * stride + copies.shift[np.uint64(own)]


@part
def begin(w_in, w_y, scratch):
    """When a call begins, have copies of rows of both matrices, unless the call before has left them."""
    if scratch.clock[2] == 0:
        scratch.clock[2] = 1
        borrow(w_in, scratch.own_in)
        borrow(w_y, scratch.own_y)


@part
def count_centres(centres, w_in, w_y, lr, scratch):
    """So many more are trained; after every TICK of them, look at the copies."""
    scratch.clock[0] += centres
    scratch.way[0] += lr / 4 * np.float32(centres)
    if scratch.clock[0] >= TICK:
        merge(w_in, w_y, scratch, False)


@part
def finish(w_in, w_y, ends, scratch):
    """A call over no chunks is the last: all copies are merged."""
    if ends.size == 0:
        merge(w_in, w_y, scratch, True)
        scratch.clock[:] = 0


@part
def merge(w_in, w_y, scratch, last):
    """Look at the copies of both matrices' rows: those whose turn it is, at the last look all, are merged."""
    scratch.clock[0] = 0
    scratch.clock[1] += 1
    merge_due(w_in, scratch.own_in, scratch.way[0], scratch.clock[1], last)
    merge_due(w_y, scratch.own_y, scratch.way[0], scratch.clock[1], last)
    scratch.way[0] = 0


@helper
def borrow(w, copies):
    """Copy rows twice: to work on, and to tell what has changed."""
    copies.shift[1] = floats_between(w, copies.rows) - copies.first * w.shape[1]
    for k in range(copies.rows.shape[0]):
        for d in range(w.shape[1]):
            copies.rows[k, d] = copies.before[k, d] = w[copies.first + k, d]


@routine
def merge_due(w, copies, way, looks, last):
    """Those of tier k have their turn at every look whose number 2 ** k divides."""
    for tier in range(copies.tiers.shape[0]):
        copies.way[tier] += way
        if last or looks & ((1 << tier) - 1) == 0:
            merge_rows(w, copies.first, copies.rows, copies.before, copies.visits, copies.way[tier], copies.threads,
                       copies.tiers[tier, 0], copies.tiers[tier, 1])  # fmt: skip
            copies.way[tier] = 0
