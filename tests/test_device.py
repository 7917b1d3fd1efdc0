"""device.py: what is chosen, what is said, what is refused."""

from __future__ import annotations

import logging

import pytest

from w2v import device
from w2v.errors import ConfigError, DeviceError, MissingExtraError

GPU = device.Gpu("a GPU", (9, 0), 132, 80 << 30, 79 << 30, 227 << 10)


@pytest.fixture
def without(monkeypatch):
    """A machine without a GPU, but with the package."""
    monkeypatch.setattr(device, "package_version", lambda: "0.30.4")
    monkeypatch.setattr(device, "find", lambda: "no NVIDIA driver")
    monkeypatch.setattr(device, "_said", set())


@pytest.fixture
def with_gpu(monkeypatch):
    monkeypatch.setattr(device, "package_version", lambda: "0.30.4")
    monkeypatch.setattr(device, "find", lambda: GPU)


def test_the_processor_is_never_asked_about(monkeypatch):
    monkeypatch.setattr(device, "find", lambda: pytest.fail("looked for a GPU"))
    assert device.choose("cpu", deterministic=True) == "cpu"


def test_auto_says_once_that_it_falls_back(without, caplog):
    with caplog.at_level(logging.WARNING, "w2v"):
        assert [device.choose("auto") for _ in range(3)] == ["cpu"] * 3
    assert [r.getMessage() for r in caplog.records] == ["training on the processor: no NVIDIA driver"]


def test_auto_takes_a_gpu(with_gpu):
    assert device.choose("auto") == device.choose("cuda") == "cuda"
    assert device.demand() is GPU


def test_cuda_without_a_device(without):
    with pytest.raises(DeviceError, match="no GPU to train on: no NVIDIA driver") as caught:
        device.choose("cuda")
    assert "w2v doctor" in caught.value.hint


def test_cuda_without_the_extra(monkeypatch):
    monkeypatch.setattr(device, "package_version", lambda: None)
    with pytest.raises(MissingExtraError, match="numba-cuda") as caught:
        device.choose("cuda")
    assert "w2v[cuda]" in caught.value.hint
    assert device.find() == "numba-cuda is not installed"


def test_a_deterministic_run_is_the_processors(with_gpu, monkeypatch):
    monkeypatch.setattr(device, "_said", set())
    assert device.choose("auto", deterministic=True) == "cpu"
    with pytest.raises(ConfigError, match="never deterministic"):
        device.choose("cuda", deterministic=True)


def test_an_unknown_device_is_refused():
    with pytest.raises(ConfigError, match="device='gpu' is not one of auto, cpu, cuda"):
        device.choose("gpu")


def test_a_broken_driver_is_no_gpu(monkeypatch):
    class Broken:
        @staticmethod
        def is_available():
            raise RuntimeError("libcuda.so: \nno such file")

    class Numba:
        class config:
            ENABLE_CUDASIM = 0

    monkeypatch.setattr(device, "package_version", lambda: "0.30.4")
    monkeypatch.setattr(device.importlib, "import_module", lambda name: Broken if name == "numba.cuda" else Numba)
    assert device.find() == "libcuda.so"


def test_the_drivers_version(monkeypatch):
    class Library:
        def __init__(self, name, code=0):
            assert name == "libcuda.so.1"
            self.code = code

        def cuDriverGetVersion(self, out):
            out._obj.value = 13020
            return self.code

    monkeypatch.setattr(device.ctypes, "CDLL", Library)
    assert device.driver_version() == "13.2"
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: Library(name, code=100))
    assert device.driver_version() is None
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: object())
    assert device.driver_version() is None

    def missing(name):
        raise OSError("no such file")

    monkeypatch.setattr(device.ctypes, "CDLL", missing)
    assert device.driver_version() is None


def test_looking_never_fails():
    assert isinstance(device.find(), (str, device.Gpu))
