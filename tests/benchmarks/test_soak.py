"""The soak: what it takes for growth, and one round of it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("psutil")
from warmrl.benchmarks.soak import trend

HOURS = np.linspace(0.2, 1.0, 600)
NOISE = np.random.default_rng(0).normal(0, 3, 600)


@pytest.mark.parametrize(
    ("values", "slope", "flat"),
    [
        (500 + 40 * HOURS + NOISE, 40, False),
        (500 + 0 * HOURS + NOISE, 0, True),
        (500 - 40 * HOURS + NOISE, -40, True),
        (np.full(600, 8.0), 0, True),
        (np.where(HOURS > 0.6, 9.0, 8.0), 1.9, False),
    ],
)
def test_growth_is_told_from_noise(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], slope: float, flat: bool
) -> None:
    found = trend(HOURS, values)
    assert found.flat is flat
    assert found.slope == pytest.approx(slope, abs=3)
    assert found.low <= found.slope <= found.high


def test_what_wanders_is_not_taken_for_growth() -> None:
    random = np.random.default_rng(0)
    steps = random.normal(size=(300, 130))
    held = np.zeros_like(steps)
    for t in range(1, 130):
        held[:, t] = 0.8 * held[:, t - 1] + steps[:, t]
    hours = np.linspace(0.2, 1.0, 80)
    assert np.mean([not trend(hours, 500 + 3 * values).flat for values in held[:, 50:]]) < 0.1


def test_few_samples_decide_nothing() -> None:
    assert trend(HOURS[:2], np.array([500.0, 600.0])).flat


@pytest.mark.slow
def test_a_round_is_played(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "soak.py"
    done = subprocess.run(
        [sys.executable, str(script), "--minutes", "0.01", "--json", str(tmp_path / "it.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1 rounds in 0 minutes" in done.stdout
