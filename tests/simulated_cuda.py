"""kernels/cuda under numba's CUDA simulator, number by number beside naive.py. Run by test_cuda_sim.py in its own process.

The one difference to the CPU, a copy of the row for each occurrence of a word in the window, is modelled here; all
arithmetic is naive.py's. The simulator runs every thread of a block, one block after the other, and knows barriers, shared
memory and atomics; lockstep.py takes its threads in turns.
"""

from __future__ import annotations

import dataclasses
import inspect
import random
import threading
from typing import Any

import lockstep  # noqa: F401 - takes over from the simulator's scheduler
import naive
import numpy as np
import pytest
from cases import KERNELS, Case, Inputs, Outcome, assert_same, make_inputs, pad, streams
from numba import cuda
from numba.cuda.simulator.kernel import BlockThread

from w2v.kernels import Tree, cpu
from w2v.kernels.cuda import Scratch, kernels, make_layout, port, steps, thin
from w2v.kernels.cuda.steps import offset
from w2v.kernels.cuda.thin import bits_at

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # of counters, which run over by design
THREADS = 32


# --- by the kernels -------------------------------------------------------------------------------------------------------


def ones(n: int) -> Any:
    return np.ones(n, np.float32)


def launch(
    case: Case, inputs: Inputs, w_in: Any, w_y: Any, stretches: Any, blocks: int, calm_in: Any, calm_y: Any,
    threads: int = THREADS,
) -> naive.Totals:  # fmt: skip
    """Run a kernel on padded matrices, in place."""
    options, outputs = case.options, case.group + case.negative
    if not case.noise:
        options, outputs = options._replace(group=1), 40
    layout = make_layout(
        options.window, options.group, w_in.shape[1], outputs, cbow=case.kernel.startswith("cbow"), threads=threads,
        longest=max(int(np.diff(stretches).max()), 1),
    )  # fmt: skip
    line = np.full((blocks, 3 * layout.longest + 1), -9, np.int32)
    scratch = Scratch(np.asarray(stretches, np.int64), calm_in, calm_y, line, layout)
    stats = np.zeros(3)
    arguments = (
        inputs.tokens, inputs.keep, inputs.table, w_in, w_y, inputs.lock,
        np.float32(case.lr), options, streams(case.seed), scratch, stats,
    )  # fmt: skip
    kernel = kernels.specialise(case.kernel, layout, options)
    port.prepare(kernel, arguments, layout.nbytes)
    kernel[blocks, threads, 0, layout.nbytes](*arguments)
    return naive.Totals(float(stats[0]), int(stats[1]), int(stats[2]))


def simulate(
    case: Case, inputs: Inputs, stretches: Any = None, blocks: int = 1, calm_in: Any = None, calm_y: Any = None,
    threads: int = THREADS,
) -> Outcome:  # fmt: skip
    """By the simulated kernel; by default the whole chunk is one stretch. Checks on the way that the pads stay zero."""
    w_in, w_y, size = pad(inputs.w_in), pad(inputs.w_y), inputs.w_in.shape[1]
    totals = launch(
        case, inputs if inputs.lock is not None else inputs._replace(lock=ones(len(w_in))), w_in, w_y,
        [0, len(inputs.tokens)] if stretches is None else stretches, blocks,
        ones(len(w_in)) if calm_in is None else calm_in, ones(len(w_y)) if calm_y is None else calm_y, threads,
    )  # fmt: skip
    assert not w_in[:, size:].any()
    assert not w_y[:, size:].any()
    return Outcome(w_in[:, :size], w_y[:, :size], totals)


# --- by naive.py, with a copy of a row for each place in the window -----------------------------------------------------------


def stretch_streams(rng: Any, s: int) -> Any:
    """The streams of stretch s begin at its draw of the chunk's streams."""
    starts = []
    for stream in range(2):
        state = rng.copy()
        bits = [naive.draw(state, stream) for _ in range(s + 1)]
        starts.append(bits[-1])
    return np.array(starts, np.uint64)


