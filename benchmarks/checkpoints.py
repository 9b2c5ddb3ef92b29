"""What checkpoints cost: their share of the time that training takes.

In one run, each rollout's snapshot and every file are timed beside the training around them, so
that shares hold on a busy machine too. Makes a table of docs/trust.md::

    python benchmarks/checkpoints.py
"""

import functools
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from warmrl.training import Checkpoints, RunFolder, TrainConfig, build_env, build_model

PARTS = {"snapshot in memory, every rollout": "_taken", "file": "write"}


@dataclass
class CheckpointCost:
    """Measure the share of training time that checkpoints take."""

    cell: str = "gru"
    """Recurrent cell."""
    hidden: int = 64
    """Hidden size."""
    n_envs: int = 128
    """Environments side by side."""
    n_steps: int = 128
    """Steps per environment and rollout."""
    rollouts: int = 40
    """Rollouts, after one that is not measured."""


class Stopwatch:
    """Seconds spent in some methods, and how often they were called."""

    def __init__(self, owner: Any, methods: dict[str, str]) -> None:
        self.spent = dict.fromkeys(methods, 0.0)
        self.calls = dict.fromkeys(methods, 0)
        for part, method in methods.items():
            setattr(owner, method, functools.partial(self._timed, part, getattr(owner, method)))

    def _timed(self, part: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = call()
        self.spent[part] += time.perf_counter() - start
        self.calls[part] += 1
        return result


def measure(config: CheckpointCost, folder: Path) -> tuple[Stopwatch, float, int]:
    """Train; what checkpoints took, what all took (seconds), and the size of a file (bytes)."""
    steps = config.n_envs * config.n_steps
    training = TrainConfig(
        cell=config.cell,
        hidden_size=config.hidden,
        n_envs=config.n_envs,
        n_steps=config.n_steps,
        run_dir=folder,
        stop_when_solved=False,
    )
    model = build_model(training, build_env(training))
    model.learn(steps)  # compiles
    run = RunFolder(folder)
    progress = run.progress(0)
    model.set_logger(run.logger(progress, tensorboard=False))
    checkpoints = Checkpoints(folder, progress, training)
    watch = Stopwatch(checkpoints, PARTS)
    start = time.perf_counter()
    model.learn(config.rollouts * steps, callback=checkpoints, reset_num_timesteps=False)
    seconds = time.perf_counter() - start
    return watch, seconds, max(p.stat().st_size for p in folder.glob("checkpoint-*"))


def main(config: CheckpointCost) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        watch, seconds, size = measure(config, Path(folder))
    table = Table(
        title=f"{config.rollouts} rollouts in {seconds:.1f} s, files of {size / 2**20:.2f} MiB"
    )
    for heading in ("", "times", "ms each", "share of training"):
        table.add_column(heading, justify="right" if heading else "left")
    for part, spent in watch.spent.items():
        n = watch.calls[part]
        table.add_row(part, str(n), f"{1000 * spent / n:.1f}", f"{spent / seconds:.2%}")
    table.add_row("together", "", "", f"{sum(watch.spent.values()) / seconds:.2%}")
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(CheckpointCost, description=CheckpointCost.__doc__))
