"""Success against delay, drawn."""

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from warmrl.envs import MemoryTask
from warmrl.envs.arguments import delay_bounds

from .result import DelayResult
from .table import grouped

MOST_TICKS = 8
"""Sweeps of at most so many delays have each of them on the axis."""
INK, GREY, BLUE, AMBER = "#282c34", "#969ba3", "#216fdb", "#f5b428"


def chance(task: MemoryTask) -> float | None:
    """Success rate of a guess among the cues; ``None`` if they cannot be enumerated."""
    if not task.deterministic:
        return None
    try:
        return 1.0 / task.n_decisions()
    except ValueError:  # more than a task enumerates
        return None


def success_figure(results: Sequence[DelayResult], task: MemoryTask) -> Figure:
    """Success rate against delay, on a logarithmic axis, with its 95 % interval.

    :param results: a sweep
    :param task: the task as the agent was trained on it: its delay is marked
    """
    rows = sorted(
        (row.delay, row.success_rate, row.ci_low, row.ci_high)
        for row in results
        if row.delay is not None and row.success_rate is not None
    )
    figure = Figure(figsize=(6.4, 3.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    low, high = delay_bounds(task.delay)
    axes.axvspan(low / 1.04, high * 1.04, color=AMBER, alpha=0.5, lw=0, label="trained here")
    if (guess := chance(task)) is not None:
        axes.axhline(guess, color=GREY, ls=(0, (4, 3)), lw=1.2, label="without memory")
    delays = [row[0] for row in rows]
    if rows:
        delay, rate, low_rate, high_rate = np.array(rows, dtype=float).T
        axes.fill_between(delay, low_rate, high_rate, color=BLUE, alpha=0.15, lw=0)
        axes.errorbar(
            delay,
            rate,
            # Rounding may put an end of the interval a hair inside the rate.
            yerr=np.maximum([rate - low_rate, high_rate - rate], 0.0),
            color=BLUE,
            marker="o",
            ms=5,
            lw=1.8,
            elinewidth=1.2,
            capsize=3,
            clip_on=False,
            zorder=3,
            label="agent, 95 % interval",
        )
    if len(set(delays)) <= MOST_TICKS:
        axes.xaxis.set_major_locator(FixedLocator(delays))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda delay, _: grouped(round(delay))))
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(f"{task.delay_name} (steps)", color=INK)
    axes.set_ylabel("success", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GREY, alpha=0.25, lw=0.8)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return figure
