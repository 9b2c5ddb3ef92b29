"""A study: many seeded runs; it can be stopped, and goes on where it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from rich.progress import track

from warmrl.checks import check_integer
from warmrl.processes import Ended, Pool, Tell
from warmrl.sweeps.rows import Row, append_row, read_rows

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
    missing = [job for job in jobs if job.key not in done]
    ended = _finished(missing, workers)
    for row in track(ended, name, total=len(missing)) if missing else ():
        done[row["key"]] = row
        append_row(path, row)
    return [done[job.key] for job in jobs]


def _finished(jobs: Sequence[Job], workers: int) -> Iterator[Row]:
    if workers == 1:
        yield from map(_finish, jobs)
        return
    waiting = list(reversed(jobs))
    with Pool(workers) as pool:
        while waiting or pool.busy:
            while waiting and pool.free:
                job = waiting.pop()
                pool.start(job.key, partial(_finish, job))
            for ended in pool.events():
                if isinstance(ended, Ended):
                    yield ended.outcome()


def _finish(job: Job, _: Tell | None = None) -> Row:
    return job.run() | {"key": job.key}
