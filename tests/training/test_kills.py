"""Processes that train are killed, and what they leave is gone on with."""

import subprocess
import sys
from pathlib import Path

import pytest

from warmrl.tests.training.short_runs import assert_same, outcome

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's clocks")


def check(folder: Path, kills: int) -> None:
    command = [sys.executable, "-m", "warmrl.tests.training.killer", str(folder), "0", str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = outcome(folder / "whole")
    assert "vaa_after" in expected.summary
    assert expected.summary["solved_at"] == 64
    for run in range(int(done.stdout)):
        assert_same(outcome(folder / str(run)), expected)


def test_a_kill(tmp_path: Path) -> None:
    check(tmp_path, 1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_kills(tmp_path: Path) -> None:
    check(tmp_path, 50)