class Window:
    """The rows of a sentence's words while they are near: one copy each, whose change is added to the matrix at the end."""

    def __init__(self, words: list[int], w_in: Any, calm: Any) -> None:
        self.words, self.w_in, self.calm = words, w_in, calm
        self.rows = np.zeros((len(words), w_in.shape[1]))
        self.start = self.rows.copy()
        self.low = self.high = 0

    def slide(self, low: int, high: int) -> None:
        """Hold the rows of positions low..high-1, let go of those before."""
        for p in range(self.low, max(low, self.low)):
            self.w_in[self.words[p]] += self.calm[self.words[p]] * (self.rows[p] - self.start[p])
        for p in range(self.high, min(high, len(self.words))):
            self.rows[p] = self.start[p] = self.w_in[self.words[p]]
        self.low, self.high = max(low, self.low), min(high, len(self.words))


def meet(
    x: list[Any], to: list[Any], of: list[Any], lock: list[float], outputs: list[naive.Output], model: naive.Model
) -> float:
    """Block by block, for skip-gram and CBOW alike."""
    total = 0.0
    for block in naive.blocks(outputs):
        g, loss = naive.score(x, of, block, model)
        naive.update(x, to, lock, block, g, model)
        total += loss
    return total


def skipgram_step(near: Any, outputs: list[naive.Output], rows: Any, lock: Any, model: naive.Model) -> tuple[float, int]:
    places = sorted(set().union(*near.values()))
    x = [rows[p] for p in places]
    of = [{k for k in near if p in near[k]} for p in places]
    return meet(x, x, of, [lock[p] for p in places], outputs, model), sum(map(len, near.values()))


def cbow_step(near: Any, outputs: list[naive.Output], rows: Any, lock: Any, model: naive.Model) -> tuple[float, int]:
    near = {k: places for k, places in near.items() if places}
    hidden = [rows[p].mean(0) if model.options.mean else rows[p].sum(0) for p in near.values()]
    error = [np.zeros_like(h) for h in hidden]
    loss = meet(hidden, error, [{k} for k in near], ones(len(near)), outputs, model)
    for places, e in zip(near.values(), error, strict=True):
        for p in places:
            rows[p] += lock[p] * e / (len(places) if model.options.divide else 1)
    return loss, len(near)


def one_stretch(case: Case, inputs: Inputs, tokens: Any, rng: Any, w_in: Any, w_y: Any, calm_in: Any, calm_y: Any) -> Any:
    options, size, totals = case.options, case.group if case.noise else 1, np.zeros(3)
    step = skipgram_step if case.kernel.startswith("skipgram") else cbow_step
    noise = naive.Noise(inputs.table, rng) if case.noise else None
    for words, reach in naive.sentences(tokens, inputs.keep, options, rng):
        window = Window(words, w_in, calm_in)
        lock = ones(len(words)) if inputs.lock is None else inputs.lock[words]
        for i in range(0, len(words), size):
            group = range(i, i + size)
            window.slide(i - case.window, i + size + case.window)
            near = {k: naive.contexts(k, words, reach[k]) for k in group if k < len(words)}
            outputs = naive.noise_outputs(group, words, noise, options) if noise else naive.path_outputs(i, words, inputs.table)
            before = w_y.copy()
            loss, pairs = step(near, outputs, window.rows, lock, naive.Model(w_in, w_y, None, case.lr, options))
            w_y[:] = before + calm_y[:, None] * (w_y - before)
            totals += loss, pairs, 0
        window.slide(len(words), len(words))
        totals[2] += len(words)
    return totals


