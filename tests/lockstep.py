"""A quicker and stricter scheduler for numba's CUDA simulator; to be imported before kernels are launched.

The simulator's own lets all threads of a block compete, and polls them. Here they take turns, each from one barrier to the
next, first to last in one phase and last to first in the next one: a thread that relies on another being ahead of it, without
a barrier, finds it behind in every other phase. Threads that pass different numbers of barriers, which hang a GPU, fail.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numba.cuda.simulator.kernel import BlockManager, BlockThread


class Turns:
    """Who of a block's threads runs; the others wait at their locks."""

    def __init__(self, threads: int) -> None:
        self.locks = [threading.Lock() for _ in range(threads)]
        for lock in self.locks:
            lock.acquire()
        self.step, self.at_barrier, self.at_end, self.failed = 1, 0, 0, False

    def wait(self, k: int) -> None:
        self.locks[k].acquire()
        if self.failed:
            raise RuntimeError("another thread has failed")

    def pass_on(self, k: int) -> bool:
        """The next thread's turn; False if there is none, and the phase is over."""
        if 0 <= k + self.step < len(self.locks):
            self.locks[k + self.step].release()
            return True
        self.step, self.at_barrier = -self.step, 0
        return False

    def barrier(self, k: int) -> None:
        """Thread k has come to a barrier."""
        self.at_barrier += 1
        self.check()
        if self.pass_on(k):
            self.wait(k)

    def end(self, k: int) -> None:
        """Thread k has come to its end."""
        self.at_end += 1
        self.check()
        self.pass_on(k)

    def check(self) -> None:
        assert not (self.at_barrier and self.at_end), "a thread waits at a barrier that another never comes to"

    def fail(self) -> None:
        """Let all threads go."""
        self.failed = True
        for lock in self.locks:
            if lock.locked():
                lock.release()


def run(self: BlockManager, grid_point: Any, *args: Any) -> None:
    """In the place of BlockManager.run."""
    points = list(np.ndindex(*self._block_dim))
    turns = self.turns = Turns(len(points))

    def target() -> None:
        k = threading.current_thread().thread_id
        try:
            turns.wait(k)
            self._f(*args)
            turns.end(k)
        except BaseException:
            if not turns.failed:
                self.first_failed = k
                turns.fail()
            raise

    threads = [BlockThread(target, self, grid_point, point, self._debug) for point in points]
    for thread in threads:
        thread.start()
    turns.locks[0].release()
    for thread in threads:
        thread.join()
    if turns.failed:
        error, traceback = threads[self.first_failed].exception
        raise error.with_traceback(traceback)


BlockManager.run = run
BlockThread.syncthreads = lambda thread: thread._manager.turns.barrier(thread.thread_id)
