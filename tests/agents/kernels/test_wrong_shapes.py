"""Whatever is asked of kernels, no process dies of it, and nothing that is wrong is accepted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("count", [100, pytest.param(16_000, marks=pytest.mark.slow)])
def test_random_calls(count: int) -> None:
    script = HERE / "wrong_shapes.py"
    done = subprocess.run(
        [sys.executable, str(script), str(count)],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[3])},
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    refused, accepted = map(int, done.stdout.split())
    assert refused > 0.6 * count
    assert accepted > 0