def expect(
    case: Case, inputs: Inputs, stretches: Any = None, blocks: int = 1, calm_in: Any = None, calm_y: Any = None
) -> Outcome:
    """Blocks come one after the other, as in the simulator."""
    w_in, w_y, totals = inputs.w_in.astype(float), inputs.w_y.astype(float), np.zeros(3)
    stretches = [0, len(inputs.tokens)] if stretches is None else stretches
    calm_in = ones(len(w_in)) if calm_in is None else calm_in
    calm_y = ones(len(w_y)) if calm_y is None else calm_y
    for s in (s for block in range(blocks) for s in range(block, len(stretches) - 1, blocks)):
        tokens, rng = inputs.tokens[stretches[s] : stretches[s + 1]], stretch_streams(streams(case.seed), s)
        totals += one_stretch(case, inputs, tokens, rng, w_in, w_y, calm_in, calm_y)
    return Outcome(w_in, w_y, naive.Totals(float(totals[0]), int(totals[1]), int(totals[2])))


# --- the tests --------------------------------------------------------------------------------------------------------

SETTINGS: dict[str, list[Any]] = {
    "size": [1, 16, 40],
    "window": [1, 2, 4],
    "shrink": [True, False],
    "negative": [1, 5, 11],
    "group": [1, 2, 3],
    "mean": [True, False],
    "divide": [True, False],
    "saturation": ["none", "clamp", "skip"],
    "lock": [True, False],
    "sample": [True, False],
    "words": [2, 9, 300],
    "lengths": [(1,), (1, 1, 4), (7, 1, 9), (20,)],
    "scale": [0.1, 0.7, 2.0],
}


def at_random(number):
    for kernel in KERNELS:
        for seed in range(number):
            dice = random.Random(f"{kernel} {seed}")
            settings = {name: dice.choice(values) for name, values in SETTINGS.items()}
            settings["divide"] &= settings["mean"]
            yield Case(kernel, seed=seed, lr=0.02 if settings["scale"] > 1 else 0.1, **settings)


def describe(case):
    changed = {f.name: getattr(case, f.name) for f in dataclasses.fields(Case) if getattr(case, f.name) != f.default}
    return ",".join(str(v) if k == "kernel" else f"{k}={v}" for k, v in changed.items())


@pytest.mark.parametrize("kernel", KERNELS)
def test_names_and_arguments_are_the_cpus(kernel):
    here, there = getattr(cpu, kernel), getattr(kernels, kernel)
    names = list(inspect.signature(getattr(here, "py_func", here)).parameters)
    names.remove("ends")  # a launch is one chunk, however many it was made of
    alone = {"rates": "lr", "streams": "rng"}
    assert list(inspect.signature(there.fn).parameters) == [alone.get(name, name) for name in names]


@pytest.mark.parametrize("case", list(at_random(7)), ids=describe)
def test_settings_in_company(case):
    inputs = make_inputs(case)
    assert_same(simulate(case, inputs), expect(case, inputs))


@pytest.mark.parametrize("kernel", KERNELS)
def test_stretches_shared_by_blocks(kernel):
    """Some stretches end within a sentence, one is empty but for the end of a sentence."""
    case = Case(kernel, lengths=(3, 1, 9, 2), window=3, group=2, sample=True, lock=True)
    inputs = make_inputs(case)
    stretches = [0, 3, 4, 11, 12, len(inputs.tokens)]
    assert_same(simulate(case, inputs, stretches, blocks=2), expect(case, inputs, stretches, blocks=2))


@pytest.mark.parametrize("kernel", ["skipgram_hs", "cbow_hs"])
def test_a_vocabulary_of_one_word(kernel, monkeypatch):
    """Its tree has no nodes: nothing moves, and the barriers that a step of no outputs leaves out are not missed."""
    case = Case(kernel, words=1, lengths=(5, 2))
    inputs = make_inputs(case)
    Watch(monkeypatch)
    found = simulate(case, inputs)
    assert_same(found, expect(case, inputs))
    assert found.totals.pairs > 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_changes_of_hot_rows_are_shortened(kernel):
    case = Case(kernel, window=2, negative=5, group=2, lengths=(9, 4))
    inputs = make_inputs(case)
    rng = np.random.default_rng(3)
    calm_in, calm_y = (rng.uniform(0.1, 1, len(w)).astype(np.float32) for w in (inputs.w_in, inputs.w_y))
    found = simulate(case, inputs, calm_in=calm_in, calm_y=calm_y)
    assert_same(found, expect(case, inputs, calm_in=calm_in, calm_y=calm_y))


