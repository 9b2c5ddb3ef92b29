"""Short runs of train.py, and what has to be equal when one of them was cut short."""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from warmrl.training import callbacks, config
from warmrl.training.checkpoint_file import read_checkpoint
from warmrl.training.checkpoints import checkpoint_path, latest_checkpoint
from warmrl.warmup import ConsolidationConfig

CLOCKS = ("time/fps", "time/time_elapsed")
SHORT = (
    *("--length", "3", "--n-envs", "4", "--n-steps", "8", "--hidden-size", "8", "--n-epochs", "2"),
    *("--total-timesteps", "192", "--checkpoint-rollouts", "2", "--warmup-steps", "2"),
    *("--warmup-episodes", "8", "--eval-delays", "3", "--eval-episodes", "2"),
)


class Outcome(NamedTuple):
    """All that a run leaves, but for the clock."""

    arrays: dict[str, Any]
    notes: dict[str, Any]
    policy: bytes
    progress: list[dict[str, str]]
    summary: dict[str, Any]


def outcome(folder: Path) -> Outcome:
    snapshot, damage = latest_checkpoint(folder)
    assert snapshot is not None
    assert damage == []
    assert read_checkpoint(checkpoint_path(folder, snapshot)).steps == snapshot.steps
    arrays = {name: (a.dtype.str, a.tolist()) for name, a in snapshot.arrays.items()}
    del arrays["env.elapsed"]
    notes = {name: value for name, value in snapshot.notes.items() if name != "seconds"}
    notes["episodes"] = [episode[:2] for episode in notes["episodes"]]
    return Outcome(
        arrays,
        notes,
        (folder / "policy.safetensors").read_bytes(),
        progress(folder),
        json.loads((folder / "config.json").read_text())["summary"],
    )


def progress(folder: Path) -> list[dict[str, str]]:
    """The rows of the log without those of the clock."""
    with (folder / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: v for name, v in row.items() if name not in CLOCKS} for row in rows]


def assert_same(left: Outcome, right: Outcome) -> None:
    assert left.progress == right.progress
    different = [name for name, value in left.arrays.items() if value != right.arrays.get(name)]
    assert different == []
    assert left == right


def solve(put: Callable[[object, str, object], None] = setattr) -> None:
    """Take runs for solved after their second rollout, and consolidate them briefly.

    :param put: pytest's ``setattr``, say, which undoes it
    """
    brief = partial(ConsolidationConfig, n_rounds=2, n_steps=3, rest_speed=1e-30)
    put(config, "ConsolidationConfig", brief)
    put(callbacks, "success_rate", lambda callback: float(callback.num_timesteps >= 64))
