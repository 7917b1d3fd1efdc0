"""What compilers make of the GPU's kernels, no GPU needed: PTX by numba-cuda, then registers, memory and spills by ptxas.

python -m benchmarks.cuda_ptx

Needs numba-cuda with its compiler libraries (pip install 'w2v[cuda]'). The ptxas is the one within nvJitLink, which numba-cuda
itself hands its PTX to: it comes with the compiler that made the PTX. One of a CUDA toolkit may be too old for it: that of 13.0
does not read what 13.5 writes.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from typing import Any, NamedTuple

KERNELS = ("skipgram_ns", "skipgram_hs", "cbow_ns", "cbow_hs")
CAPABILITIES = ((8, 0), (9, 0))  # A100, H100
DEPTH = 40  # nodes of a long Huffman path


class Setting(NamedTuple):
    """What a kernel is compiled for."""

    kernel: str
    vector_size: int = 100
    window: int = 5
    negative: int = 5
    group: int = 3


class Resources(NamedTuple):
    """What a kernel takes of a multiprocessor."""

    registers: int  # of a thread
    stack_bytes: int  # of a thread, in memory
    spill_bytes: int  # stored and loaded because registers ran out
    shared_bytes: int  # of a block


def missing() -> str | None:
    """What PTX cannot be made without, None if it is all there."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed"
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        for library in ("nvrtc", "nvvm", "nvJitLink"):
            load_nvidia_dynamic_lib(library)
    except Exception as error:  # whatever keeps the library from loading
        return str(error).strip().splitlines()[0]
    return None


def options_of(setting: Setting) -> Any:
    from w2v.config import TrainConfig
    from w2v.passes import gpu_options

    config = TrainConfig(
        vector_size=setting.vector_size, window=setting.window, negative=setting.negative, noise_group=setting.group,
        sg=setting.kernel.startswith("skipgram"),
    )  # fmt: skip
    return gpu_options(config, noise=setting.kernel.endswith("ns"))


def layout_of(setting: Setting) -> Any:
    from w2v.kernels import padded
    from w2v.kernels.cuda import make_layout

    options, noise = options_of(setting), setting.kernel.endswith("ns")
    outputs = options.group + options.negative if noise else DEPTH
    cbow = setting.kernel.startswith("cbow")
    return make_layout(options.window, options.group, padded(setting.vector_size), outputs, cbow=cbow)


def argument_types(kernel: str) -> tuple[Any, ...]:
    """The types that gpu.py hands to a kernel."""
    from numba import types

    from w2v.kernels import Options, Tree
    from w2v.kernels.cuda import Layout, Scratch

    i32, i64, f32, u32 = types.int32, types.int64, types.float32, types.uint32

    def array(kind: Any, dimensions: int = 1) -> Any:
        return types.Array(kind, dimensions, "C")

    alias, tree = array(u32, 2), types.NamedTuple([array(i32), array(types.uint8), array(i64)], Tree)
    options = types.NamedTuple([f32 if name in ("clamp", "skip") else i64 for name in Options._fields], Options)
    layout = types.NamedUniTuple(i64, len(Layout._fields), Layout)
    scratch = types.NamedTuple([array(i64), array(f32), array(f32), array(i32, 2), layout], Scratch)
    return (
        array(i32), array(u32), alias if kernel.endswith("ns") else tree, array(f32, 2), array(f32, 2), array(f32),
        f32, options, array(types.uint64), scratch, array(types.float64),
    )  # fmt: skip


@functools.cache
def compile_ptx(setting: Setting, capability: tuple[int, int]) -> str:
    """The PTX of a kernel as gpu.py has it made."""
    from numba import cuda

    from w2v.kernels.cuda import BLOCKS, THREADS, kernels

    kernel = kernels.specialise(setting.kernel, layout_of(setting), options_of(setting))
    ptx, _ = cuda.compile_ptx(kernel.py_func, argument_types(setting.kernel), cc=capability, launch_bounds=(THREADS, BLOCKS))
    return str(ptx)


def assemble(ptx: str, capability: tuple[int, int], shared_bytes: int) -> Resources:
    """What ptxas says of it."""
    from cuda.bindings import nvjitlink

    options, code = [f"-arch=sm_{capability[0]}{capability[1]}", "-verbose"], ptx.encode()
    link = nvjitlink.create(len(options), options)
    nvjitlink.add_data(link, nvjitlink.InputType.PTX, code, len(code), "kernel")
    nvjitlink.complete(link)
    log = bytearray(nvjitlink.get_info_log_size(link))
    nvjitlink.get_info_log(link, log)
    nvjitlink.destroy(link)
    return read_log(log.decode(), shared_bytes)


def read_log(said: str, shared_bytes: int) -> Resources:
    """The figures in the log of one kernel; ValueError where there are none."""
    find = {
        name: sum(map(int, re.findall(pattern, said)))
        for name, pattern in (
            ("registers", r"Used (\d+) registers"),
            ("stack_bytes", r"(\d+) bytes stack frame"),
            ("spill_bytes", r"(\d+) bytes spill"),
        )
    }
    if not find["registers"] or "spill" not in said:
        raise ValueError(f"no figures in what ptxas says: {said[:200]!r}")
    return Resources(**find, shared_bytes=shared_bytes)


def measure(setting: Setting, capability: tuple[int, int]) -> Resources:
    """Compile and assemble one kernel."""
    return assemble(compile_ptx(setting, capability), capability, layout_of(setting).nbytes)


def main() -> None:
    trouble = missing()
    if trouble is not None:
        raise SystemExit(trouble)
    for kernel in KERNELS:
        for capability in CAPABILITIES:
            found = measure(Setting(kernel), capability)
            print(kernel, f"sm_{capability[0]}{capability[1]}", *(f"{k}={v}" for k, v in found._asdict().items()))


if __name__ == "__main__":
    main()
