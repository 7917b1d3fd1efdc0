"""How much memory there is. Owns the answer, the refusal of what would not fit, asking for pages early, and giving back what is
free.

Memory that is asked for is not there yet: the system hands out pages as they are touched, and ends a process that touches too
many, hours into its run. So what a run needs is compared with what there is before the first page is touched.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .errors import MemoryShortageError

ROOT = Path("/")
_C = ctypes.CDLL(None) if os.name == "posix" else None
_POPULATE_WRITE = 23  # madvise(2), Linux 5.14; not in Python's mmap
_AHEAD = 8 << 20  # bytes of new pages asked for at a time: other allocations wait no longer than for these


def available(root: Path = ROOT) -> int | None:
    """Bytes that this process can still have: of the machine's, and of every control group it is in; None if nobody says.

    Page cache that can be given back counts as available, as in MemAvailable of /proc/meminfo (proc(5)).
    """
    rooms = [*_machine(root), *_groups(root)]
    return max(min(rooms), 0) if rooms else None


def demand(needed: int, what: str, hint: str) -> None:
    """Raise MemoryShortageError unless `needed` bytes are there for `what`."""
    there = available()
    if there is not None and needed > there:
        raise MemoryShortageError(f"{what} takes {needed:,} bytes of memory, and {there:,} are available", hint)


class PagesAhead:
    """A block: the system makes the pages of a new array in another thread, while this one fills it from its start.

    A page is made, and zeroed, when it is first written to, and whoever writes waits for it: a third of the time that a
    million vectors take to load. Where the system knows no such request, pages come as they are touched, as ever.
    A class for the reason that errors.Explained is one.
    """

    def __init__(self, block: NDArray[Any]) -> None:
        self._halt = threading.Event()
        self._thread = threading.Thread(target=_populate, args=(block.ctypes.data, block.nbytes, self._halt), daemon=True)

    def __enter__(self) -> None:
        if sys.platform == "linux":  # elsewhere the number means something else
            with suppress(RuntimeError):  # no more threads for this process: nothing that a load should fail for
                self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._halt.set()
        if self._thread.ident is not None:
            self._thread.join()


def _populate(start: int, size: int, halt: threading.Event) -> None:
    stop = (start + size) // mmap.PAGESIZE * mmap.PAGESIZE
    at = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    while at < stop and not halt.is_set():
        step = min(_AHEAD, stop - at)
        if _C.madvise(ctypes.c_void_p(at), ctypes.c_size_t(step), _POPULATE_WRITE):  # type: ignore[union-attr]
            return
        at += step


def give_back() -> None:
    """Hand freed memory back to the system, where the C library knows how (glibc).

    It would keep what was freed below the top of its heap: 40 MB after 17 M words were read, on top of which training would go.
    """
    trim = getattr(_C, "malloc_trim", None)
    if trim is not None:
        trim(0)


def drop_compiler() -> None:
    """Take the compiler's code out of this process's memory, where the system says what of it was never written to (Linux).

    68 MB have been touched once kernels are loaded, and training would go on top of them. They come back from the file when
    they are run: 10 MB for the next kernel. Takes 6 ms, nearly all of it to ask.
    """
    for begin, end in _unwritten(_text(ROOT / "proc/self/smaps"), "libllvmlite"):
        _C.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_DONTNEED)  # type: ignore[union-attr]


def _unwritten(smaps: str, library: str) -> Iterator[tuple[int, int]]:
    """Mappings of a library that cannot be written to, and never were, not by the loader either (proc_pid_smaps(5))."""
    for mapping in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", smaps):
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-[x-]p .*/([^/\n]+)\n", mapping)
        if head is not None and head[3].startswith(library) and re.search(r"\nAnonymous: +0 kB", mapping):
            yield int(head[1], 16), int(head[2], 16)


def _machine(root: Path) -> Iterator[int]:
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _groups(root: Path) -> Iterator[int]:
    """What each control group leaves, from the process's own up to the root (cgroups(7), both versions).

    In a container the path is often that of the host, and the group itself lies at the top: what is not there is passed over.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            top, limit, usage, cache = root / "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            top, limit, usage, cache = (
                root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            )  # fmt: skip
        else:
            continue
        group = Path(path.strip("/"))
        for folder in (top / group, *(top / parent for parent in group.parents)):
            most, used = _text(folder / limit).strip(), _text(folder / usage).strip()
            if most.isdigit() and used.isdigit():
                yield int(most) - int(used) + _field(folder / "memory.stat", cache)


def _field(path: Path, name: str) -> int:
    found = (line.split() for line in _text(path).splitlines())
    return next((int(parts[1]) for parts in found if parts[0] == name), 0)


def _text(path: Path) -> str:
    """The content of a file that may not be there."""
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
