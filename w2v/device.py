"""Where to train: the processor, or an NVIDIA GPU if there is one that can be used.

Owns the choice and what is known of the GPU. Imports numba only when asked: `w2v --help` passes here. Training on the GPU is in
gpu.py.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import logging
from importlib import metadata
from typing import Any, NamedTuple

from .errors import ConfigError, DeviceError, MissingExtraError

DEVICES = ("auto", "cpu", "cuda")
PACKAGE = "numba-cuda"
LEAST_CAPABILITY = (7, 5)  # of CUDA 13

logger = logging.getLogger(__name__)
_said: set[str] = set()


class Gpu(NamedTuple):
    """The GPU that training would use, the first one that is visible."""

    name: str
    capability: tuple[int, int]
    multiprocessors: int
    total_bytes: int
    free_bytes: int
    shared_bytes: int  # that a block of threads may have


def package_version() -> str | None:
    """The version of numba-cuda, None without it. The `numba.cuda` within numba itself is deprecated and not used."""
    if importlib.util.find_spec("numba_cuda") is None:
        return None
    return metadata.version(PACKAGE)


def driver_version() -> str | None:
    """The newest CUDA version that the driver knows, None without a driver. Needs neither numba-cuda nor a GPU."""
    version = ctypes.c_int()
    try:
        failed = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return None if failed else f"{version.value // 1000}.{version.value % 1000 // 10}"


def find() -> Gpu | str:
    """The GPU, or why there is none, in a few words."""
    if package_version() is None:
        return f"{PACKAGE} is not installed"
    try:
        cuda: Any = importlib.import_module("numba.cuda")
        if importlib.import_module("numba").config.ENABLE_CUDASIM:
            return "numba simulates one (NUMBA_ENABLE_CUDASIM)"
        if not cuda.is_available():
            return _why_not(cuda)
        return _describe(cuda)
    except Exception as error:  # a broken driver may fail in any way; without it there is no GPU
        return _first_line(error)


def _why_not(cuda: Any) -> str:
    trouble = cuda.cuda_error()
    return _first_line(trouble) if trouble else "the CUDA compiler library (NVVM) is missing"


def _first_line(trouble: Any) -> str:
    lines = [line.strip().rstrip(":") for line in str(trouble).splitlines() if line.strip()]
    return lines[0] if lines else type(trouble).__name__


def _describe(cuda: Any) -> Gpu | str:
    device = cuda.get_current_device()
    capability = tuple(device.compute_capability)
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    if capability < LEAST_CAPABILITY:
        return "{} has compute capability {}.{}, below {}.{}".format(name, *capability, *LEAST_CAPABILITY)
    memory = cuda.current_context().get_memory_info()
    return Gpu(
        name=name,
        capability=(capability[0], capability[1]),
        multiprocessors=int(device.MULTIPROCESSOR_COUNT),
        total_bytes=int(memory.total),
        free_bytes=int(memory.free),
        shared_bytes=int(device.MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
    )


def choose(wanted: str, *, deterministic: bool = False) -> str:
    """Where to train, "cpu" or "cuda", for a wish of "auto", "cpu" or "cuda".

    "auto" takes the GPU if there is one, and says so once (a warning of the logger) if there is none. A deterministic run is
    always the processor's: additions on a GPU come in any order. Raises MissingExtraError, DeviceError, ConfigError.
    """
    if wanted not in DEVICES:
        raise ConfigError(f"device={wanted!r} is not one of {', '.join(DEVICES)}")
    if wanted == "cuda":
        if deterministic:
            raise ConfigError("a run on a GPU is never deterministic", "give --device cpu, or leave --deterministic out")
        demand()
    elif wanted == "auto":
        found = "a deterministic run was asked for" if deterministic else find()
        if isinstance(found, str):
            say_once(f"training on the processor: {found}")
            return "cpu"
        return "cuda"
    return wanted


def demand() -> Gpu:
    """The GPU; MissingExtraError or DeviceError if there is none."""
    if package_version() is None:
        raise MissingExtraError(f"training on a GPU needs {PACKAGE}", "pip install 'w2v[cuda]'")
    found = find()
    if isinstance(found, str):
        raise DeviceError(f"no GPU to train on: {found}", "see `w2v doctor`; --device cpu trains on the processor")
    return found


def say_once(message: str) -> None:
    """A warning that is given once in a process."""
    if message not in _said:
        _said.add(message)
        logger.warning(message)
