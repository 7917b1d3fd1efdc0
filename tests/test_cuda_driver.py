"""gpu.py on a stand-in for the driver, which replaces libcuda.so for a whole process. Needs numba-cuda's compilers, no GPU."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from benchmarks import cuda_ptx

TROUBLE = cuda_ptx.missing()
pytestmark = [
    pytest.mark.skipif(TROUBLE is not None, reason=f"no compiler for GPUs: {TROUBLE}"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for the stand-in"),
]


def test_on_a_stand_in_for_the_driver(root, tmp_path):
    library = tmp_path / "libcuda.so.1"
    source = root / "tests" / "standin_driver.c"
    subprocess.run(["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    (tmp_path / "libcuda.so").symlink_to(library)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(root / "tests" / "driven_gpu.py")]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    run = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
