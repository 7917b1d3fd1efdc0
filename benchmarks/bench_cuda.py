"""The GPU path: what a model of its occupancy and memory traffic predicts, and, where there is a GPU, what is measured.

python -m benchmarks.bench_cuda
python -m benchmarks.bench_cuda --measure --corpus text8 --epochs 5 --eval-dir DIR

The prediction is arithmetic on data sheets, not a measurement, and is printed as such. It gives four bounds on words per
second, each as if nothing else cost anything: memory (every row from and to DRAM, once each way), arithmetic (multiply-adds at
the data sheet's rate), issue (instructions, counted in the PTX by hand, at four a cycle) and latency (the round trips that a
group of centres waits for, with the blocks that gpu.py launches). A word is one that subsampling has left.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import common, cuda_ptx
from .cuda_ptx import KERNELS, Resources, Setting, layout_of, options_of


class Card(NamedTuple):
    """A data sheet."""

    name: str
    capability: tuple[int, int]
    multiprocessors: int
    clock: float  # Hz, boost
    bandwidth: float  # bytes/s of DRAM
    l2_bytes: int
    shared_bytes: int  # of a multiprocessor
    registers: int = 65536
    lanes: int = 128  # float32 multiply-adds a cycle and multiprocessor


CARDS = (
    Card("A100 SXM 80 GB", (8, 0), 108, 1.41e9, 2.039e12, 40 << 20, 164 << 10, lanes=64),
    Card("H100 SXM", (9, 0), 132, 1.98e9, 3.35e12, 50 << 20, 228 << 10),
)
ROUND_TRIP = 700  # cycles to DRAM and back, an assumption: published micro-benchmarks give 500 to 800
PLANNING = 1000  # instructions of all warps of a block for the plan of a group
BARRIERS, BARRIER = 4, 40  # of a block of outputs, beside a group's two, and the cycles that each is assumed to take


class Work(NamedTuple):
    """What a group of centres costs on average."""

    rows: float  # read from and added to the matrices, of w_in and of the outputs
    instructions: float  # of warps
    multiply_adds: float
    blocks: float  # of outputs


def work_of(setting: Setting, depth: float = 12) -> Work:
    """A group's work, with windows of (window + 1) / 2 on average; depth: nodes of a path, weighted by use."""
    options, layout = options_of(setting), layout_of(setting)
    outputs = options.group + options.negative if setting.kernel.endswith("ns") else depth
    reach = (options.window + 1) / 2 if options.shrink else options.window
    inputs = options.group if setting.kernel.startswith("cbow") else 2 * reach + options.group
    gathered = 2 * options.group * 2 * reach if setting.kernel.startswith("cbow") else 0
    blocks, rows, columns = max(1.0, outputs / 8), options.group + outputs, -(-layout.size // 32)
    dots, updates = inputs * blocks * (14 * layout.size / 16 + 25), inputs * blocks * 40 * columns
    instructions = dots + updates + 2 * 15 * rows * columns + 20 * inputs * blocks + PLANNING + 12 * gathered * columns
    return Work(rows, instructions, (3 * inputs * outputs + gathered) * layout.size, blocks)


def bytes_per_word(setting: Setting, depth: float = 12) -> float:
    """Traffic with the GPU's memory if no cache held anything: every row read and its changes written."""
    return 2 * work_of(setting, depth).rows * 4 * layout_of(setting).size / options_of(setting).group


def resident(resources: Resources, card: Card) -> int:
    """Blocks that a multiprocessor can hold: as registers, shared memory and threads allow."""
    from w2v.kernels.cuda import THREADS

    registers = -(-resources.registers // 8) * 8 * THREADS
    return min(card.registers // registers, card.shared_bytes // (resources.shared_bytes + 1024), 2048 // THREADS)


def predict(setting: Setting, card: Card, resources: Resources | None) -> dict[str, Any]:
    """Bounds in words per second, and what they are made of."""
    from w2v.gpu import BLOCKS_PER_MULTIPROCESSOR
    from w2v.kernels import M_MAX
    from w2v.kernels.cuda import THREADS

    options, layout, work = options_of(setting), layout_of(setting), work_of(setting)
    held = resident(resources, card) if resources else BLOCKS_PER_MULTIPROCESSOR
    blocks = min(held, BLOCKS_PER_MULTIPROCESSOR) * card.multiprocessors
    row, per_word = 4 * layout.size, bytes_per_word(setting)
    warps = THREADS // 32  # each fetches a row at a time: context rows in one round, a block of outputs in two
    trips = math.ceil(options.group / warps) + work.blocks * math.ceil(M_MAX / warps)
    cycles = trips * ROUND_TRIP + (work.blocks * BARRIERS + 2) * BARRIER
    bounds = {
        "memory": card.bandwidth / per_word,
        "arithmetic": card.multiprocessors * card.lanes * card.clock * options.group / work.multiply_adds,
        "issue": card.multiprocessors * 4 * card.clock * options.group / work.instructions,
        "latency": blocks * options.group * card.clock / cycles,
    }
    return {
        **setting._asdict(), "card": card.name, "predicted": True, "bytes_per_word": round(per_word),
        "multiply_adds_per_word": round(work.multiply_adds / options.group), "blocks_resident": held,
        "blocks_launched": blocks, "l2_holds_words": card.l2_bytes // (2 * row),
        "bounds": {name: round(bound) for name, bound in bounds.items()},
        "resources": resources._asdict() if resources else None,
    }  # fmt: skip


def predictions() -> list[dict[str, Any]]:
    """For every kernel and card, with registers from ptxas where the compilers are at hand."""
    compilers = cuda_ptx.missing() is None
    rows = []
    for kernel in KERNELS:
        for card in CARDS:
            setting = Setting(kernel)
            rows.append(predict(setting, card, cuda_ptx.measure(setting, card.capability) if compilers else None))
    return rows


def show(row: dict[str, Any]) -> None:
    bounds = ", ".join(f"{name} {bound / 1e6:,.0f} M" for name, bound in row["bounds"].items())
    taken = row["resources"]
    told = f"{taken['registers']} registers, {taken['shared_bytes']:,} bytes shared" if taken else "registers unknown"
    print(f"  {row['kernel']:12} {row['card']:15} {bounds} words/s; {row['bytes_per_word']:,} bytes a word; {told}")


def copy_bandwidth(megabytes: int = 1024, copies: int = 10) -> float:
    """Bytes a second that a copy within the GPU's memory reads and writes: what the memory gives in practice."""
    from numba import cuda

    here, there = (cuda.device_array(megabytes << 20, np.uint8) for _ in range(2))
    rates = []
    for _ in range(3):
        cuda.synchronize()
        began = time.perf_counter()
        for _ in range(copies):
            there.copy_to_device(here)
        cuda.synchronize()
        rates.append(2 * copies * (megabytes << 20) / (time.perf_counter() - began))
    return max(rates)


def depth_of(counts: Any, config: Any) -> float:
    """Nodes of a Huffman path, on average over the words that subsampling leaves."""
    from w2v import gpu, huffman, sampling

    words = gpu.shares(counts, sampling.keep_thresholds(counts, config.sample))
    return float(words @ np.diff(huffman.build_tree(counts).offsets))


def measure_kernel(kernel: str, text: common.Text, vocab: Any, corpus: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Both devices in turns: raw words a second, and scores of the vectors where there are test sets."""
    from w2v import KeyedVectors
    from w2v.cli.train_options import usable_cpus
    from w2v.config import TrainConfig
    from w2v.train import train

    from .bench_quality import scores

    noise, sg = kernel.endswith("ns"), kernel.startswith("skipgram")
    config = TrainConfig(sg=sg, hs=not noise, negative=5 if noise else 0, epochs=args.epochs, threads=usable_cpus())
    seconds: dict[str, list[float]] = {"cpu": [], "cuda": []}
    judged, kept = {}, 0
    for _ in range(args.turns):
        for device, taken in seconds.items():  # compiling is not in result.seconds
            result = train(corpus, vocab.counts, config, device=device)
            taken.append(result.seconds)
            kept = sum(epoch.words for epoch in result.epochs)
            if args.eval_dir is not None:
                kv = KeyedVectors.from_arrays(list(vocab.words), result.weights.vectors.copy())
                judged[device] = scores(kv, args.eval_dir)
    work, median = args.epochs * text.words, {device: statistics.median(taken) for device, taken in seconds.items()}
    return {
        "kernel": kernel, "words_per_second": {device: work / taken for device, taken in median.items()},
        "kept_per_second": kept / median["cuda"], "scores": judged,
        "bytes_per_word": bytes_per_word(Setting(kernel), depth_of(vocab.counts, config)),
    }  # fmt: skip


def measure(text: common.Text, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Every kernel on both devices, and the GPU's rate as a share of the floor: all rows through its memory, once each way.

    Rows that its L2 cache holds cost no such traffic, so that the share may exceed 1.
    """
    from w2v.corpus import encode

    bandwidth = copy_bandwidth()
    vocab, corpus = encode(str(text.path), min_count=5)
    with corpus:
        rows = [measure_kernel(kernel, text, vocab, corpus, args) for kernel in KERNELS]
    for row in rows:
        row["copy_bandwidth"] = bandwidth
        row["share_of_floor"] = row["kept_per_second"] * row["bytes_per_word"] / bandwidth
    return rows


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("--measure", action="store_true", help="train on the GPU, beside the processor")
    made.add_argument("--epochs", type=int, default=1)
    made.add_argument("--eval-dir", type=Path, help="directory of test sets, as for bench_quality")
    args = common.parse(made)
    rows = predictions()
    print("PREDICTION from data sheets, not measured on any GPU: upper bounds, the least of the four counts")
    for row in rows:
        show(row)
    measured = []
    if args.measure:
        from w2v.device import demand

        print(f"\nmeasured on {demand().name}, raw words/s")
        with common.text_of(args) as text:
            measured = measure(text, args)
        for row in measured:
            rates = (f"{device} {rate / 1e6:.2f} M" for device, rate in row["words_per_second"].items())
            print(f"  {row['kernel']:12}", *rates, f"{row['share_of_floor']:.0%} of the memory floor", row["scores"])
    common.write(args, "cuda", rows, measured=measured)


if __name__ == "__main__":
    main()
