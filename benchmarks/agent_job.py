"""Agents as runs of a study: each is trained, and then tested over delays."""

import dataclasses
import json
import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from warmrl.agents import Agent, RecurrentPPO
from warmrl.evaluation import CannotCertify, certify, sweep
from warmrl.evaluation.interquartile import iqm, with_interval
from warmrl.sweeps.rows import Row, grouped
from warmrl.sweeps.table import median_steps
from warmrl.train import train, warm
from warmrl.training import StopWhenSolved, TrainConfig, build_env, build_model, task_of
from warmrl.warmup import WarmupResult, random_rollouts, reachable_vaa

VAA = ("vaa_untrained", "vaa_trained")
QUICK: dict[str, Any] = {
    "n_envs": 8,
    "n_steps": 64,
    "hidden_size": 8,
    "warmup_steps": 5,
    "warmup_episodes": 32,
    "total_timesteps": 1024,
}
"""settings of a run that only shows that everything runs"""


class LastinglySolved(StopWhenSolved):
    """Knows since when the task was solved once it has been for some rollouts; stops nothing.

    What is forgotten and learned again later, in a longer practice, changes nothing of that: steps
    to solve can be compared between agents that practise for longer or less.
    """

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if not self.done:
            super()._on_rollout_end()


@dataclasses.dataclass(frozen=True)
class AgentJob:
    """Train and evaluate one agent."""

    group: str
    """what is compared: runs of a group differ in their seed only"""
    config: TrainConfig
    delays: tuple[int, ...]
    """delays evaluated after training"""
    certify_steps: int = 0
    """corridor steps for each cue after which to give up looking for a certificate"""
    episodes: int = 100
    """episodes at each delay"""
    vaa_steps: int = 0
    """steps of constant input after which VAA is measured, before and after training; 0 for not"""

    @property
    def key(self) -> str:
        """What makes the run the same run, as JSON."""
        further = (self.vaa_steps,) if self.vaa_steps else ()  # other keys stay those of old rows
        config = self.config.to_json()
        del config["eval_max_seconds"]  # nor does a job evaluate as the configuration says
        return json.dumps(
            [
                self.group,
                config,
                self.delays,
                self.certify_steps,
                self.episodes,
                *further,
            ]
        )

    def run(self) -> Row:
        """Train and evaluate the agent.

        :return: its row of results, JSON
        """
        config = self.config
        model = build_model(config, build_env(config))
        start = time.perf_counter()
        warmup = warm(config, model)
        warmup_seconds = time.perf_counter() - start
        untrained = self.measured(model)
        solved = LastinglySolved(TrainConfig.solved_rollouts)
        trained = train(dataclasses.replace(config, warmup="none"), [solved], model)
        agent = Agent(model)
        task = task_of(model.get_env())
        results = sweep(
            agent, config.env, config.env_arguments, self.delays, self.episodes, config.seed
        )
        certificate: Row | None = None
        if self.certify_steps and task is not None:
            try:
                certificate = dataclasses.asdict(certify(agent, task, self.certify_steps))
            except CannotCertify as error:
                certificate = {"holds": False, "reason": str(error)}
        consolidated = trained.consolidation
        return {
            "group": self.group,
            "seed": config.seed,
            "solved_at": None if trained.solved_at is None else solved.solved_at,
            "steps": model.num_timesteps,
            "vaa_star": warmup.vaa_star[-1] if isinstance(warmup, WarmupResult) else None,
            "vaa_untrained": untrained,
            "vaa_trained": self.measured(model),
            "warmup_seconds": round(warmup_seconds, 2),
            "training_seconds": round(trained.training_seconds, 2),
            "waits_lost": None if consolidated is None else consolidated.lost_after,
            "success": {str(row.delay): row.success_rate for row in results},
            "return": {str(row.delay): row.mean_return for row in results},
            "certificate": certificate,
        }

    def measured(self, model: RecurrentPPO) -> float | None:
        """VAA along random rollouts under one of their inputs, mean over the layers, if asked."""
        if not self.vaa_steps:
            return None
        config = self.config
        # Environments of its own, so that measuring changes nothing of the training.
        env = build_env(config)
        trajectories = random_rollouts(
            env, config.warmup_episodes, config.seed, max_steps=config.warmup_episode_steps
        )
        env.close()
        return fmean(
            reachable_vaa(
                model, trajectories, n_steps=self.vaa_steps, seed=config.seed, drive="frame"
            ).values()
        )


def show(
    rows: Sequence[Row], delays: Sequence[int], console: Console, title: str | None = None
) -> None:
    """Print success as interquartile mean, its interval, and how many seeds are perfect.

    VAA before and after training, and certificates, are shown where they were asked for; delays at
    which a group was not tested are left out.
    """
    measured = any(row.get("vaa_trained") is not None for row in rows)
    sought = any(row["certificate"] for row in rows)
    optional = [name for name, shown in (("VAA", measured), ("certified", sought)) if shown]
    table = Table("agent", title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("solved", "steps", *optional, "delay", "success", "perfect"):
        table.add_column(name, no_wrap=True)
    for group, runs in grouped(rows).items():
        solved = sum(run["solved_at"] is not None for run in runs)
        agent = [group, f"{solved}/{len(runs)}", median_steps(runs)]
        if measured:
            before, after = (iqm([run[name] for run in runs]) for name in VAA)
            agent.append(f"{before:.3f} ->\n{after:.3f}")
        if sought:
            agent.append(certified(runs))
        tested = [delay for delay in delays if str(delay) in runs[0]["success"]]
        rates = [[run["success"][str(delay)] for run in runs] for delay in tested]
        table.add_section()
        table.add_row(
            *agent,
            "\n".join(f"{delay:,}" for delay in tested),
            "\n".join(map(with_interval, rates)),
            "\n".join(f"{rate.count(1.0)}/{len(runs)}" for rate in rates),
        )
    console.print(table)


def certified(rows: Sequence[Row]) -> str:
    """How many runs have a certificate; a hyphen where none was sought."""
    found = [row["certificate"]["holds"] for row in rows if row["certificate"]]
    return f"{sum(found)}/{len(rows)}" if found else "-"
