"""The four kernels as the papers write them: loops in float64, one line an equation. Slow on purpose, and nobody's code to copy.

Draws its random numbers through kernels/ops.py in the order of the kernels, and takes the same groups, blocks and pool of noise,
so that a whole chunk can be compared number by number. Shares nothing else with w2v/kernels.

A step: input rows x_c (contexts, or CBOW's hidden vectors) meet output rows y_m. Every row knows the centres it stands for, and a
pair (c, m) is trained once for each centre that both stand for. With s_m = +1 for a true word and -1 for noise,

    u_cm = s_m <x_c, y_m>      loss = -sum n_cm log sigma(u_cm)      g_cm = lr n_cm s_m sigma(-u_cm)
    x_c += sum_m g_cm y_m      y_m += sum_c g_cm x_c          (`score`, `update`)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from w2v.kernels import ops

BLOCK = 8  # most outputs that meet the same state of the inputs
POOL = 64  # noise words at hand
WORDS, NOISE = 0, 1  # the two random streams


class Output(NamedTuple):
    """A row of w_out or w_node, its sign, and the centres (positions) it is an output of."""

    row: int
    sign: int
    centres: frozenset[int]


class Totals(NamedTuple):
    """What the kernels add to `stats`."""

    loss: float
    pairs: int
    words: int


# --- random choices -----------------------------------------------------------------------------------------------------


def draw(rng: Any, stream: int) -> Any:
    """64 random bits; the counter may run over."""
    with np.errstate(over="ignore"):
        return ops.draw(rng, stream)


def sentences(tokens: Any, keep: Any, options: Any, rng: Any) -> Iterator[tuple[list[int], list[int]]]:
    """What subsampling leaves of each sentence: its words, and the window of each."""
    words: list[int] = []
    reach: list[int] = []
    for word in tokens:
        if word < 0:
            yield words, reach
            words, reach = [], []
            continue
        bits = draw(rng, WORDS)
        if ops.is_kept(bits, keep[word]):
            words.append(int(word))
            reach.append(int(options.window - ops.below(bits, options.window)) if options.shrink else options.window)
    yield words, reach


class Noise:
    """A chunk's source of noise words: the latest POOL draws from the noise distribution."""

    def __init__(self, alias: Any, rng: Any) -> None:
        self.alias, self.rng = alias, rng
        self.pool = [self._draw() for _ in range(POOL)]

    def _draw(self) -> int:
        return int(ops.alias_draw(draw(self.rng, NOISE), self.alias))

    def take(self, number: int, group: int) -> list[int]:
        """Noise words for the sentence's group of this number: renew one word of the pool, go through it in odd strides."""
        self.pool[group % POOL] = self._draw()
        bits = int(draw(self.rng, NOISE))
        place, stride = bits % POOL, (bits >> 32) % POOL | 1
        return [self.pool[(place + k * stride) % POOL] for k in range(number)]


