"""Training on an NVIDIA GPU: the matrices on the device, the text streamed there in batches.

Owns the memory of a run on the device, the two batches in flight, and how many blocks share the work. The kernels are in
kernels/cuda/; which chunk is trained when, and at which learning rate, is decided in train.py.

The matrices stay on the device for an epoch, or until a pause, and are copied back then: whoever is told of its end may read
and change them, so the next one sends them again.

A batch is some chunks of the corpus. While one is trained, the next is read, cut into stretches and copied from pinned memory
in a stream of its own. Totals of a batch come back when its buffers are needed again, two batches later.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import device
from .device import Gpu
from .errors import DeviceError
from .kernels import Options, Tree, count_passes
from .kernels.cuda import BLOCKS, STRETCH, THREADS, Layout, Scratch, make_layout

BATCH_TOKENS = 1 << 21  # of a batch: some tens of milliseconds of work
LEAST_BATCH_TOKENS, LEAST_BATCHES = 1 << 16, 16
# Blocks at work on one multiprocessor, as many as its registers allow. Every block works on rows that are out of date by what
# all others do meanwhile: benchmarks/staleness.py shows that a thousand blocks do no harm where changes are calmed.
BLOCKS_PER_MULTIPROCESSOR = BLOCKS
LEAST_GRID = 128  # below, numba warns of a grid too small for a GPU; surplus blocks wait their turn
CALM = 8.0  # so many copies of a row may change at once in full; beyond, changes shrink in proportion
SLOTS = 2  # batches in flight
RESERVE = 256 << 20  # bytes left to the driver: the context, compiled code, other programs


class Layer(NamedTuple):
    """One output layer: the name of its kernel, its table of outputs, its matrix."""

    kernel: str  # skipgram_ns, skipgram_hs, cbow_ns or cbow_hs
    table: Any  # (V, 2) uint32 alias table, or Tree
    w_y: NDArray[np.float32]
    options: Options

    @property
    def noise(self) -> bool:
        """Negative sampling or Huffman paths."""
        return self.kernel.endswith("ns")

    @property
    def outputs(self) -> int:
        """Most output rows of a group."""
        if self.noise:
            return self.options.group + self.options.negative
        return int(np.diff(self.table.offsets).max(initial=1))

    def layout(self) -> Layout:
        """Shared memory of a block."""
        cbow = self.kernel.startswith("cbow")
        return make_layout(self.options.window, self.options.group, self.w_y.shape[1], self.outputs, cbow=cbow)


# --- what is known before training ------------------------------------------------------------------------------------


def cut(tokens: NDArray[np.int32], length: int = STRETCH) -> NDArray[np.int64]:
    """Where stretches begin, and the end: the first sentence at or after each multiple of `length`.

    A sentence that reaches over a whole `length` more is cut at the multiple itself: words at the cut are then no contexts
    of each other. Stretches have fewer than 2 * length tokens.
    """
    begins = np.flatnonzero(tokens < 0) + 1
    marks = np.arange(length, len(tokens), length, dtype=np.int64)
    at = np.searchsorted(begins, marks)
    found = np.append(begins, len(tokens))[at]
    starts = np.where(found < marks + length, found, marks)
    return np.unique(np.concatenate(([0], starts, [len(tokens)]))).astype(np.int64)


def shares(counts: NDArray[np.int64], keep: NDArray[np.uint32]) -> NDArray[np.float64]:
    """(V,) share of each word among the words that subsampling leaves."""
    kept = counts * ((keep + 1.0) / 2.0**32)
    return kept / max(float(kept.sum()), 1.0)


def noise_shares(alias: NDArray[np.uint32]) -> NDArray[np.float64]:
    """(V,) share of each word among noise words, read back from the alias table."""
    own = alias[:, 0] / 2.0**32
    return (own + np.bincount(alias[:, 1], 1 - own, len(alias))) / len(alias)


def calm(copies: NDArray[np.float64]) -> NDArray[np.float32]:
    """How much of a change is kept where so many copies of a row change at once: all up to CALM of them, then CALM / copies.

    Every copy moves towards the same place, as far as it would alone, and the moves are added up.
    """
    return np.minimum(1.0, CALM / np.maximum(copies, CALM)).astype(np.float32)


def copies_of_inputs(counts: Any, keep: Any, options: Options, blocks: int) -> NDArray[np.float64]:
    """(V,) copies of each input row that the rings of all blocks hold at once, on average."""
    return blocks * (2 * options.window + options.group) * shares(counts, keep)


def copies_of_outputs(counts: Any, keep: Any, layer: Layer, blocks: int) -> NDArray[np.float64]:
    """(rows of w_y,) copies of each output row that all blocks are at work on at once, on average."""
    words = shares(counts, keep)
    if layer.noise:
        return blocks * (layer.options.group * words + layer.options.negative * noise_shares(layer.table))
    return blocks * count_passes(layer.table, words, len(layer.w_y))


def needed_bytes(w_in: Any, layers: list[Layer], keep: Any, grid: int, batch: int) -> int:
    """Device memory of a run: matrices, tables, what blocks and batches work in."""
    tables = [keep, *(a for layer in layers for a in (layer.table if isinstance(layer.table, tuple) else (layer.table,)))]
    matrices = [w_in, *(layer.w_y for layer in layers)]
    rows = len(w_in) + sum(len(w_in) + len(layer.w_y) for layer in layers)  # lock and calm
    lines = sum(grid * _line_length(layer.layout()) for layer in layers)
    batches = SLOTS * (4 * batch + 8 * _most_stretches(batch))
    return int(sum(a.nbytes for a in (*matrices, *tables)) + 4 * rows + 4 * lines + batches)


def _most_stretches(batch: int) -> int:
    return batch // STRETCH + 2


def _line_length(layout: Layout) -> int:
    return 3 * layout.longest + 1


# --- the run ----------------------------------------------------------------------------------------------------------


class _Slot:
    """The buffers of one batch in flight, on both sides."""

    def __init__(self, cuda: Any, batch: int, layers: int) -> None:
        def both(shape: Any, dtype: Any) -> tuple[Any, Any]:
            return cuda.pinned_array(shape, dtype), cuda.device_array(shape, dtype)

        self.tokens, self.d_tokens = both(batch, np.int32)
        self.stretches, self.d_stretches = both(_most_stretches(batch), np.int64)
        self.rng, self.d_rng = both(2, np.uint64)
        self.totals, self.d_totals = both((layers, 3), np.float64)
        self.zeros = cuda.pinned_array((layers, 3), np.float64)
        self.zeros[:] = 0
        self.copied, self.trained = cuda.event(), cuda.event()
        self.busy = False


class Trainer:
    """A run on the GPU. `begin`, then `train` chunk after chunk, then `finish`."""

    def __init__(
        self, w_in: NDArray[np.float32], layers: list[Layer], keep: NDArray[np.uint32],
        counts: NDArray[np.int64], lock: NDArray[np.float32] | None, starts: NDArray[np.int64], *,
        blocks: int | None = None,
    ) -> None:  # fmt: skip
        """Check that everything fits (DeviceError), put the tables on the device and compile; the matrices follow in `begin`.

        starts: where the corpus's chunks begin, and its end, in tokens.
        blocks: stretches in work at once; by default BLOCKS_PER_MULTIPROCESSOR for each of the GPU's.
        """
        from numba import cuda

        gpu = device.demand()
        self.cuda, self.w_in, self.layers = cuda, w_in, layers
        # a small corpus in some batches too: the learning rate is that of a batch
        self.batch_tokens = min(BATCH_TOKENS, max(int(starts[-1]) // LEAST_BATCHES, LEAST_BATCH_TOKENS))
        self.capacity = self.batch_tokens + int(np.diff(starts).max(initial=1))
        blocks = gpu.multiprocessors * BLOCKS_PER_MULTIPROCESSOR if blocks is None else blocks
        blocks = min(blocks, _most_stretches(self.capacity) - 1)
        self.grid = max(blocks, LEAST_GRID)
        _check_fit(gpu, needed_bytes(w_in, layers, keep, self.grid, self.capacity), layers)
        self.keep = cuda.to_device(keep)
        self.lock = cuda.to_device(np.ones(len(w_in), np.float32) if lock is None else lock)
        self.tables = [_to_device(cuda, layer.table) for layer in layers]
        self.scratch = [self._make_scratch(layer, counts, keep, blocks) for layer in layers]
        self.slots = [_Slot(cuda, self.capacity, len(layers)) for _ in range(SLOTS)]
        self.copying, self.training = cuda.stream(), cuda.stream()
        self.turn = 0
        self.chunks: list[NDArray[np.int32]] = []  # of the batch that is being put together
        self.d_in = cuda.device_array(w_in.shape, np.float32)
        self.d_y = [cuda.device_array(layer.w_y.shape, np.float32) for layer in layers]
        self.kernels = [self._compile(number) for number in range(len(layers))]

    def _make_scratch(self, layer: Layer, counts: Any, keep: Any, blocks: int) -> Scratch:
        layout = layer.layout()
        return Scratch(
            stretches=None,  # of each batch
            calm_in=self.cuda.to_device(calm(copies_of_inputs(counts, keep, layer.options, blocks))),
            calm_y=self.cuda.to_device(calm(copies_of_outputs(counts, keep, layer, blocks))),
            line=self.cuda.device_array((self.grid, _line_length(layout)), np.int32),
            layout=layout,
        )

    def _compile(self, number: int) -> Any:
        from .kernels.cuda import kernels, port

        layer, layout = self.layers[number], self.scratch[number].layout
        kernel = kernels.specialise(layer.kernel, layout, layer.options)
        arguments = self._arguments(number, self.slots[0], 1, 1, 0.0)
        try:
            port.prepare(kernel, arguments, layout.nbytes)
        except Exception as error:  # a missing compiler library, a driver too old: anything but our own code
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise DeviceError(f"the GPU's kernels cannot be compiled: {first}", "pip install 'w2v[cuda]'") from error
        return kernel

    def _arguments(self, number: int, slot: _Slot, tokens: int, stretches: int, alpha: float) -> tuple[Any, ...]:
        layer = self.layers[number]
        scratch = self.scratch[number]._replace(stretches=slot.d_stretches[: stretches + 1])
        return (
            slot.d_tokens[:tokens], self.keep, self.tables[number], self.d_in, self.d_y[number], self.lock,
            np.float32(alpha), layer.options, slot.d_rng, scratch, slot.d_totals[number],
        )  # fmt: skip

    def begin(self) -> None:
        """Copy the matrices to the device."""
        self.d_in.copy_to_device(self.w_in, stream=self.training)
        for there, layer in zip(self.d_y, self.layers, strict=True):
            there.copy_to_device(layer.w_y, stream=self.training)

    def train(self, tokens: NDArray[np.int32], alpha: float, streams: tuple[int, int]) -> NDArray[np.float64]:
        """Take a chunk; with enough of them send a batch on its way, with the alpha and the streams of its first chunk.

        Returns (loss, pairs, words) of the batch whose place it takes; zeros if there is none.
        """
        if not self.chunks:
            self.alpha, self.streams = alpha, streams
        self.chunks.append(tokens)
        if sum(map(len, self.chunks)) < self.batch_tokens:
            return np.zeros(3)
        return self._send()

    def _send(self) -> NDArray[np.float64]:
        slot = self.slots[self.turn % SLOTS]
        self.turn += 1
        totals = self._collect(slot)
        tokens, stretches = self._fill(slot)
        slot.copied.wait(self.training)
        for number, kernel in enumerate(self.kernels):
            arguments = self._arguments(number, slot, tokens, stretches, self.alpha)
            kernel[self.grid, THREADS, self.training, self.scratch[number].layout.nbytes](*arguments)
        slot.d_totals.copy_to_host(slot.totals, stream=self.training)
        slot.trained.record(self.training)
        slot.busy = True
        return totals

    def _fill(self, slot: _Slot) -> tuple[int, int]:
        """Copy the chunks to the device, behind the batch in work; return their tokens and stretches."""
        tokens = sum(map(len, self.chunks))
        np.concatenate(self.chunks, out=slot.tokens[:tokens])
        self.chunks = []
        starts = cut(slot.tokens[:tokens])
        slot.stretches[: len(starts)] = starts
        slot.rng[0], slot.rng[1] = self.streams
        for there, here in (
            (slot.d_tokens[:tokens], slot.tokens[:tokens]),
            (slot.d_stretches[: len(starts)], slot.stretches[: len(starts)]),
            (slot.d_rng, slot.rng),
            (slot.d_totals, slot.zeros),
        ):
            there.copy_to_device(here, stream=self.copying)
        slot.copied.record(self.copying)
        return tokens, len(starts) - 1

    def _collect(self, slot: _Slot) -> NDArray[np.float64]:
        """Wait for the batch in this slot; its losses add up over the layers, which all go over the same pairs and words."""
        if not slot.busy:
            return np.zeros(3)
        slot.trained.synchronize()
        slot.busy = False
        return np.array([slot.totals[:, 0].sum(), slot.totals[-1, 1], slot.totals[-1, 2]])

    def finish(self) -> NDArray[np.float64]:
        """Wait for the batches in flight, copy the matrices back, and return what was not returned yet."""
        totals = self._send() if self.chunks else np.zeros(3)
        for slot in self.slots:
            totals += self._collect(slot)
        self.d_in.copy_to_host(self.w_in)
        for there, layer in zip(self.d_y, self.layers, strict=True):
            there.copy_to_host(layer.w_y)
        return totals


def _to_device(cuda: Any, table: Any) -> Any:
    if isinstance(table, Tree):
        return Tree(*(cuda.to_device(part) for part in table))
    return cuda.to_device(table)


def _check_fit(gpu: Gpu, needed: int, layers: list[Layer]) -> None:
    available = max(gpu.free_bytes - RESERVE, 0)
    if needed > available:
        raise DeviceError(
            f"training needs {needed:,} bytes of the GPU's memory, {available:,} are free",
            "fewer words (--max-final-vocab, --min-count), a smaller --size, or --device cpu",
        )
    for layer in layers:
        layout = layer.layout()
        if layout.nbytes > gpu.shared_bytes:
            raise DeviceError(
                f"a window of {layer.options.window}, rows of {layout.size} numbers and up to {layout.outputs:,} outputs need"
                f" {layout.nbytes:,} bytes of shared memory, a block of this GPU has {gpu.shared_bytes:,}",
                "a smaller --window, --size or --negative, or --device cpu",
            )
