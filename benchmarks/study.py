"""A study: many seeded runs; it can be stopped, and goes on where it was."""

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rich.progress import track
from scipy import stats

from warmrl.checks import check_integer

Row = dict[str, Any]
QUICK_SEEDS = 2


class Job(Protocol):
    """One run of a study; it is sent to other processes."""

    @property
    def key(self) -> str:
        """What makes the run the same run."""
        ...

    def run(self) -> Row:
        """Run it.

        :return: its row of results, JSON; ``"group"`` in it names what is compared: runs of a group
            differ in their seed only
        """
        ...


@dataclass(kw_only=True)
class Study:
    """What every study can be told at the command line.

    :raises ValueError: if there is no seed, or no process
    """

    seeds: int = 10
    """Seeds per combination."""
    workers: int = 2
    """Runs side by side, each on one core."""
    results: Path = Path("benchmarks/results")
    """Where finished runs are kept; the study goes on from there."""

    def __post_init__(self) -> None:
        check_integer("seeds", self.seeds, 1)
        check_integer("workers", self.workers, 1)

    def rows(self, name: str, jobs: Sequence[Job]) -> list[Row]:
        """Run what is not done yet, see :func:`run_study`."""
        return run_study(name, jobs, self.results, self.workers)


@dataclass(kw_only=True)
class QuickStudy(Study):
    """A study that can also be tried in minutes."""

    quick: bool = False
    """Only to see that everything runs: tiny networks that learn next to nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.quick:
            self.seeds = min(self.seeds, QUICK_SEEDS)

    @property
    def suffix(self) -> str:
        """Of the names of its files, so that a quick run spoils no other."""
        return "-quick" if self.quick else ""

    @property
    def title(self) -> str | None:
        """Of its tables and figures."""
        return "quick: tiny networks, hardly trained" if self.quick else None


def run_study(name: str, jobs: Sequence[Job], folder: Path, workers: int) -> list[Row]:
    """Run what is not done yet; every finished run is one line of ``folder/name.jsonl``.

    :param workers: processes side by side, each on one core; with 1 all runs are in this one
    :return: the rows of all jobs, in their order
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    done = {row["key"]: row for row in read_rows(path)}
    if path.exists() and not path.read_text().endswith("\n"):
        with path.open("a") as file:
            file.write("\n")  # ends a line torn by a kill, so that no row is appended to it
    missing = [job for job in jobs if job.key not in done]
    ended = _finished(missing, workers)
    for row in track(ended, name, total=len(missing)) if missing else ():
        done[row["key"]] = row
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
    return [done[job.key] for job in jobs]


def _finished(jobs: Sequence[Job], workers: int) -> Iterator[Row]:
    if workers == 1:
        yield from map(_finish, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            for future in as_completed([pool.submit(_finish, job) for job in jobs]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)  # or all others would still run, and be lost


def _finish(job: Job) -> Row:
    return job.run() | {"key": job.key}


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
    return float(_iqm(np.asarray(values)))


def _iqm(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.asarray(stats.trim_mean(values, 0.25, axis))


def iqm_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % bootstrap interval of the interquartile mean over seeds (percentile method)."""
    if len(set(values)) < 2:
        return values[0], values[0]
    resampled = stats.bootstrap(
        (np.asarray(values),), _iqm, method="percentile", vectorized=True, rng=0
    ).confidence_interval
    return float(resampled.low), float(resampled.high)


def with_interval(values: Sequence[float], digits: int = 2) -> str:
    """Interquartile mean and its interval, as tables show them."""
    low, high = iqm_interval(values)
    return f"{iqm(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by their group, in the order of the study."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    return groups
