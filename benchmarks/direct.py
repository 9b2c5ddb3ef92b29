"""Long T-mazes, trained on directly, with and without warm-up.

At length 100 a rollout of 128 steps still reaches back to the cue of some episodes; at 200 it takes
one of 256. Makes a table of docs/benchmarks.md::

    python benchmarks/direct.py
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

from warmrl.benchmarks.study import Job, run_study, show
from warmrl.training import TrainConfig

BUDGETS = {100: 3_000_000, 200: 5_000_000}
SETTINGS: dict[int, dict[str, Any]] = {100: {}, 200: {"n_steps": 256, "n_minibatches": 8}}


@dataclass
class Direct:
    """Train on long mazes directly, with and without warm-up."""

    lengths: tuple[int, ...] = (100, 200)
    """Lengths of the corridor, of 100 and 200."""
    cell: str = "lstm"
    """Recurrent cell."""
    warmups: tuple[str, ...] = ("frame", "none")
    """Warm-ups."""
    seeds: int = 10
    """Seeds per combination."""
    workers: int = 2
    """Runs side by side, each on one core."""
    results: Path = Path("benchmarks/results")
    """Where finished runs are kept; the study goes on from there."""

    def jobs(self, length: int) -> list[Job]:
        """All runs at one length."""
        return [
            Job(
                f"{self.cell} {warmup}, length {length}",
                TrainConfig(
                    length=(length,),
                    cell=self.cell,
                    warmup=warmup,
                    total_timesteps=BUDGETS[length],
                    solved_rollouts=10,
                    consolidate=False,
                    seed=seed,
                    **SETTINGS[length],
                ),
                (length, 100 * length),
            )
            for seed in range(self.seeds)
            for warmup in self.warmups
        ]


def main() -> None:
    """Run the study and print a table for every length."""
    study = tyro.cli(Direct)
    for length in study.lengths:
        rows = run_study("direct", study.jobs(length), study.results, study.workers)
        show(rows, (length, 100 * length), Console(highlight=False, soft_wrap=True))


if __name__ == "__main__":
    main()
