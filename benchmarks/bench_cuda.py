"""The GPU path: what a model of its occupancy and memory traffic predicts, and, where there is a GPU, what is measured.

python -m benchmarks.bench_cuda
python -m benchmarks.bench_cuda --measure --corpus text8

The prediction is arithmetic on data sheets, not a measurement, and is printed as such. It gives four bounds on words per
second, each as if nothing else cost anything: memory (every row from and to DRAM, once each way), arithmetic (multiply-adds at
the data sheet's rate), issue (instructions, counted in the PTX by hand, at four a cycle) and latency (the round trips that a
group of centres waits for, with the blocks that gpu.py launches). A word is one that subsampling has left.
"""

from __future__ import annotations

import shutil
import statistics
from typing import Any, NamedTuple

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
BARRIERS, BARRIER = 4, 40  # of a block of outputs, and the cycles that each is assumed to take


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


def resident(resources: Resources, card: Card) -> int:
    """Blocks that a multiprocessor can hold: as registers, shared memory and threads allow."""
    from w2v.kernels.cuda import THREADS

    registers = -(-resources.registers // 8) * 8 * THREADS
    return min(card.registers // registers, card.shared_bytes // (resources.shared_bytes + 1024), 2048 // THREADS)


def predict(setting: Setting, card: Card, resources: Resources | None) -> dict[str, Any]:
    """Bounds in words per second, and what they are made of."""
    from w2v.gpu import BLOCKS_PER_MULTIPROCESSOR

    options, layout, work = options_of(setting), layout_of(setting), work_of(setting)
    held = resident(resources, card) if resources else BLOCKS_PER_MULTIPROCESSOR
    blocks = min(held, BLOCKS_PER_MULTIPROCESSOR) * card.multiprocessors
    row = 4 * layout.size
    per_word = 2 * work.rows * row / options.group
    trips = options.group + 2 * work.blocks  # context rows one after the other, output rows in two rounds of warps
    cycles = trips * ROUND_TRIP + work.blocks * BARRIERS * BARRIER
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
    compilers = cuda_ptx.missing() is None and shutil.which("ptxas") is not None
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


def measure(text: common.Text, turns: int) -> list[dict[str, Any]]:
    """Raw words a second of both devices, in turns; the GPU's share of the bound that memory sets."""
    from w2v.cli.train_options import usable_cpus
    from w2v.config import TrainConfig
    from w2v.corpus import encode
    from w2v.train import train

    rows = []
    vocab, corpus = encode(str(text.path), min_count=5)
    with corpus:
        for kernel in KERNELS:
            noise, sg = kernel.endswith("ns"), kernel.startswith("skipgram")
            config = TrainConfig(sg=sg, hs=not noise, negative=5 if noise else 0, epochs=1, threads=usable_cpus())
            seconds: dict[str, list[float]] = {"cpu": [], "cuda": []}
            kept = 0
            for turn in range(turns + 1):  # the first one compiles
                for device, taken in seconds.items():
                    result = train(corpus, vocab.counts, config, device=device)
                    kept = result.epochs[0].words
                    if turn:
                        taken.append(result.seconds)
            rates = {device: text.words / statistics.median(taken) for device, taken in seconds.items()}
            kept_per_second = kept / statistics.median(seconds["cuda"])
            rows.append({"kernel": kernel, "words_per_second": rates, "kept_per_second": kept_per_second})
    return rows


def main() -> None:
    made = common.parser(__doc__)
    made.add_argument("--measure", action="store_true", help="train on the GPU, beside the processor")
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
            measured = measure(text, args.turns)
        for row in measured:
            print(f"  {row['kernel']:12}", *(f"{d} {r / 1e6:.2f} M" for d, r in row["words_per_second"].items()))
    common.write(args, "cuda", rows, measured=measured)


if __name__ == "__main__":
    main()
