"""Delayed recall: trained on short delays, tested on far longer ones.

Makes a table of docs/benchmarks.md::

    python benchmarks/recall.py
    python benchmarks/recall.py --n-cues 3 --n-symbols 4 --cells gru
    python benchmarks/recall.py --distractor noise --n-symbols 4 --cells gru --delays 20 100
"""

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from warmrl.benchmarks.agent_job import AgentJob, show
from warmrl.benchmarks.study import run_study
from warmrl.training import TrainConfig


@dataclass
class Recall:
    """Train on a range of short delays, with and without warm-up, and test on longer ones."""

    trained: tuple[int, int] = (1, 20)
    """Shortest and longest delay in training."""
    n_cues: int = 1
    """Cues to be recalled."""
    n_symbols: int = 8
    """Symbols that a cue is one of."""
    distractor: str = "none"
    """What is shown during the delay: none, noise or symbol."""
    cells: tuple[str, ...] = ("gru", "lstm")
    """Recurrent cells."""
    warmups: tuple[str, ...] = ("frame", "none")
    """Warm-ups."""
    total_timesteps: int = 2_000_000
    """Environment steps, at most."""
    seeds: int = 10
    """Seeds per combination."""
    delays: tuple[int, ...] = (20, 100, 1_000, 10_000)
    """Delays tested."""
    workers: int = 2
    """Runs side by side, each on one core."""
    results: Path = Path("benchmarks/results")
    """Where finished runs are kept; the study goes on from there."""

    def jobs(self) -> list[AgentJob]:
        """All runs of the study."""
        arguments: dict[str, str | float] = {
            "n_cues": self.n_cues,
            "n_symbols": self.n_symbols,
            "distractor": self.distractor,
        }
        return [
            AgentJob(
                f"{cell} {warmup}",
                TrainConfig(
                    env="warmrl/DelayedRecall-v0",
                    delay=self.trained,
                    env_kwargs=arguments,
                    cell=cell,
                    warmup=warmup,
                    total_timesteps=self.total_timesteps,
                    seed=seed,
                ),
                self.delays,
                100_000 if self.distractor == "none" else 0,
            )
            for seed in range(self.seeds)
            for cell in self.cells
            for warmup in self.warmups
        ]


def main() -> None:
    """Run the study and print its table."""
    study = tyro.cli(Recall)
    rows = run_study("recall", study.jobs(), study.results, study.workers)
    show(rows, study.delays, Console(highlight=False, soft_wrap=True))


if __name__ == "__main__":
    main()
