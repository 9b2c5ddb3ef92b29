"""Seconds until a T-maze is solved, warm-up included; practice and consolidation come after that.

Every cell has one run before, which is not counted: it compiles the time loops. Makes a table of
docs/benchmarks.md::

    python benchmarks/solve.py
    python benchmarks/solve.py --n-envs 64 --n-steps 64
    python benchmarks/solve.py --device cuda --n-envs 8192
"""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from warmrl.checks import check_integer
from warmrl.command_line import one_line_errors, parse
from warmrl.train import checked_env, train, warm
from warmrl.training import TrainConfig, build_model


@dataclass
class Solve:
    """Measure how long it takes to solve a T-maze, seed after seed in this process."""

    cells: tuple[str, ...] = ("gru", "lstm")
    """Recurrent cells."""
    length: int = 20
    """Length of the corridor."""
    n_envs: int = TrainConfig.n_envs
    """Environments stepped in parallel."""
    n_steps: int = TrainConfig.n_steps
    """Steps of each environment per rollout."""
    learning_rate: float = TrainConfig.learning_rate
    """Step size of Adam."""
    seeds: int = 10
    """Seeds per cell."""
    total_timesteps: int = TrainConfig.total_timesteps
    """Environment steps, at most."""
    device: str = "cpu"
    """Where networks are, and environments step."""

    def __post_init__(self) -> None:
        check_integer("seeds", self.seeds, 1)

    def configs(self, cell: str) -> list[TrainConfig]:
        """The runs of one cell.

        :raises ValueError: for a cell that does not exist, or a setting out of range
        """
        return [
            TrainConfig(
                length=(self.length,),
                n_envs=self.n_envs,
                n_steps=self.n_steps,
                learning_rate=self.learning_rate,
                cell=cell,
                total_timesteps=self.total_timesteps,
                solved_rollouts=0,
                consolidate=False,
                seed=seed,
                device=self.device,
            )
            for seed in range(self.seeds)
        ]


class Solved(NamedTuple):
    """One run."""

    warmup: float  # seconds
    total: float  # seconds
    steps: int | None  # of the environments; None if it is not solved


def solve(config: TrainConfig) -> Solved:
    """Run it once."""
    model = build_model(config, checked_env(config))
    start = time.perf_counter()
    warm(config, model)
    warmed = time.perf_counter()
    trained = train(dataclasses.replace(config, warmup="none"), model=model)
    return Solved(warmed - start, time.perf_counter() - start, trained.solved_at)


def table(runs: dict[str, list[Solved]]) -> Table:
    """Medians over seeds, and the slowest."""
    shown = Table(box=box.SIMPLE_HEAD)
    names = ("cell", "solved", "steps, median", "warm-up, s", "until solved, s", "slowest, s")
    for name in names:
        shown.add_column(name, justify="left" if name == "cell" else "right")
    for cell, solved in runs.items():
        steps = [run.steps for run in solved if run.steps is not None]
        shown.add_row(
            cell,
            f"{len(steps)}/{len(solved)}",
            f"{median(steps):,.0f}" if steps else "-",
            f"{median(run.warmup for run in solved):.2f}",
            f"{median(run.total for run in solved):.2f}",
            f"{max(run.total for run in solved):.2f}",
        )
    return shown


def main(args: Sequence[str] | None = None) -> None:
    """Measure, and print the table.

    :param args: the command line; that of the process if absent
    """
    study = parse(Solve, args)
    with one_line_errors():
        configs = {cell: study.configs(cell) for cell in study.cells}
        for some in configs.values():
            checked_env(some[0])
    runs: dict[str, list[Solved]] = {}
    for cell, some in configs.items():
        solve(some[0])
        runs[cell] = list(map(solve, some))
    Console(highlight=False).print(table(runs))


if __name__ == "__main__":
    main()
