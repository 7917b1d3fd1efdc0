"""kernels/: the machine code of the hot loops, for two CPU models that need not be this machine's. Run as a script, prints it.

Speed rots silently: a change that makes the compiler fall back to scalar arithmetic, count references or move vectors to
the stack and back leaves every result as it was.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.compiled

KERNELS = ("skipgram_ns", "skipgram_hs", "cbow_ns", "cbow_hs")
COMMON = "+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2"
MODELS = {
    "haswell": (COMMON, "ymm"),
    "skylake-avx512": (f"{COMMON},+avx512f,+avx512dq,+avx512bw,+avx512vl", "zmm"),
}
PACKED_FMA = re.compile(r"vfn?madd\d+ps\b")
SCALAR = re.compile(r"v(fn?madd\d+|mul|add|sub|div)ss\b")
STACK = re.compile(r"vmov\w*\s.*\(%rsp\).*%[yz]mm|vmov\w*\s+%[yz]mm.*\(%rsp\)|v\w+ps\s.*\(%rsp\).*%[yz]mm")
STORE = re.compile(r"vmov\w+\s+%[xyz]mm\d+, .*\((?!%rsp)")


def compile_kernels():
    """Assembly of the four kernels, by name; compiled for explicit types and not run."""
    import numba
    import numpy as np

    from w2v.kernels import Options, Tree, cpu, make_scratch

    options = Options(5, 1, 5, 3, np.float32(6), np.float32(np.inf), 1, 0)
    tokens, weights = np.zeros(1, np.int32), np.zeros((2, 16), np.float32)
    tokens.flags.writeable = False
    tree = Tree(np.zeros(1, np.int32), np.zeros(1, np.uint8), np.zeros(3, np.int64))
    found = {}
    for name in KERNELS:
        table = tree if name.endswith("hs") else np.zeros((2, 2), np.uint32)
        arguments = (tokens, np.ones(1, np.int64), np.zeros(2, np.uint32), table, weights, weights, None,
                     np.ones(1, np.float32), options, np.zeros((1, 2), np.uint64), make_scratch(1, 8, 16, 3, 5),
                     np.zeros((1, 3)))  # fmt: skip
        kernel = getattr(cpu, name)
        kernel.compile(tuple(numba.typeof(a) for a in arguments))
        found[name] = "\n".join(kernel.inspect_asm().values())
    return found


@pytest.fixture(scope="module")
def assembly():
    """{(model, kernel): assembly}, both models at the same time."""
    running = {}
    for model, (features, _) in MODELS.items():
        environment = {**os.environ, "NUMBA_CPU_NAME": model, "NUMBA_CPU_FEATURES": features, "W2V_CACHE": "0"}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
        command = [sys.executable, __file__]
        running[model] = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    answers = {model: process.communicate()[0] for model, process in running.items()}
    assert [process.returncode for process in running.values()] == [0, 0]
    return {(model, name): asm for model, text in answers.items() for name, asm in json.loads(text).items()}


def innermost_loops(asm):
    """The instructions of every block that jumps back to its own start."""
    label, body = None, []
    for line in map(str.strip, asm.splitlines()):
        if found := re.match(r"(\.L\w+):", line):
            label, body = found[1], []
        elif line and not line.startswith(("#", ".")):
            body.append(line)
            if re.match(r"j\w+\s", line) and line.split()[-1] == label:
                yield body
                label, body = None, []


def hot_loops(asm):
    """Innermost loops that multiply and add vectors."""
    return [body for body in innermost_loops(asm) if any(map(PACKED_FMA.match, body))]


# Multiply-adds in the code of each kernel, less 3 %: skip-gram has 327 with AVX-512, CBOW 521 and 749; with AVX2 more.
LEAST = {"skipgram_ns": 317, "skipgram_hs": 317, "cbow_ns": 505, "cbow_hs": 726}

every_kernel = pytest.mark.parametrize("kernel", KERNELS)
every_model = pytest.mark.parametrize("model", MODELS)


@every_model
@every_kernel
def test_the_arithmetic_is_on_whole_registers(assembly, model, kernel):
    _, register = MODELS[model]
    fmas = [line for line in assembly[model, kernel].splitlines() if PACKED_FMA.match(line.strip())]
    assert len(fmas) >= LEAST[kernel]
    assert all(f"%{register}" in line for line in fmas)


@every_model
@every_kernel
def test_no_hot_loop_counts_one_by_one(assembly, model, kernel):
    loops = hot_loops(assembly[model, kernel])
    assert len(loops) >= 16  # products and updates of 1 to 8 outputs
    assert not [line for body in loops for line in body if SCALAR.match(line)]


@every_model
@every_kernel
def test_no_reference_is_counted_and_nothing_is_allocated(assembly, model, kernel):
    assert "NRT_" not in assembly[model, kernel]


@every_kernel
def test_no_vector_leaves_the_registers_in_a_hot_loop(assembly, kernel):
    """AVX-512 has 32 registers: room for all accumulators, and for what a loop needs again and again."""
    loops = hot_loops(assembly["skylake-avx512", kernel])
    assert not [line for body in loops for line in body if STACK.match(line)]


@every_kernel
def test_accumulators_stay_in_registers(assembly, kernel):
    """With AVX2's 16 registers, in the loops that store nothing: the products of a tile."""
    loops = [body for body in hot_loops(assembly["haswell", kernel]) if not any(map(STORE.match, body))]
    most = max(sum(bool(PACKED_FMA.match(line)) for line in body) for body in loops)
    assert most >= (12 if kernel.startswith("skipgram") else 8)  # two contexts meet six outputs at once
    assert not [line for body in loops for line in body if STACK.match(line)]


if __name__ == "__main__":
    json.dump(compile_kernels(), sys.stdout)
