"""kernels/cuda and gpu.py without a GPU: under numba's simulator, which replaces numba.cuda for a whole process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("file", ["simulated_cuda.py", "simulated_gpu.py"])
def test_under_the_simulator(root, file):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(root / "tests" / file)]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    run = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
