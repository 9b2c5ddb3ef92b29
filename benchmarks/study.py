"""A study: many seeded runs, each evaluated; it can be stopped, and goes on where it was."""

import dataclasses
import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

from warmrl.agents import Agent
from warmrl.evaluation import CannotCertify, certify, sweep
from warmrl.train import train
from warmrl.training import TrainConfig, task_of
from warmrl.warmup import WarmupResult

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a study."""

    group: str
    """what is compared: runs of a group differ in their seed only"""
    config: TrainConfig
    delays: tuple[int, ...]
    """delays evaluated after training"""
    certify_steps: int = 0
    """corridor steps for each cue after which to give up looking for a certificate"""
    episodes: int = 100
    """episodes at each delay"""

    @property
    def key(self) -> str:
        """What makes the run the same run, as JSON."""
        return json.dumps(
            [self.group, self.config.to_json(), self.delays, self.certify_steps, self.episodes]
        )


def run_job(job: Job) -> Row:
    """Train and evaluate one agent.

    :return: its row of results, JSON
    """
    config = job.config
    trained = train(config)
    agent = Agent(trained.model)
    env = trained.model.get_env()
    task = task_of(env)
    warmup = trained.warmup
    results = sweep(agent, config.env, config.env_arguments, job.delays, job.episodes, config.seed)
    certificate: Row | None = None
    if job.certify_steps and task is not None:
        try:
            certificate = dataclasses.asdict(certify(agent, task, job.certify_steps))
        except CannotCertify as error:
            certificate = {"holds": False, "reason": str(error)}
    return {
        "group": job.group,
        "seed": config.seed,
        "solved_at": trained.solved_at,
        "steps": trained.model.num_timesteps,
        "vaa_star": warmup.vaa_star[-1] if isinstance(warmup, WarmupResult) else None,
        "warmup_seconds": round(trained.warmup_seconds, 2),
        "training_seconds": round(trained.training_seconds, 2),
        "success": {str(row.delay): row.success_rate for row in results},
        "certificate": certificate,
        "key": job.key,
    }


def run_study(name: str, jobs: Sequence[Job], folder: Path, workers: int) -> list[Row]:
    """Run what is not done yet; every finished run is one line of ``folder/name.jsonl``.

    :param workers: processes side by side, each on one core
    :return: the rows of all jobs, in their order
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    done = {row["key"]: row for row in read_rows(path)}
    missing = [job for job in jobs if job.key not in done]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(run_job, job) for job in missing]
        ended = as_completed(futures)
        for future in track(ended, name, total=len(futures)) if futures else ended:
            row = future.result()
            done[row["key"]] = row
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return [done[job.key] for job in jobs]


def read_rows(path: Path) -> list[Row]:
    """The finished runs of a study; a line torn by a kill is left out, and so run again."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def iqm(values: Sequence[float]) -> float:
    """Interquartile mean (Agarwal et al. 2021, section 4.3)."""
    return float(stats.trim_mean(np.asarray(values), 0.25))


def iqm_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % bootstrap interval of the interquartile mean over seeds (percentile method)."""
    if len(set(values)) < 2:
        return values[0], values[0]
    resampled = stats.bootstrap(
        (np.asarray(values),), iqm, method="percentile", vectorized=False, rng=0
    ).confidence_interval
    return float(resampled.low), float(resampled.high)


def median_steps(rows: Sequence[Row]) -> str:
    """Median steps until solved, in millions; bounded by the budget if most runs never did."""
    steps = sorted(row["solved_at"] or float("inf") for row in rows)
    middle = float(np.median(steps))
    return f"{middle / 1e6:.2f} M" if np.isfinite(middle) else f"> {rows[0]['steps'] / 1e6:.1f} M"


def grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by their group, in the order of the study."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["group"]):
        groups.setdefault(row["group"], []).append(row)
    return groups


def show(rows: Sequence[Row], delays: Sequence[int], console: Console) -> None:
    """Print success as interquartile mean, its interval, and how many seeds are perfect."""
    table = Table("agent", "solved", "steps, median")
    for delay in delays:
        table.add_column(f"{delay:,}")
    table.add_column("certified")
    for group, runs in grouped(rows).items():
        cells = []
        for delay in delays:
            success = [run["success"][str(delay)] for run in runs]
            low, high = iqm_interval(success)
            perfect = sum(value == 1.0 for value in success)
            cells.append(
                f"{iqm(success):.2f} [{low:.2f}, {high:.2f}]\n{perfect}/{len(runs)} perfect"
            )
        sought = [run["certificate"] for run in runs if run["certificate"]]
        certified = sum(certificate["holds"] for certificate in sought)
        solved = sum(run["solved_at"] is not None for run in runs)
        table.add_row(
            group,
            f"{solved}/{len(runs)}",
            median_steps(runs),
            *cells,
            f"{certified}/{len(runs)}" if sought else "-",
        )
    console.print(table)
