"""A study: many seeded runs; it can be stopped, and goes on where it was."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from rich.progress import track

from warmrl.checks import check_installed, check_integer
from warmrl.command_line import one_line_errors
from warmrl.processes import Ended, Pool, Tell
from warmrl.sweeps.rows import Row, append_row, read_rows

if TYPE_CHECKING:
    from warmrl.benchmarks.cluster import StudyCluster

QUICK_SEEDS = 2
WORKERS = 2
Place: TypeAlias = "Pool | StudyCluster"


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
    workers: int | None = None
    """Runs side by side, each on one core: two, or as many as a cluster has."""
    ray: str | None = None
    """Run on the Ray cluster at this address instead, or on one of this machine: local (needs the
    extra "ray"). Every node needs this repository."""
    results: Path = Path("benchmarks/results")
    """Where finished runs are kept; the study goes on from there."""

    def __post_init__(self) -> None:
        check_integer("seeds", self.seeds, 1)
        if self.workers is not None:
            check_integer("workers", self.workers, 1)

    def rows(self, name: str, jobs: Sequence[Job]) -> list[Row]:
        """Run what is not done yet, see :func:`run_study`."""
        here = self.ray is None and self.workers == 1
        return run_study(name, jobs, self.results, None if here else self.place)

    def place(self) -> Place:
        """Where runs run, if not in this process; if there is no such cluster, the process ends."""
        if self.ray is None:
            return Pool(self.workers or WORKERS)
        with one_line_errors():
            check_installed("ray", "ray")
            from warmrl.benchmarks.cluster import StudyCluster

            return StudyCluster(self.ray, self.workers)


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


def run_study(
    name: str, jobs: Sequence[Job], folder: Path, place: Callable[[], Place] | None = None
) -> list[Row]:
    """Run what is not done yet; every finished run is one line of ``folder/name.jsonl``.

    :param place: opens where they run; if absent all runs are in this process
    :return: the rows of all jobs, in their order
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    done = {row["key"]: row for row in read_rows(path)}
    missing = [job for job in jobs if job.key not in done]
    if missing:
        ended = map(_finish, missing) if place is None else _side_by_side(missing, place())
        for row in track(ended, name, total=len(missing)):
            done[row["key"]] = row
            append_row(path, row)
    return [done[job.key] for job in jobs]


def _side_by_side(jobs: Sequence[Job], place: Place) -> Iterator[Row]:
    waiting = list(reversed(jobs))
    with place:
        while waiting or place.busy:
            while waiting and place.free > 0:
                job = waiting.pop()
                place.start(job.key, partial(_finish, job))
            for ended in place.events():
                if isinstance(ended, Ended):
                    yield ended.outcome()


def _finish(job: Job, _: Tell | None = None) -> Row:
    return job.run() | {"key": job.key}
