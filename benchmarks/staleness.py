"""What many blocks at once do to the vectors: the GPU's schedule on the processor, all blocks in lock step.

python -m benchmarks.staleness --corpus text8 --eval-dir DIR --blocks 1 396 1056

Does what kernels/cuda does and when: context rows are copied into a block's ring, and their changes added to the matrix when
they leave it; output rows are read as they were before the round in which all blocks train a group. That is the worst order
that a GPU can take. Skip-gram with negative sampling, noise drawn afresh for each group. `--calm 0` leaves changes as they are.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from w2v.kernels import ops

from . import common
from .bench_quality import scores

draw, below, is_kept, alias_draw = (numba.njit(f) for f in (ops.draw, ops.below, ops.is_kept, ops.alias_draw))
FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}


class Blocks(NamedTuple):
    """The state of B blocks: rings of R rows, sentences of up to T words, changes to up to M output rows."""

    ring: Any  # (B, R, S) float32
    start: Any  # (B, R, S) float32
    words: Any  # (B, T) int64
    length: Any  # (B,) int64: of the sentence; -1 when there is none left
    at: Any  # (B,) int64: its next group
    row: Any  # (B, M) int64
    change: Any  # (B, M, S) float32
    rows: Any  # (B,) int64
    reach: Any  # (group,) int64


def make_blocks(blocks: int, window: int, group: int, negative: int, size: int, longest: int) -> Blocks:
    ring, outputs = (blocks, 2 * window + group, size), group + negative
    return Blocks(
        np.zeros(ring, np.float32), np.zeros(ring, np.float32), np.zeros((blocks, longest), np.int64),
        np.zeros(blocks, np.int64), np.zeros(blocks, np.int64), np.zeros((blocks, outputs), np.int64),
        np.zeros((blocks, outputs, size), np.float32), np.zeros(blocks, np.int64), np.zeros(group, np.int64),
    )  # fmt: skip


@numba.njit(fastmath=FAST)
def write_back(k, low, high, b, w_in, calm):
    """The changes of positions low..high-1 reach the matrix."""
    for p in range(low, high):
        word, r = b.words[k, p], p % b.ring.shape[1]
        for d in range(w_in.shape[1]):
            w_in[word, d] += calm[word] * (b.ring[k, r, d] - b.start[k, r, d])


@numba.njit(fastmath=FAST)
def read(k, low, high, b, w_in):
    """Positions low..high-1 get their copies."""
    for p in range(low, high):
        word, r = b.words[k, p], p % b.ring.shape[1]
        for d in range(w_in.shape[1]):
            b.ring[k, r, d] = b.start[k, r, d] = w_in[word, d]


@numba.njit
def next_sentence(k, turn, pieces, tokens, keep, rng, b):
    """Subsample pieces until one has words; return the number of the next piece."""
    b.length[k], b.at[k] = -1, 0
    while b.length[k] < 1 and turn < pieces.size - 1:
        n = 0
        for t in range(pieces[turn], pieces[turn + 1]):
            if tokens[t] >= 0 and is_kept(draw(rng, 0), keep[tokens[t]]):
                b.words[k, n] = tokens[t]
                n += 1
        b.length[k] = n
        turn += 1
    if b.length[k] < 1:
        b.length[k] = -1
    return turn


@numba.njit(fastmath=FAST, error_model="numpy")
def train_group(k, alias, w_out, calm, lr, window, negative, rng, b):
    """One group of block k: its ring moves, the changes of output rows are noted. Returns loss and pairs."""
    i, n, group, ring = b.at[k], b.length[k], b.reach.size, b.ring.shape[1]
    stop, m, loss, pairs = min(i + group, n), 0, 0.0, 0
    for c in range(i, stop):
        b.reach[c - i] = window - below(draw(rng, 0), window)
    for o in range(stop - i + negative):
        word, own = (b.words[k, i + o], i + o) if o < stop - i else (alias_draw(draw(rng, 1), alias), -1)
        sign = np.float32(1) if own >= 0 else np.float32(-1)
        if own < 0 and (b.words[k, i:stop] == word).any():
            continue
        b.row[k, m] = word
        b.change[k, m] = 0
        for p in range(max(0, i - window), min(n, stop + window)):
            times = 0
            for c in range(i, stop):
                times += c != p and abs(c - p) <= b.reach[c - i] and own in (-1, c)
            if times == 0:
                continue
            r, u = p % ring, np.float32(0)
            for d in range(w_out.shape[1]):
                u += b.ring[k, r, d] * w_out[word, d]
            u *= sign
            t = np.exp(-abs(u))
            rest = (t if u > 0 else np.float32(1)) / (1 + t) if abs(u) <= 6 else np.float32(u < 0)
            g = np.float32(times) * lr * sign * rest
            loss += times * (max(-u, np.float32(0)) + np.log1p(t))
            pairs += times if own >= 0 else 0
            for d in range(w_out.shape[1]):
                x = b.ring[k, r, d]
                b.change[k, m, d] += calm[word] * g * x
                b.ring[k, r, d] = x + g * w_out[word, d]
        m += 1
    b.rows[k], b.at[k] = m, stop
    return loss, pairs


@numba.njit(fastmath=FAST)
def epoch(tokens, pieces, keep, alias, calm_in, calm_out, w_in, w_out, first_lr, last_lr, window, negative, rng, b):
    """All blocks, group by group, over the text once; the mean loss of a pair."""
    turn, loss, pairs, group = 0, 0.0, 0, b.reach.size
    b.length[:] = 0
    b.at[:] = 0
    while (b.length >= 0).any():
        lr = np.float32(first_lr + (last_lr - first_lr) * turn / pieces.size)
        for k in range(b.length.size):
            b.rows[k] = 0
            if b.length[k] < 0:
                continue
            if b.at[k] >= b.length[k]:
                turn = next_sentence(k, turn, pieces, tokens, keep, rng, b)
                read(k, 0, min(window, b.length[k]), b, w_in)
            if b.length[k] < 0:
                continue
            i, n = b.at[k], b.length[k]
            write_back(k, max(0, i - window - group), i - window, b, w_in, calm_in)
            read(k, i + window, min(i + window + group, n), b, w_in)
            part, more = train_group(k, alias, w_out, calm_out, lr, window, negative, rng, b)
            loss, pairs = loss + part, pairs + more
            if b.at[k] >= n:
                write_back(k, max(0, i - window), n, b, w_in, calm_in)
        for k in range(b.length.size):
            for m in range(b.rows[k]):
                w_out[b.row[k, m]] += b.change[k, m]
    return loss / max(pairs, 1)


def pieces_of(tokens: Any) -> Any:
    """Where stretches and sentences begin, and the end."""
    from w2v.gpu import cut

    return np.union1d(cut(tokens), np.append(np.flatnonzero(tokens < 0) + 1, len(tokens)))


def emulate(vocab: Any, tokens: Any, config: Any, blocks: int, calmed: bool) -> tuple[Any, list[float]]:
    """Vectors and the loss of each epoch, by so many blocks in lock step."""
    from w2v import gpu, sampling
    from w2v.passes import make_options
    from w2v.weights import Weights

    counts, weights = vocab.counts, Weights.create(len(vocab), config)
    keep, alias = sampling.keep_thresholds(counts, config.sample), sampling.alias_table(counts, config.ns_exponent)
    layer = gpu.Layer("skipgram_ns", alias, weights.w_out, make_options(config, noise=True))
    calm_in, calm_out = np.ones((2, len(counts)), np.float32)
    if calmed:
        calm_in = gpu.calm(gpu.copies_of_inputs(counts, keep, layer.options, blocks))
        calm_out = gpu.calm(gpu.copies_of_outputs(counts, keep, layer, blocks))
    pieces = pieces_of(tokens)
    state = make_blocks(
        blocks, config.window, config.noise_group, config.negative, weights.w_in.shape[1], int(np.diff(pieces).max())
    )
    rng, losses = np.random.default_rng(config.seed).integers(0, 2**63, 2, np.uint64), []
    for number in range(config.epochs):
        rates = [config.start_alpha + (config.min_alpha - config.start_alpha) * e / config.epochs for e in (number, number + 1)]
        losses.append(
            epoch(tokens, pieces, keep, alias, calm_in, calm_out, weights.w_in, weights.w_out, *rates,
                  config.window, config.negative, rng, state)
        )  # fmt: skip
        if not math.isfinite(losses[-1]):
            break
    return weights.vectors, losses


def arguments() -> argparse.Namespace:
    made = common.parser(__doc__)
    made.add_argument("--eval-dir", type=Path, help="directory of test sets, as for bench_quality")
    made.add_argument("--epochs", type=int, default=5)
    made.add_argument("--blocks", type=int, nargs="+", default=[1, 396], metavar="N")
    made.add_argument("--calm", type=int, nargs="+", default=[1, 0], choices=[0, 1], help="1: as gpu.py, 0: not at all")
    return common.parse(made)


def main() -> None:
    from w2v import KeyedVectors
    from w2v.config import TrainConfig
    from w2v.corpus import encode

    args, rows = arguments(), []
    config = TrainConfig(epochs=args.epochs)
    with common.text_of(args) as text:
        vocab, corpus = encode(str(text.path), min_count=config.min_count)
        tokens = np.concatenate([corpus.read(k) for k in range(len(corpus.starts) - 1)])
        corpus.close()
    for blocks in args.blocks:
        for calmed in args.calm if blocks > 1 else [0]:
            began = time.perf_counter()
            vectors, losses = emulate(vocab, tokens, config, blocks, bool(calmed))
            diverged = not math.isfinite(losses[-1])
            row: dict[str, Any] = {"blocks": blocks, "calmed": bool(calmed), "diverged": diverged}
            row["loss"] = [round(loss, 4) if math.isfinite(loss) else None for loss in losses]
            row["seconds"] = round(time.perf_counter() - began)
            if args.eval_dir is not None and not diverged:
                row["scores"] = scores(KeyedVectors.from_arrays(list(vocab.words), vectors.copy()), args.eval_dir)
            rows.append(row)
            print(row, flush=True)
    common.write(args, "staleness", rows)


if __name__ == "__main__":
    main()
