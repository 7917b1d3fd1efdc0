"""gpu.py and numba-cuda's own host code on a stand-in for the driver: what is copied, launched and waited for, and when.

Run by test_cuda_driver.py in its own process. The kernels are compiled and linked for an H100 in earnest, and launched with
their arguments; what they do there is replaced by `Device.run`. standin_driver.c puts everything off as long as it may.
"""

from __future__ import annotations

import ctypes
import functools
import itertools

import numpy as np
import pytest
from runs import make_corpus

from w2v import device, gpu
from w2v.config import TrainConfig
from w2v.errors import DeviceError
from w2v.kernels.cuda import kernels, port
from w2v.passes import chunk_streams
from w2v.train import train

DRIVER = ctypes.CDLL("libcuda.so.1")
MORE = 12  # arguments that a tree takes beyond an alias table


def array(arguments, at, dtype, dimensions=1):
    """The array whose 5 + 2 * dimensions arguments begin at `at`, as the kernel would see it."""
    shape = tuple(int(n) for n in arguments[at + 5 : at + 5 + dimensions])
    memory = (ctypes.c_char * (int(arguments[at + 2]) * int(arguments[at + 3]))).from_address(int(arguments[at + 4]))
    return np.frombuffer(memory, dtype).reshape(shape)


class Device:
    """What the stand-in was asked to do, and what its kernels saw."""

    def __init__(self):
        self.calls, self.launches = [], []
        self.callbacks = (
            ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint64))(self.run),
            ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_uint64)(self.note),
        )
        DRIVER.standin_on_launch(self.callbacks[0])
        DRIVER.standin_on_call(self.callbacks[1])

    def note(self, what, a, b):
        self.calls.append((what.decode(), a, b))

    def run(self, name, arguments):
        """A kernel: note what it is given, count words, add 1 to both matrices."""
        more = 0 if b"_ns" in name else MORE
        tokens, w_in, w_y = array(arguments, 0, np.int32), array(arguments, 23 + more, np.float32, 2), None
        w_y = array(arguments, 32 + more, np.float32, 2)
        alpha = np.array([arguments[48 + more]]).astype(np.uint32).view(np.float32)[0]
        rng, stretches = array(arguments, 57 + more, np.uint64), array(arguments, 64 + more, np.int64)
        stats, words = array(arguments, 119 + more, np.float64), int((tokens >= 0).sum())
        self.launches.append((name.decode(), tokens.copy(), alpha, rng.copy(), stretches.copy()))
        w_in += 1
        w_y += 1
        stats += (1.5 * words, 2 * words, words)


