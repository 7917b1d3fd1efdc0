"""The four kernels as the papers write them: loops in float64, one line an equation. Slow on purpose.

Draws its random numbers through kernels/ops.py in the order of the kernels, and takes the same groups, blocks and pool
of noise, so that a whole chunk can be compared number by number. Shares nothing else with w2v/kernels.

A step: input rows x_c (contexts, or CBOW's hidden vectors) meet output rows y_m. Every row knows the centres it stands
for, and a pair (c, m) is trained once for each centre that both stand for. With s_m = +1 for a true word, -1 for noise,

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
STEP = 32  # places of a window whose words meet the same state of the outputs
HIDDEN = 3  # hidden vectors that meet the same state of an output
POOL = 64  # noise words at hand
WORDS, NOISE = 0, 1  # the two random streams


class Output(NamedTuple):
    """A row of w_out or w_node, its sign, and the centres (positions) it is an output of."""

    row: int
    sign: int
    centres: frozenset[int]


class Model(NamedTuple):
    """What a step changes and is ruled by; both matrices are float64."""

    w_in: Any  # (V, D)
    w_y: Any  # w_out or w_node
    lock: Any  # (V,) or None
    lr: float
    options: Any  # kernels.Options


class Totals(NamedTuple):
    """What the kernels add to `stats`."""

    loss: float
    pairs: int
    words: int


# --- random choices --------------------------------------------------------------------------------------------------


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
        self.turn = 0

    def _draw(self) -> int:
        return int(ops.alias_draw(draw(self.rng, NOISE), self.alias))

    def take(self, number: int) -> list[int]:
        """Noise words for the next group: renew the oldest word of the pool, go through it in odd strides."""
        self.pool[self.turn % POOL] = self._draw()
        self.turn += 1
        bits = int(draw(self.rng, NOISE))
        place, stride = bits % POOL, (bits >> 32) % POOL | 1
        return [self.pool[(place + k * stride) % POOL] for k in range(number)]


def noise_outputs(group: range, words: list[int], source: Noise, options: Any) -> list[Output]:
    """The words of a group's centres, then noise for all of them; a noise word that is one of them is left out."""
    centres = frozenset(k for k in group if k < len(words))
    outputs = [Output(words[k], +1, frozenset([k])) for k in sorted(centres)]
    outputs += [Output(0, +1, frozenset())] * (len(group) - len(centres))  # the last group of a sentence may be short
    for noise in source.take(options.negative):
        outputs.append(Output(noise, -1, frozenset() if noise in {words[k] for k in centres} else centres))
    return outputs


def path_outputs(centre: int, words: list[int], tree: Any) -> list[Output]:
    """The inner nodes on the Huffman path of the centre's word: bit 0 is +1, bit 1 is -1."""
    path = range(tree.offsets[words[centre]], tree.offsets[words[centre] + 1])
    return [Output(int(tree.points[p]), 1 - 2 * int(tree.codes[p]), frozenset([centre])) for p in path]


def contexts(centre: int, words: list[int], reach: int) -> list[int]:
    """Positions within the centre's window, the centre left out."""
    near = range(centre - reach, centre + reach + 1)
    return [j for j in near if 0 <= j < len(words) and j != centre]


# --- arithmetic ------------------------------------------------------------------------------------------------------


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


def score(x: list[Any], of: list[set[int]], block: list[Output], model: Model) -> tuple[Any, float]:
    """g (C, M) and the loss of the inputs x with one block of outputs."""
    g, loss = np.zeros((len(x), len(block))), 0.0
    for c in range(len(x)):
        for m, output in enumerate(block):
            n = len(of[c] & output.centres)
            u = output.sign * (x[c] @ model.w_y[output.row])
            loss += n * minus_log_sigma(u)
            g[c, m] = model.lr * n * output.sign * rest(u, model.options)
    return g, loss


def update(x: list[Any], to: list[Any], lock: list[float], block: list[Output], g: Any, model: Model) -> None:
    """x_c += lock_c sum_m g_cm y_m (in `to`), y_m += sum_c g_cm x_c."""
    y = [model.w_y[output.row].copy() for output in block]
    for c in range(len(x)):  # one by one: a word that is there twice has moved when it comes again
        before = x[c].copy()
        to[c] += lock[c] * (g[c] @ y)
        for m, output in enumerate(block):
            model.w_y[output.row] += g[c, m] * before


