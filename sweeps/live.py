"""What a terminal shows of a sweep under way: a line for each run that is running."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from .rows import Row
from .run import DONE, FAILED, Run
from .run import Progress as RunProgress


class Live:
    """A table that changes: runs under way, and below them the sweep as a whole.

    A context, in which it is drawn; every run that ends leaves a line, which is all that is shown
    where the console is no terminal.

    :param total: runs of the sweep, at most
    :param ended: those that have ended before
    :param console: where it is shown
    """

    def __init__(self, total: int, ended: int, console: Console) -> None:
        self._console, self._total = console, total
        self._table = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[unit]}"),
            TextColumn("[bold]{task.fields[shown]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._whole = self._table.add_task(
            "[bold]sweep", total=total, completed=ended, unit="runs", shown=""
        )
        self._lines: dict[str, TaskID] = {}
        self._failed = 0

    def __enter__(self) -> "Live":
        self._table.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._table.stop()

    def started(self, run: Run) -> None:
        """See :class:`~warmrl.sweeps.drive.Display`."""
        total = run.config.total_timesteps
        self._lines[run.key] = self._table.add_task(
            run.key, total=total, unit="steps", shown="starting"
        )

    def told(self, run: Run, progress: RunProgress) -> None:
        """See :class:`~warmrl.sweeps.drive.Display`."""
        score = "" if progress.score is None else f"{run.score} {progress.score:.2f}"
        self._table.update(self._lines[run.key], completed=progress.steps, shown=score)

    def ended(self, run: Run, row: Row | None, n_ended: int) -> None:
        """See :class:`~warmrl.sweeps.drive.Display`."""
        self._table.remove_task(self._lines.pop(run.key))
        if row is None:
            return
        self._failed += row["status"] == FAILED
        shown = f"{self._failed} failed" if self._failed else ""
        self._table.update(self._whole, completed=n_ended, shown=shown)
        self._console.print(
            f"{n_ended}/{self._total} {run.key}: {said_of(row)}", markup=False, soft_wrap=True
        )


def said_of(row: Row) -> str:
    """What came of a run, in one line."""
    if row["status"] == FAILED:
        return f"failed: {row['error']}"
    score = "-" if row["score"] is None else f"{row['score']:.3f}"
    if row["status"] != DONE:
        return f"{row['status']} at {row['steps']:,} steps, score {score}"
    solved = "" if row["solved_at"] is None else f", solved at {row['solved_at']:,}"
    return f"score {score} after {row['steps']:,} steps{solved}"
