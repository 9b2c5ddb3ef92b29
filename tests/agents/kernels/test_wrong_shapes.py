"""Whatever is asked of kernels, no process dies of it, and nothing that is wrong is accepted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_random_calls() -> None:
    count = 16_000
    script = HERE / "wrong_shapes.py"
    done = subprocess.run(
        [sys.executable, str(script), str(count)],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[3])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    refused, accepted = map(int, done.stdout.split())
    assert refused > 10_000
    assert accepted > 1_000