def update_hidden(hidden: list[Any], error: list[Any], block: list[Output], g: Any, model: Model) -> None:
    """One output after another, so that one that is there twice has moved when it comes again: error_c += g_cm y_m,
    y_m += sum_c g_cm h_c.
    """
    for m, output in enumerate(block):
        y = model.w_y[output.row]
        for c in range(len(hidden)):
            error[c] += g[c, m] * y
        y += g[:, m] @ np.array(hidden)


def locks(model: Model, rows: list[int]) -> list[float]:
    """How far each row may move."""
    return [1.0 if model.lock is None else float(model.lock[row]) for row in rows]


def skipgram_step(near: dict[int, list[int]], words: list[int], outputs: list[Output], model: Model) -> tuple[float, int]:
    """Every context of the group's centres is an input row, moved block by block; near: each centre's contexts.

    Returns the loss and the number of (centre, context) pairs.
    """
    all_places, total = set().union(*near.values(), near), 0.0
    for start in range(min(all_places), max(all_places) + 1, STEP):
        places = [j for j in range(start, start + STEP) if any(j in js for js in near.values())]
        rows = [words[j] for j in places]
        x = [model.w_in[row] for row in rows]  # views: they move
        of = [{k for k in near if j in near[k]} for j in places]
        for block in blocks(outputs):
            g, loss = score(x, of, block, model)
            update(x, x, locks(model, rows), block, g, model)
            total += loss
    return total, sum(map(len, near.values()))


def cbow_step(near: dict[int, list[int]], words: list[int], lists: list[list[Output]], model: Model) -> tuple[float, int]:
    """The mean or sum of each centre's contexts is an input row, and meets a list of outputs: one for all, or one each.

    Returns the loss and the centres with a context.
    """
    rows, total = {k: [words[j] for j in places] for k, places in near.items() if places}, 0.0
    hidden = [model.w_in[r].mean(0) if model.options.mean else model.w_in[r].sum(0) for r in rows.values()]
    error, centres = [np.zeros_like(h) for h in hidden], list(rows)
    for who, outputs in zip([range(len(rows))] if len(lists) == 1 else [[c] for c in range(len(rows))], lists, strict=False):
        g, loss = score([hidden[c] for c in who], [{centres[c]} for c in who], outputs, model)
        for k in range(0, len(who), HIDDEN):
            few = who[k : k + HIDDEN]
            update_hidden([hidden[c] for c in few], [error[c] for c in few], outputs, g[k : k + HIDDEN], model)
        total += loss
    for context_rows, e in zip(rows.values(), error, strict=True):
        for row, lock in zip(context_rows, locks(model, context_rows), strict=True):
            model.w_in[row] += lock * e / (len(context_rows) if model.options.divide else 1)
    return total, len(rows)


# --- a chunk ---------------------------------------------------------------------------------------------------------


def train_chunk(kernel: str, tokens: Any, keep: Any, table: Any, model: Model, rng: Any) -> Totals:
    """What the kernel of this name does to the model; table: its alias table, or Tree."""
    cbow = kernel.startswith("cbow")
    noise = Noise(table, rng) if kernel.endswith("ns") else None
    size = model.options.group if noise or cbow else 1
    loss, pairs, kept = 0.0, 0, 0
    for words, reach in sentences(tokens, keep, model.options, rng):
        for i in range(0, len(words), size):
            group = range(i, i + size)
            window = reach[i - i % model.options.group]  # one for all
            near = {k: contexts(k, words, window) for k in group if k < len(words)}
            if noise:
                lists = [noise_outputs(group, words, noise, model.options)]
            else:
                lists = [path_outputs(k, words, table) for k in near]
            step = cbow_step(near, words, lists, model) if cbow else skipgram_step(near, words, lists[0], model)
            loss, pairs = loss + step[0], pairs + step[1]
        kept += len(words)
    return Totals(loss, pairs, kept)