@pytest.fixture
def driver(monkeypatch):
    monkeypatch.setattr(gpu, "LEAST_BATCH_TOKENS", 100)
    monkeypatch.setattr(gpu, "LEAST_BATCHES", 1 << 20)
    return Device()


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """Compiling takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "specialise", functools.cache(kernels.specialise))
        yield


CORPUS = make_corpus(chunks=40)
COUNTS = np.bincount(np.concatenate(CORPUS.chunks)[np.concatenate(CORPUS.chunks) >= 0], minlength=30).astype(np.int64)
BOTH = TrainConfig(vector_size=12, window=2, hs=True, negative=3, epochs=2, min_count=1)


def batches():
    """Numbers of the first chunk of each batch of an epoch, and the end."""
    first, tokens = [0], 0
    for k, chunk in enumerate(CORPUS.chunks):
        tokens += len(chunk)
        if tokens >= 100:
            first, tokens = [*first, k + 1], 0
    return first if first[-1] == len(CORPUS.chunks) else [*first, len(CORPUS.chunks)]


def test_the_stand_in_is_found():
    found = device.find()
    assert isinstance(found, device.Gpu)
    assert (found.name, found.capability, found.shared_bytes) == ("a stand-in", (9, 0), 227 << 10)
    assert device.driver_version() == "13.0"
    assert device.choose("auto") == "cuda"


@pytest.mark.parametrize("sg", [True, False])
def test_every_chunk_arrives_once_and_unchanged(driver, sg):
    config, first = BOTH.replace(sg=sg), batches()
    from w2v.weights import Weights

    begin = Weights.create(len(COUNTS), config)
    found = train(CORPUS, COUNTS, config, device="cuda")
    assert len(first) > 8
    for layer, kind in enumerate(("ns", "hs")):
        launches = driver.launches[layer::2]
        assert all(f"{'skipgram' if sg else 'cbow'}_{kind}" in name for name, *_ in launches)
        np.testing.assert_array_equal(np.concatenate([tokens for _, tokens, *_ in launches]), np.concatenate(2 * CORPUS.chunks))
        keys = [(epoch, chunk) for epoch in range(2) for chunk in first[:-1]]
        for (_, tokens, alpha, rng, stretches), (epoch, chunk) in zip(launches, keys, strict=True):
            done = (epoch + CORPUS.starts[chunk] / CORPUS.starts[-1]) / 2
            assert alpha == pytest.approx(0.025 - (0.025 - 0.0001) * done, rel=1e-5)
            np.testing.assert_array_equal(rng, np.array(chunk_streams(config.seed, epoch, chunk), np.uint64))
            np.testing.assert_array_equal(stretches, gpu.cut(tokens))
    for epoch in found.epochs:
        assert epoch.words == CORPUS.n_tokens
        assert epoch.pairs == 2 * CORPUS.n_tokens
        assert epoch.loss == 2 * 1.5 * CORPUS.n_tokens  # of two layers
    steps = 2 * (len(first) - 1)
    np.testing.assert_allclose(found.weights.w_in, begin.w_in + 2 * steps, atol=1e-5)
    np.testing.assert_allclose(found.weights.w_out, begin.w_out + steps, atol=1e-5)


def test_copies_overlap_kernels(driver):
    """While a batch is trained the next one is copied, in another stream, from memory that nothing else reads."""
    train(CORPUS, COUNTS, BOTH.replace(epochs=1), device="cuda")
    calls = driver.calls
    pinned = [i for i, call in enumerate(calls) if call[0] == "pinned_memory"]
    assert len(pinned) == gpu.SLOTS * 5
    launches = [i for i, call in enumerate(calls) if call[0] == "launch"][::2]  # of the first layer
    (training,) = {calls[i][1] for i in launches}
    (copying,) = {stream for what, stream, _ in calls[launches[0] : launches[-1]] if what == "copy_in"}
    assert copying != training
    for here, there in itertools.pairwise(launches):
        between = calls[here + 1 : there]
        kinds = [what for what, *_ in between]
        # the second layer, its totals, its event; then wait for the batch before this one; then the next batch's copies
        assert kinds[:3] == ["launch", "copy_out", "record"]
        waits = [i for i, what in enumerate(kinds) if what == "wait_for_event"]
        copies = [i for i, what in enumerate(kinds) if what == "copy_in"]
        assert len(copies) == 4
        assert all(i < copies[0] for i in waits)
        assert not any(what in ("wait_for_stream", "wait_for_all", "copy_in_waiting", "copy_out_waiting") for what in kinds)
        _, waited_for, _ = between[waits[0]] if waits else (None, None, None)
        _, _, recorded = between[2]
        assert waited_for != recorded  # this batch is still at work
        copied = next(event for what, stream, event in between if what == "record" and stream == copying)
        assert ("stream_waits", training, copied) in between


def test_memory_reused_too_early_would_show(driver, monkeypatch):
    """The stand-in's laziness finds a host that does not wait."""
    monkeypatch.setattr(gpu.Trainer, "_collect", lambda self, slot: np.zeros(3))
    train(CORPUS, COUNTS, BOTH.replace(epochs=1), device="cuda")
    arrived = np.concatenate([tokens for _, tokens, *_ in driver.launches[::2]])
    assert not np.array_equal(arrived, np.concatenate(CORPUS.chunks))


def test_much_shared_memory_is_asked_for(driver, monkeypatch):
    config = TrainConfig(vector_size=300, window=5, negative=3, epochs=1, min_count=1)
    train(CORPUS, COUNTS, config, device="cuda")
    (asked,) = [value for what, _, value in driver.calls if what == "kernel_attribute"]
    assert asked > port.WITHOUT_ASKING
    assert {value for what, _, value in driver.calls if what == "launch"} == {asked}


def test_a_compiler_that_fails_is_a_clear_error(driver, monkeypatch):
    def fails(*_):
        raise RuntimeError("libnvvm.so:\ncannot be opened")

    monkeypatch.setattr(port, "prepare", fails)
    with pytest.raises(DeviceError, match=r"kernels cannot be compiled: libnvvm\.so:"):
        train(CORPUS, COUNTS, BOTH, device="cuda")