@pytest.mark.parametrize("kernel", KERNELS)
def test_without_repeated_words_it_is_what_the_cpu_does(kernel):
    """The stretch's streams are handed to naive.py, which models the CPU's kernels.

    Its CBOW takes noise words one after another: with one of them a step, none comes twice. It draws windows for groups, and
    makes groups of paths: windows are whole here, and with paths each centre is a group.
    """
    group, negative = 2 if kernel.endswith("ns") else 1, 1 if kernel == "cbow_ns" else 4
    case = Case(kernel, words=40, window=3, shrink=False, group=group, negative=negative)
    sentence = np.append(np.random.default_rng(5).permutation(40)[:25], -1).astype(np.int32)
    inputs = make_inputs(case)._replace(tokens=sentence)
    w_in, w_y = inputs.w_in.astype(float), inputs.w_y.astype(float)
    model, rng = naive.Model(w_in, w_y, None, case.lr, case.options), stretch_streams(streams(case.seed), 0)
    totals = naive.train_chunk(kernel, inputs.tokens, inputs.keep, inputs.table, model, rng)
    assert_same(simulate(case, inputs), Outcome(w_in, w_y, totals))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_rate_of_zero_changes_nothing(kernel):
    case = Case(kernel, lr=0.0, lengths=(9,))
    inputs = make_inputs(case)
    found = simulate(case, inputs)
    np.testing.assert_array_equal(found.w_in, inputs.w_in)
    np.testing.assert_array_equal(found.w_y, inputs.w_y)
    assert found.totals.loss > 0


def test_a_frozen_row_stays():
    case = Case("skipgram_ns", lengths=(9,))
    inputs = make_inputs(case)
    lock = ones(case.words)
    lock[inputs.tokens[0]] = 0
    found = simulate(case, inputs._replace(lock=lock))
    moved = np.flatnonzero((found.w_in != inputs.w_in).any(axis=1))
    assert set(moved) == set(inputs.tokens.tolist()) - {-1, inputs.tokens[0]}


def test_divergence_shows():
    case = Case("skipgram_ns", lengths=(9,))
    inputs = make_inputs(case)
    inputs.w_in[inputs.tokens[2]] = np.nan
    assert np.isnan(simulate(case, inputs).totals.loss)


def test_numbered_draws_are_counted_draws():
    state = streams(4)
    start = state[1]
    assert [int(bits_at(start, k)) for k in range(5)] == [int(naive.draw(state, 1)) for _ in range(5)]


class Watch:
    """Notes who reads and writes which word of a block's memory between two barriers, and fails where two threads could race.

    Taking turns may hide that; here any two accesses to a word in one phase, at least one of them to write, must be by the
    same thread.
    """

    def __init__(self, monkeypatch):
        self.seen: dict[int, tuple[Any, set[int], set[int]]] = {}
        self.lock, self.phases = threading.Lock(), 0
        original = BlockThread.syncthreads

        def syncthreads(thread):
            original(thread)
            thread.phase = getattr(thread, "phase", 0) + 1
            self.phases = max(self.phases, thread.phase)

        monkeypatch.setattr(BlockThread, "syncthreads", syncthreads)
        for module in (steps, thin, kernels):
            for name, width, writes in (("get", 1, 0), ("put", 1, 1), ("fetch4", 4, 0), ("store4", 4, 1)):
                if hasattr(module, name):
                    monkeypatch.setattr(module, name, self.watched(getattr(module, name), width, writes))

    def watched(self, access, width, writes):
        def watching(array, index, *value):
            if isinstance(array, np.ndarray):  # shared memory, scratch; arguments of the kernel are wrapped, and only read
                at = array.__array_interface__["data"][0] + int(index) * array.itemsize
                for word in range(at, at + width * array.itemsize, array.itemsize):
                    self.note(word, writes)
            return access(array, index, *value)

        return watching

    def note(self, word, writes):
        thread = threading.current_thread()
        phase, tid = (thread.blockIdx.x, getattr(thread, "phase", 0)), thread.thread_id
        with self.lock:
            when, readers, writers = self.seen.get(word, (None, set(), set()))
            if when != phase:
                readers, writers = set(), set()
            (writers if writes else readers).add(tid)
            self.seen[word] = phase, readers, writers
            assert not writers or len(readers | writers) == 1, f"threads {readers} read, {writers} write in phase {phase}"


