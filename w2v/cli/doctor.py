"""`w2v doctor`: what this machine offers, and what training would use of it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from .console import row
from .train_options import usable_cpus


@click.command()
def doctor() -> None:
    """Print what was found: processor, vector width, threads, compiled kernels, CUDA, GPU, and what --device auto takes.

    Columns: name, value.
    """
    for name, value in (*_processor(), *_kernels(), *_gpu()):
        row(name, value)


def _processor() -> Iterator[tuple[str, str | int]]:
    from importlib import metadata

    from .. import __version__
    from ..kernels import simd

    yield "w2v", __version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    for package in ("numpy", "numba", "llvmlite"):
        yield package, metadata.version(package)
    yield "processor", _model_name()
    yield "processors", f"{usable_cpus()} usable of {os.cpu_count()}"
    yield "threads", f"{usable_cpus()}, unless --threads says otherwise"
    yield "vector_width", f"{32 * simd.LANES} bits, {simd.LANES} numbers at a time"


def _model_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _kernels() -> Iterator[tuple[str, str]]:
    """Whether compiled kernels are kept, and where."""
    from ..kernels import cpu

    if not hasattr(cpu.skipgram_ns, "py_func"):
        yield "kernels", "not compiled (NUMBA_DISABLE_JIT): very slow"
        return
    folder = getattr(getattr(cpu.skipgram_ns, "_cache", None), "cache_path", None)
    if folder is None:
        yield "kernels", "compiled anew by every process (W2V_CACHE=0, or no directory can be written)"
    else:
        kept = len(list(Path(folder).glob("cpu.*.nbc")))
        yield "kernels", f"{kept} compiled ones kept in {folder}"


def _gpu() -> Iterator[tuple[str, str]]:
    from .. import device

    version, driver = device.package_version(), device.driver_version()
    yield device.PACKAGE, "not installed (pip install 'w2v[cuda]')" if version is None else version
    yield "driver", "none" if driver is None else f"up to CUDA {driver}"
    found = device.find()
    if isinstance(found, str):
        yield "gpu", f"none: {found}"
    else:
        major, minor = found.capability
        yield "gpu", f"{found.name}, compute capability {major}.{minor}, {found.multiprocessors} multiprocessors"
        yield "gpu_memory", f"{found.free_bytes / 2**30:.1f} of {found.total_bytes / 2**30:.1f} GiB free"
    yield "auto", "cpu" if isinstance(found, str) else "cuda"
