"""Long T-mazes, trained on directly, with and without warm-up.

At length 100 a rollout of 128 steps still reaches back to the cue of some episodes; at 200 it takes
one of 256. Makes a table of docs/benchmarks.md::

    python benchmarks/direct.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from warmrl.benchmarks.agent_job import AgentJob, show
from warmrl.benchmarks.study import Study
from warmrl.command_line import one_line_errors, parse
from warmrl.training import TrainConfig

BUDGETS = {100: 3_000_000, 200: 5_000_000}
SETTINGS: dict[int, dict[str, Any]] = {
    100: {},
    200: {
        "n_steps": 256,
        "n_minibatches": 8,
        # With train.py's own some seeds are quicker, others take several times as long.
        "n_envs": 128,
        "learning_rate": 1e-3,
        "gamma": 0.99,
        "warmup_steps": 200,
    },
}


@dataclass
class Direct(Study):
    """Train on long mazes directly, with and without warm-up."""

    lengths: tuple[int, ...] = (100, 200)
    """Lengths of the corridor, of 100 and 200."""
    cell: str = "lstm"
    """Recurrent cell."""
    warmups: tuple[str, ...] = ("frame", "none")
    """Warm-ups."""

    def jobs(self, length: int) -> list[AgentJob]:
        """All runs at one length.

        :raises ValueError: for a name that does not exist, or another length
        """
        if length not in BUDGETS:
            raise ValueError(f"lengths={length} must be of {', '.join(map(str, BUDGETS))}")
        return [
            AgentJob(
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


def main(args: Sequence[str] | None = None) -> None:
    """Run the study and print a table for every length.

    :param args: the command line; that of the process if absent
    """
    study = parse(Direct, args)
    with one_line_errors():
        jobs = {length: study.jobs(length) for length in study.lengths}
    for length, runs in jobs.items():
        rows = study.rows("direct", runs)
        show(rows, (length, 100 * length), Console(highlight=False, soft_wrap=True))


if __name__ == "__main__":
    main()
