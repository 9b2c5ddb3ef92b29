"""Delayed recall: trained on short delays, tested on far longer ones.

Makes a table of docs/benchmarks.md::

    python benchmarks/recall.py
    python benchmarks/recall.py --n-cues 3 --n-symbols 4 --total-timesteps 4000000 --certify-steps 0
    python benchmarks/recall.py --distractor noise --n-symbols 4 --delays 20 100
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from warmrl.benchmarks.agent_job import AgentJob, show
from warmrl.benchmarks.study import Study
from warmrl.checks import check_integer
from warmrl.command_line import one_line_errors, parse
from warmrl.envs.registration import make_task
from warmrl.training import TrainConfig

SEVERAL: dict[str, Any] = {
    "n_envs": 128,
    "n_minibatches": 16,
    "gamma": 0.5,
    "hidden_size": 128,
    "learning_rate": 4e-3,
    "normalize_advantage": False,
    "solved_rollouts": 20,
    "anneal_when_solved": True,
    "consolidation_noise": 0.05,
    "consolidation_states": 1024,
    "consolidation_rate": 5e-3,
    "consolidation_hold": 120,
}
"""settings for several cues: each answer is paid at once, and what is paid for the others is
noise to it; smaller steps wander for millions of steps where most answers are right; and their
combinations crowd a network, and are many to be met in one rollout"""


@dataclass
class Recall(Study):
    """Train on a range of short delays, with and without warm-up, and test on longer ones.

    Several cues have settings of their own.
    """

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
    delays: tuple[int, ...] = (20, 100, 1_000, 10_000)
    """Delays tested."""
    certify_steps: int = 100_000
    """Steps of delay for each cue after which to give up looking for a certificate, 0 to not look;
    with distractors there can be none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("certify_steps", self.certify_steps, 0)

    def jobs(self) -> list[AgentJob]:
        """All runs of the study.

        :raises ValueError: for a name that does not exist, or a task that cannot be
        """
        arguments: dict[str, str | float] = {
            "n_cues": self.n_cues,
            "n_symbols": self.n_symbols,
            "distractor": self.distractor,
        }
        make_task("warmrl/DelayedRecall-v0", delay=self.trained, **arguments)
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
                    **(SEVERAL if self.n_cues > 1 else {}),
                ),
                self.delays,
                self.certify_steps if self.distractor == "none" else 0,
            )
            for seed in range(self.seeds)
            for cell in self.cells
            for warmup in self.warmups
        ]


def main(args: Sequence[str] | None = None) -> None:
    """Run the study and print its table.

    :param args: the command line; that of the process if absent
    """
    study = parse(Recall, args)
    with one_line_errors():
        jobs = study.jobs()
    rows = study.rows("recall", jobs)
    show(rows, study.delays, Console(highlight=False, soft_wrap=True))


if __name__ == "__main__":
    main()
