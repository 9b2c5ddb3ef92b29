"""Environments that others wrote, POPGym's and MiniGrid's, with and without warm-up.

POPGym's observations, actions and rewards are as they come. Of MiniGrid's squares the nearest 3 x 3
are seen, one-hot, and three of its actions are left. No success is reported, so every run has all
its steps. Needs ``pip install "warmrl[popgym,minigrid]"``. Makes tables of docs/benchmarks.md::

    python benchmarks/other_packages.py
    python benchmarks/other_packages.py --quick
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from warmrl.benchmarks.agent_job import QUICK, AgentJob
from warmrl.benchmarks.study import QuickStudy
from warmrl.benchmarks.variants import variants
from warmrl.checks import check_choice
from warmrl.command_line import one_line_errors, parse
from warmrl.evaluation.interquartile import with_interval
from warmrl.sweeps.rows import Row, grouped
from warmrl.training import TrainConfig

MINIGRID = (
    "warmrl.benchmarks.three_moves.ThreeMoves",
    "minigrid.wrappers.OneHotPartialObsWrapper",
)
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    # A card is shown first, others follow; at each of 51 steps the first is to be named.
    "popgym-RepeatFirstEasy-v0": {"n_envs": 64, "n_steps": 64, "total_timesteps": 150_000},
    # An object is in a room behind the agent, two are at the end of a hallway: which was it?
    # Of 7 x 7 squares the agent sees 3 x 3, so that more has to be remembered.
    "MiniGrid-MemoryS7-v0": {
        "env_kwargs": {"agent_view_size": 3},
        "env_wrapper": MINIGRID,
        "n_envs": 32,
        "n_steps": 64,
        "total_timesteps": 400_000,
        "n_epochs": 8,
        "learning_rate": 3e-3,
        "gamma": 0.99,
        "ent_coef": 0.02,
    },
}
"""settings of each: some minutes on one core"""


@dataclass
class OtherPackages(QuickStudy):
    """Train on environments of other packages, with and without warm-up."""

    seeds: int = 5
    """Seeds per combination."""
    envs: tuple[str, ...] = tuple(ENVIRONMENTS)
    """Their ids."""
    cells: tuple[str, ...] = ("gru",)
    """Recurrent cells."""
    warmups: tuple[str, ...] = ("frame", "none")
    """Warm-ups."""

    def jobs(self) -> list[AgentJob]:
        """All runs of the study.

        :raises ValueError: for a name that does not exist
        """
        for env in self.envs:
            check_choice("envs", env, ENVIRONMENTS)
        return [
            AgentJob(
                f"{env} {variant.name}",
                TrainConfig(
                    env=env,
                    seed=seed,
                    consolidate=False,
                    **variant.settings | ENVIRONMENTS[env] | (QUICK if self.quick else {}),
                ),
                (),
                episodes=4 if self.quick else 100,
            )
            for seed in range(self.seeds)
            for env in self.envs
            for variant in variants(self.cells, self.warmups)
        ]


def show_returns(rows: Sequence[Row], console: Console, title: str | None = None) -> None:
    """Print the return of the greedy policy as interquartile mean with its interval."""
    table = Table("agent", title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("seeds", "steps", "return", "worst", "best"):
        table.add_column(name, no_wrap=True)
    for group, runs in grouped(rows).items():
        returns = [run["return"]["None"] for run in runs]
        table.add_row(
            group,
            str(len(runs)),
            f"{runs[0]['steps']:,}",
            with_interval(returns),
            f"{min(returns):.2f}",
            f"{max(returns):.2f}",
        )
    console.print(table)


def main(args: Sequence[str] | None = None) -> None:
    """Run the study and print its table.

    :param args: the command line; that of the process if absent
    """
    study = parse(OtherPackages, args)
    with one_line_errors():
        jobs = study.jobs()
    rows = study.rows("other_packages" + study.suffix, jobs)
    show_returns(rows, Console(highlight=False, soft_wrap=True), study.title)


if __name__ == "__main__":
    main()