@pytest.mark.parametrize("threads", [THREADS, THREADS + THREADS])
@pytest.mark.parametrize("kernel", KERNELS)
def test_no_two_threads_race(kernel, threads, monkeypatch):
    """One warp and two; a ring of eight rows, all of them in use."""
    case = Case(kernel, size=40, lengths=(17, 1, 5), window=3, group=2, negative=9, lock=True, shrink=False)
    inputs = make_inputs(case)
    watch, stretches = Watch(monkeypatch), [0, 14, len(inputs.tokens)]
    assert_same(simulate(case, inputs, stretches, threads=threads), expect(case, inputs, stretches))
    assert watch.phases > 20
    assert len(watch.seen) > 500


def test_the_watch_sees_races(monkeypatch):
    """Where barriers do not count."""
    plain = BlockThread.syncthreads
    Watch(monkeypatch)
    monkeypatch.setattr(BlockThread, "syncthreads", plain)
    case = Case("skipgram_ns", lengths=(9,))
    with pytest.raises(AssertionError, match="write in phase"):
        simulate(case, make_inputs(case))


@cuda.jit
def some_wait(array):
    """The first array[0] threads pass a barrier more than the others."""
    if cuda.threadIdx.x < array[0]:
        cuda.syncthreads()


@pytest.mark.parametrize("number", [1, THREADS - 1])
def test_barriers_that_some_threads_leave_out_are_seen(number):
    some_wait[1, THREADS](np.array([0]))
    some_wait[1, THREADS](np.array([THREADS]))
    with pytest.raises(AssertionError, match="a barrier that another never comes to"):
        some_wait[1, THREADS](np.array([number]))


FIRST = 2**31 // 128 + 3  # the first of some rows that lie beyond 2**31 floats


def far_array(shape: Any, dtype: Any, rows: Any) -> Any:
    """An array whose only known rows come after FIRST; the others are never touched, and take no memory."""
    array = cuda.device_array(shape, dtype)
    array[FIRST : FIRST + len(rows)] = rows
    return array


@pytest.mark.parametrize("kernel", ["skipgram_hs", "cbow_hs"])
def test_rows_beyond_two_to_the_31_floats(kernel):
    case = Case(kernel, size=128, lengths=(5,), window=2)
    inputs = make_inputs(case)
    tree, words = inputs.table, FIRST + case.words
    far = Inputs(
        inputs.tokens + np.where(inputs.tokens < 0, 0, FIRST).astype(np.int32),
        far_array(words, np.uint32, inputs.keep),
        Tree((tree.points + FIRST).astype(np.int32), tree.codes, far_array(words + 1, np.int64, tree.offsets)),
        far_array((words, 128), np.float32, inputs.w_in),
        far_array((words, 128), np.float32, inputs.w_y),
        far_array(words, np.float32, ones(case.words)),
    )
    free = far_array(words, np.float32, ones(case.words))
    totals = launch(case, far, far.w_in, far.w_y, [0, len(inputs.tokens)], 1, free, free)
    found = Outcome(far.w_in[FIRST:].copy_to_host(), far.w_y[FIRST : FIRST + len(inputs.w_y)].copy_to_host(), totals)
    assert_same(found, expect(case, inputs))


def test_offsets_are_not_narrowed():
    """Row numbers are 32 bits wide in shared memory."""
    found = offset(np.int32(2**31 - 1), 304)
    assert (found, found.dtype) == ((2**31 - 1) * 304, np.int64)
