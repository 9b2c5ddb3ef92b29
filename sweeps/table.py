"""What a sweep came to: a table over the points of its grid, or of the trials of a search."""

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from ..evaluation.interquartile import with_interval
from ..evaluation.table import grouped as thousands
from .definition import Score
from .grid import text
from .rows import Row, grouped
from .run import DONE, FAILED, PRUNED

BEST = 5  # trials shown


def median_steps(rows: Sequence[Row]) -> str:
    """Median steps until solved, in millions; bounded by the budget if most runs never did."""
    steps = sorted(row["solved_at"] or float("inf") for row in rows)
    middle = float(np.median(steps))
    return f"{middle / 1e6:.2f} M" if np.isfinite(middle) else f"> {rows[0]['steps'] / 1e6:.1f} M"


def show_grid(rows: Sequence[Row], score: Score, console: Console) -> None:
    """Print one line for each point: interquartile means over its seeds, bootstrap intervals.

    :param rows: of all runs that have ended, in the order of the grid
    :param score: what is shown of each delay
    """
    table = _table(*_headings(list(rows[0]["settings"])), score=score)
    for runs in grouped(rows).values():
        done = [row for row in runs if row["status"] == DONE]
        values = [_shown(value) for value in runs[0]["settings"].values()]
        counted = f"{len(done)}/{len(runs)}"
        if done:
            table.add_row(*values, counted, *_summed_up(done, score))
        else:
            table.add_row(*values, counted)
    console.print(table)


def show_trials(
    rows: Sequence[Row], names: Sequence[str], n_trials: int, score: Score, console: Console
) -> None:
    """Print the best trials at one point of the grid.

    :param rows: of its runs that have ended
    :param names: of what is searched
    :param n_trials: trials asked for
    """
    trials: dict[int, list[Row]] = {}
    for row in rows:
        trials.setdefault(row["trial"], []).append(row)
    failed = sum(any(row["status"] == FAILED for row in runs) for runs in trials.values())
    pruned = sum(any(row["status"] == PRUNED for row in runs) for runs in trials.values())
    whole = [runs for runs in trials.values() if all(row["status"] == DONE for row in runs)]
    named = f"{rows[0]['group']}: " if rows[0]["group"] else ""
    console.print(f"{named}{len(trials)} of {n_trials} trials, {pruned} pruned, {failed} failed")
    if not whole:
        return
    table = _table("trial", *_headings(names), score=score)
    for runs in sorted(whole, key=lambda runs: -float(np.mean([row["score"] for row in runs]))):
        if table.row_count == BEST:
            break
        values = [_shown(runs[0]["settings"][name]) for name in names]
        counted = f"{len(runs)}/{len(runs)}"
        table.add_row(str(runs[0]["trial"]), *values, counted, *_summed_up(runs, score))
    console.print(table)


def _summed_up(rows: Sequence[Row], score: Score) -> tuple[str, ...]:
    """How many are solved and when, and the score at each delay."""
    solved = sum(row["solved_at"] is not None for row in rows)
    delays = list(rows[0][score])
    scores = [with_interval([row[score][delay] for row in rows]) for delay in delays]
    named = [thousands(int(delay)) if delay.isdigit() else delay for delay in delays]
    return (f"{solved}/{len(rows)}", median_steps(rows), "\n".join(named), "\n".join(scores))


def _table(*headings: str, score: Score) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in headings:
        table.add_column(name, overflow="fold")
    for name in ("runs", "solved", "steps", "delay", score):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _headings(names: Sequence[str]) -> list[str]:
    return [name.partition(".")[2] or name for name in names]


def _shown(value: object) -> str:
    if isinstance(value, list):
        return text(tuple(value))
    return f"{value:.3g}" if isinstance(value, float) else text(value)