def noise_outputs(group: range, words: list[int], source: Noise, options: Any) -> list[Output]:
    """The words of a group's centres, then noise for all of them; a noise word that is one of them is left out."""
    centres = frozenset(k for k in group if k < len(words))
    outputs = [Output(words[k], +1, frozenset([k])) for k in sorted(centres)]
    outputs += [Output(0, +1, frozenset())] * (len(group) - len(centres))  # the last group of a sentence may be short
    for noise in source.take(options.negative, group.start // len(group)):
        outputs.append(Output(noise, -1, frozenset() if noise in {words[k] for k in centres} else centres))
    return outputs


def path_outputs(centre: int, words: list[int], tree: Any) -> list[Output]:
    """The inner nodes on the Huffman path of the centre's word: bit 0 is +1, bit 1 is -1."""
    path = range(tree.offsets[words[centre]], tree.offsets[words[centre] + 1])
    return [Output(int(tree.points[p]), 1 - 2 * int(tree.codes[p]), frozenset([centre])) for p in path]


def contexts(centre: int, words: list[int], reach: list[int]) -> list[int]:
    """Positions within the centre's window, the centre left out."""
    near = range(centre - reach[centre], centre + reach[centre] + 1)
    return [j for j in near if 0 <= j < len(words) and j != centre]


# --- arithmetic ---------------------------------------------------------------------------------------------------------


def minus_log_sigma(u: float) -> float:
    """-log sigma(u), for any u."""
    return max(-u, 0.0) + math.log1p(math.exp(-abs(u)))


def rest(u: float, options: Any) -> float:
    """sigma(-u), what is left to learn; beyond `clamp` taken as 0 or 1, beyond `skip` as nothing."""
    if abs(u) > options.skip:
        return 0.0
    if abs(u) > options.clamp:
        return 0.0 if u > 0 else 1.0
    return 1 / (1 + math.exp(u)) if u < 0 else math.exp(-u) / (1 + math.exp(-u))


def blocks(outputs: list[Output]) -> Iterator[list[Output]]:
    """As few blocks as will do, as even as can be."""
    if outputs:
        number = math.ceil(len(outputs) / BLOCK)
        per = math.ceil(len(outputs) / number)
        yield from (outputs[k : k + per] for k in range(0, len(outputs), per))


def score(x: list[Any], of: list[set[int]], block: list[Output], w_y: Any, lr: float, options: Any) -> tuple[Any, float]:
    """g (C, M) and the loss of the inputs x with one block of outputs."""
    g, loss = np.zeros((len(x), len(block))), 0.0
    for c in range(len(x)):
        for m, output in enumerate(block):
            n = len(of[c] & output.centres)
            u = output.sign * (x[c] @ w_y[output.row])
            loss += n * minus_log_sigma(u)
            g[c, m] = lr * n * output.sign * rest(u, options)
    return g, loss


def update(x: list[Any], to: list[Any], lock: list[float], block: list[Output], g: Any, w_y: Any) -> None:
    """x_c += lock_c sum_m g_cm y_m (in `to`), y_m += sum_c g_cm x_c."""
    y = [w_y[output.row].copy() for output in block]
    for c in range(len(x)):  # one by one: a word that is there twice has moved when it comes again
        before = x[c].copy()
        to[c] += lock[c] * (g[c] @ y)
        for m, output in enumerate(block):
            w_y[output.row] += g[c, m] * before


def skipgram_step(group: range, outputs: list[Output], words: list[int], reach: list[int], w_in: Any, w_y: Any, lock: Any,
                  lr: float, options: Any) -> tuple[float, int]:  # fmt: skip
    """Every context of the group's centres is an input row, moved block by block. Returns loss and (centre, context) pairs."""
    near = {k: contexts(k, words, reach) for k in group if k < len(words)}
    places = sorted(set().union(*near.values()))
    x = [w_in[words[j]] for j in places]  # views: they move
    of = [{k for k in near if j in near[k]} for j in places]
    locks = [1.0 if lock is None else float(lock[words[j]]) for j in places]
    total = 0.0
    for block in blocks(outputs):
        g, loss = score(x, of, block, w_y, lr, options)
        update(x, x, locks, block, g, w_y)
        total += loss
    return total, sum(map(len, near.values()))


def cbow_step(group: range, outputs: list[Output], words: list[int], reach: list[int], w_in: Any, w_y: Any, lock: Any, lr: float,
              options: Any) -> tuple[float, int]:  # fmt: skip
    """The mean or sum of each centre's contexts is an input row. Returns loss and number of centres with a context."""
    rows = {k: [words[j] for j in contexts(k, words, reach)] for k in group if k < len(words)}
    rows = {k: near for k, near in rows.items() if near}
    hidden = [np.mean(w_in[near], axis=0) if options.mean else np.sum(w_in[near], axis=0) for near in rows.values()]
    error = [np.zeros_like(h) for h in hidden]
    scored = [(block, *score(hidden, [{k} for k in rows], block, w_y, lr, options)) for block in blocks(outputs)]
    for block, g, _ in scored:
        update(hidden, error, [1.0] * len(hidden), block, g, w_y)
    for near, e in zip(rows.values(), error, strict=True):
        for row in near:
            w_in[row] += (1.0 if lock is None else lock[row]) * e / (len(near) if options.divide else 1)
    return sum(loss for _, _, loss in scored), len(rows)


# --- the four -------------------------------------------------------------------------------------------------------------


def _chunk(step: Any, noise: bool, tokens: Any, keep: Any, table: Any, w_in: Any, w_y: Any, lock: Any, lr: float, options: Any,
           rng: Any) -> Totals:  # fmt: skip
    loss, pairs, kept = 0.0, 0, 0
    size, source = (options.group, Noise(table, rng)) if noise else (1, None)
    for words, reach in sentences(tokens, keep, options, rng):
        for i in range(0, len(words), size):
            group = range(i, i + size)
            outputs = noise_outputs(group, words, source, options) if source else path_outputs(i, words, table)
            step_loss, step_pairs = step(group, outputs, words, reach, w_in, w_y, lock, lr, options)
            loss, pairs = loss + step_loss, pairs + step_pairs
        kept += len(words)
    return Totals(loss, pairs, kept)


def skipgram_ns(*arguments: Any) -> Totals:
    """(tokens, keep, alias, w_in, w_out, lock, lr, options, rng): changes w_in and w_out, float64."""
    return _chunk(skipgram_step, True, *arguments)


def skipgram_hs(*arguments: Any) -> Totals:
    """(tokens, keep, tree, w_in, w_node, lock, lr, options, rng): changes w_in and w_node, float64."""
    return _chunk(skipgram_step, False, *arguments)


def cbow_ns(*arguments: Any) -> Totals:
    """(tokens, keep, alias, w_in, w_out, lock, lr, options, rng): changes w_in and w_out, float64."""
    return _chunk(cbow_step, True, *arguments)


def cbow_hs(*arguments: Any) -> Totals:
    """(tokens, keep, tree, w_in, w_node, lock, lr, options, rng): changes w_in and w_node, float64."""
    return _chunk(cbow_step, False, *arguments)
