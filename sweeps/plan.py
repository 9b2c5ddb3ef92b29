"""Which run comes next: those of a grid, in their order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from .definition import Definition
from .grid import Point, Settings
from .rows import Row
from .run import DONE, Progress, Run


class Plan(Protocol):
    """Says which run comes next, and is told how runs go and end."""

    @property
    def total(self) -> int:
        """Runs there are at most, those that have ended included."""
        ...

    @property
    def ended(self) -> int:
        """Runs that have ended."""
        ...

    def next(self) -> Run | None:
        """The next run to start; ``None`` while there is none."""
        ...

    def goes_on(self, run: Run, progress: Progress, /) -> bool:
        """Whether a run goes on, as it goes."""
        ...

    def end(self, run: Run, row: Row, /) -> None:
        """A run has ended, its row is written."""
        ...

    def rows(self) -> list[Row]:
        """Of all runs of the sweep that have ended."""
        ...


class GridPlan:
    """Every point of the grid with every seed; those that failed before are tried again.

    :param definition: the sweep
    :param folder: its folder
    :param rows: those of runs that have ended before, by their keys
    """

    def __init__(self, definition: Definition, folder: Path, rows: Mapping[str, Row]) -> None:
        self._rows = rows
        self._runs = [
            make_run(definition, folder, point, point.settings, seed)
            for point in definition.points
            for seed in definition.seeds
        ]
        self.total = len(self._runs)
        missing = [run for run in self._runs if rows.get(run.key, {}).get("status") != DONE]
        self.ended = self.total - len(missing)
        self._missing = iter(missing)

    def next(self) -> Run | None:
        """See :class:`Plan`."""
        return next(self._missing, None)

    def goes_on(self, *_: object) -> bool:
        """See :class:`Plan`."""
        return True

    def end(self, *_: object) -> None:
        """See :class:`Plan`."""
        self.ended += 1

    def rows(self) -> list[Row]:
        """See :class:`Plan`."""
        return [self._rows[run.key] for run in self._runs if run.key in self._rows]


def make_run(
    definition: Definition,
    folder: Path,
    point: Point,
    settings: Settings,
    seed: int,
    trial: int | None = None,
) -> Run:
    """A run of a sweep.

    :param folder: the sweep's
    :param point: of the grid
    :param settings: of the run, those of the point included
    :param trial: number of the trial of a search
    """
    names = (point.name, "" if trial is None else f"trial-{trial:04}", f"seed-{seed}")
    place = Path(*filter(None, names))
    return Run(
        place.as_posix(),
        point.name,
        settings,
        definition.config(settings, seed),
        folder / place,
        definition.score,
        trial,
    )
