"""How a run went: success over training, and VAA before and after its warm-up."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

STEPS, SUCCESS = "time/total_timesteps", "rollout/success_rate"


@dataclass(frozen=True, eq=False)
class History:
    """What the files of a run folder tell, as far as they are there."""

    steps: npt.NDArray[np.float64]
    """environment steps [R]; empty if unknown"""
    success: npt.NDArray[np.float64]
    """success rate of the last episodes then [R]"""
    vaa_before: float | None = None
    """mean VAA before the warm-up; None without one"""
    vaa_after: float | None = None
    """mean VAA after it"""

    @property
    def told(self) -> bool:
        """Whether there is anything to draw."""
        return len(self.steps) > 0 or self.vaa_after is not None


def read_history(run_dir: str | Path) -> History:
    """Read ``progress.csv`` and the "summary" of ``config.json``.

    :raises ValueError: if one of them is damaged
    """
    folder = Path(run_dir)
    rows: list[tuple[float, float]] = []
    progress = folder / "progress.csv"
    try:
        if progress.is_file():
            with progress.open(newline="") as file:
                for row in csv.DictReader(file):
                    if row.get(STEPS) and row.get(SUCCESS):
                        rows.append((float(row[STEPS]), float(row[SUCCESS])))
    except ValueError as error:
        raise ValueError(f"{progress} must hold numbers: {error}") from error
    config = folder / "config.json"
    summary = json.loads(config.read_text()).get("summary", {}) if config.is_file() else {}
    steps, success = np.array(rows, dtype=float).reshape(-1, 2).T
    return History(steps, success, summary.get("vaa_before"), summary.get("vaa_after"))
