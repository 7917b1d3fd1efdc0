"""The GPU's kernels through the compilers, for two generations of GPUs; needs none. ptxas's figures are kept as properties."""

from __future__ import annotations

import re

import pytest

from benchmarks import cuda_ptx
from benchmarks.cuda_ptx import CAPABILITIES, KERNELS, Setting

TROUBLE = cuda_ptx.missing()
pytestmark = pytest.mark.skipif(TROUBLE is not None, reason=f"no compiler for GPUs: {TROUBLE}")
WIDE = [Setting("skipgram_ns", 300, 10, 10, 1), Setting("cbow_ns", 300, 10, 10, 1), Setting("skipgram_hs", 300, 8)]
COMMON = [Setting(kernel) for kernel in KERNELS]


def check(setting, capability, record_property):
    ptx = cuda_ptx.compile_ptx(setting, capability)
    assert f".target sm_{capability[0]}{capability[1]}" in ptx
    for expected in ("ld.global.cg.v4.f32", "st.shared.v4.f32", "ld.shared.v4.f32", "red.global.add.f32", "bar.sync"):
        assert expected in ptx
    assert ".global.cg.f32" not in ptx  # no row of a matrix is read in pieces of less than 16 bytes
    assert not re.search(r"\bld\.local|\bst\.local|\bld\.f32|\bst\.f32", ptx)  # no stack, no unknown memory
    assert not re.search(r"(mul|fma|div)\S*\.f64", ptx)  # float64 adds up totals, no more
    found = cuda_ptx.assemble(ptx, capability, cuda_ptx.layout_of(setting).nbytes)
    for name, value in found._asdict().items():
        record_property(name, value)
    assert (found.spill_bytes, found.stack_bytes) == (0, 0)
    assert 0 < found.registers <= 168


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("setting", COMMON, ids=lambda s: s.kernel)
def test_kernels_compile_without_spills(setting, capability, record_property):
    check(setting, capability, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("setting", WIDE, ids=lambda s: f"{s.kernel}-{s.vector_size}")
def test_wide_windows_and_rows_too(setting, capability, record_property):
    check(setting, capability, record_property)


def test_rows_are_found_with_64_bits():
    """A row number has 32 bits in shared memory; its offset in floats must not."""
    ptx = cuda_ptx.compile_ptx(Setting("skipgram_ns"), (9, 0))
    loads = re.findall(r"mul\.(\S+)\s+%rd\d+, %r\d+, 112;", ptx)
    assert loads
    assert set(loads) <= {"wide.s32", "wide.u32"}  # 32 x 32 bits to 64
    assert not re.search(r"mul\.lo\.s32\s+%r\d+, %r\d+, 112;", ptx)
