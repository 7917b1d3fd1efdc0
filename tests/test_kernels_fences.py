"""kernels/: every array between two pages that may not be touched. What no bounds check sees, the processor does.

The micro-kernels of tiles.py and hidden.py work with bare pointers, and read and write whole vectors. A script, which may die,
copies every array that a kernel is given to where its last byte, or its first, has such a page next to it. Prefetches are out
of reach of this: they never fault, by design.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect and wait are used as Linux has them")

PROBLEMS = 60  # for each kernel and side
SIDES = ("end", "start")
KERNELS = ("skipgram_ns", "skipgram_hs", "cbow_ns", "cbow_hs")
# What each kernel touches to the last element and from the first on: misplaced by one element, it has to die of it.
TOUCHED = ("w_in", "w_y", "tokens", "ends", "rates")
AVX2 = "+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2"
WIDTHS = [
    pytest.param({}, id="host"),
    pytest.param({"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2}, id="8 lanes", marks=pytest.mark.slow),
    pytest.param({"NUMBA_CPU_NAME": "generic"}, id="4 lanes", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("cpu", WIDTHS)
def test_nothing_outside_an_array_is_touched(cpu):
    if "AVX2" in cpu.get("NUMBA_CPU_FEATURES", "").upper() and "avx2" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor has no AVX2")
    done = subprocess.run([sys.executable, __file__], env={**os.environ, **cpu}, capture_output=True, text=True, check=False)
    # -11: the fence was met, in the problem that the last line names
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout[-600:]}\n{done.stderr[-2000:]}"
    lines = done.stdout.splitlines()
    met = {line for line in lines if line.startswith("fence met: ")}
    assert met == {f"fence met: {kernel} {name} {side}" for kernel in KERNELS for name in TOUCHED for side in SIDES}
    assert lines[-1] == f"all {PROBLEMS * len(KERNELS) * len(SIDES)} solved as without fences"


# --- the script -------------------------------------------------------------------------------------------------------


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def fenced(array, side, shift=0):
    """A copy whose last byte (or first) has a forbidden page next to it; `shift` elements of it lie on that page.

    Arrays are filled before their pages are forbidden: what faults is whoever uses them.
    """
    import ctypes

    import numpy as np

    page = mmap.PAGESIZE
    inside = -(-array.nbytes // page) * page
    mapping = mmap.mmap(-1, page + inside + page)
    memory = np.frombuffer(mapping, np.uint8)
    start = page + (inside - array.nbytes + shift * array.itemsize if side == "end" else -shift * array.itemsize)
    out = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    out[...] = array
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for forbidden in (memory.ctypes.data, memory.ctypes.data + page + inside):
        if libc.mprotect(forbidden, page, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    out.flags.writeable = array.flags.writeable
    return out


class Fences:
    """Stands in for kernels/cpu.py: the same kernels, on fenced copies of all arrays, which are copied back."""

    def __init__(self, side, shift=None, after=lambda: None):
        self.side, self.shift, self.after = side, shift or {}, after

    def __getattr__(self, kernel):
        from w2v.kernels import cpu

        def run(*arguments):
            pairs = []
            names = {0: "tokens", 1: "ends", 4: "w_in", 5: "w_y", 7: "rates"}
            inner = [self._copy(a, pairs, self.shift.get(names.get(i), 0)) for i, a in enumerate(arguments)]
            getattr(cpu, kernel)(*inner)
            self.after()
            for array, copy in pairs:
                if array.flags.writeable:
                    array[...] = copy

        return run

    def _copy(self, value, pairs, shift=0):
        """The value with all arrays in it fenced, which are added to `pairs` with their origin."""
        import numpy as np

        if isinstance(value, np.ndarray):
            for array, copy in pairs:
                if array is value:  # which stands in two places
                    return copy
            pairs.append((value, fenced(value, self.side, shift)))
            return pairs[-1][1]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*(self._copy(part, pairs) for part in value))
        return value


def problem(kernel, seed):
    """A random case and its inputs: the first and the last word occur, some texts lack their end, some paths are very long."""
    import numpy as np
    from cases import Case, make_inputs

    from w2v.huffman import build_tree

    dice = random.Random(seed)
    case = Case(
        kernel,
        words=dice.choice([2, 3, 9, 80, 300]),
        size=dice.choice([1, 16, 100, 300]),
        lengths=dice.choice([(1,), (2,), (5,), (33,), (70,), (7, 1, 12, 3), (3,) * 30]),
        window=dice.choice([1, 2, 5, 20]),
        shrink=dice.random() < 0.5,
        negative=dice.choice([1, 2, 5, 7, 8, 11, 20]),
        group=dice.choice([1, 2, 3, 5, 12]),
        mean=dice.random() < 0.5,
        saturation=dice.choice(["none", "clamp", "skip"]),
        lock=dice.random() < 0.5,
        sample=dice.random() < 0.3,
        scale=0.1,
        lr=0.01,
        seed=seed,
        own=dice.choice([0, 0, 1, 50]),
    )
    inputs = make_inputs(case)
    inputs.tokens[[0, -2]] = 0, case.words - 1
    if dice.random() < 0.5:  # one sentence that ends with the text fills the working memory to the last element
        inputs = inputs._replace(tokens=inputs.tokens[:-1].copy())
    if kernel.endswith("hs") and dice.random() < 0.5:  # each word hangs below all that are more frequent
        counts = 1.7 ** np.arange(min(case.words, 70), 0, -1)
        inputs = inputs._replace(table=build_tree(np.resize(counts, case.words).astype(np.int64)))
    return case, inputs


def solved(case, inputs, kernels):
    """What is left of the problem by these kernels: (w_in, w_y, totals)."""
    import cases

    cases.cpu = kernels
    return cases.solve(case, inputs)


def must_die(kernel, name, side):
    """In a process of its own, one array one element too far out: killed by the kernel, nobody else touches it."""
    from cases import Case, make_inputs

    case = Case(kernel, words=2, lengths=(12,))
    inputs = make_inputs(case)
    inputs.tokens[:-1:2], inputs.tokens[1:-1:2] = 0, 1
    child = os.fork()
    if child == 0:
        try:
            solved(case, inputs, Fences(side, {name: 1}, after=lambda: os._exit(0)))
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSEGV):
        raise SystemExit(f"{kernel} did not notice that {name} lies on the page at its {side}: status {status}")
    say(f"fence met: {kernel} {name} {side}")


def main():
    import resource

    import numpy as np

    from w2v.kernels import cpu

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    count = 0
    for kernel in KERNELS:
        for seed in range(PROBLEMS):
            case, inputs = problem(kernel, seed)
            expected = solved(case, inputs, cpu)
            for side in SIDES:
                say(f"{side}: {case}")
                found = solved(case, inputs, Fences(side))
                for one, other in zip(found[:2], expected[:2], strict=True):
                    np.testing.assert_array_equal(one, other)
                assert found.totals == expected.totals
                assert found.totals.words > 0 or case.sample
                count += 1
        for name in TOUCHED:
            for side in SIDES:
                must_die(kernel, name, side)
    say(f"all {count} solved as without fences")


if __name__ == "__main__":
    main()
