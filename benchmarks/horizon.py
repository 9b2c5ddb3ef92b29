"""Trained on short corridors only, tested on corridors thousands of times longer.

Makes the table of docs/benchmarks.md and the README's first figure::

    python benchmarks/horizon.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from rich.console import Console
from scipy import stats

from warmrl.benchmarks.study import Job, Row, grouped, run_study, show
from warmrl.training import TrainConfig

COLOURS = {"none": "#8c8c8c", "gaussian": "#6aa84f", "rollout": "#3d85c6", "frame": "#d9480f"}
DASHES = {"gru": "-", "lstm": "--"}
COLD: dict[str, Any] = {"consolidate": False, "solved_rollouts": 75}
CERTIFY_STEPS = 600_000  # the slowest GRUs take that long to come to rest, bit by bit


@dataclass
class Horizon:
    """Train agents at one length, with and without warm-up, and test them at far longer ones.

    Cold ones are plain recurrent PPO: neither warmed up nor consolidated, but practised for longer.
    """

    length: int = 20
    """Length of the corridor in training."""
    cells: tuple[str, ...] = ("gru", "lstm")
    """Recurrent cells."""
    warmups: tuple[str, ...] = ("frame", "none")
    """Warm-ups."""
    seeds: int = 10
    """Seeds per combination."""
    delays: tuple[int, ...] = (20, 200, 2_000, 20_000, 100_000)
    """Lengths tested."""
    workers: int = 2
    """Runs side by side, each on one core."""
    results: Path = Path("benchmarks/results")
    """Where finished runs are kept; the study goes on from there."""
    figure: Path = Path("docs/images/horizon.png")
    """Where the figure is written."""

    def jobs(self) -> list[Job]:
        """All runs of the study."""
        return [
            Job(
                f"{cell} {warmup}",
                TrainConfig(
                    length=(self.length,),
                    cell=cell,
                    warmup=warmup,
                    seed=seed,
                    **(COLD if warmup == "none" else {}),
                ),
                self.delays,
                CERTIFY_STEPS if warmup != "none" else 0,
            )
            for seed in range(self.seeds)
            for cell in self.cells
            for warmup in self.warmups
        ]


def draw(rows: Sequence[Row], delays: Sequence[int], trained: int) -> Figure:
    """Share of seeds that succeed in every episode, against length, with Wilson intervals."""
    figure = Figure(figsize=(7.2, 3.6), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for offset, (group, runs) in enumerate(grouped(rows).items()):
        cell, warmup = group.split(" ", 1)
        perfect = [sum(run["success"][str(delay)] == 1.0 for run in runs) for delay in delays]
        tests = [stats.binomtest(count, len(runs)) for count in perfect]
        intervals = [test.proportion_ci(method="wilson") for test in tests]
        label = f"{cell.upper()}, {'cold' if warmup == 'none' else 'half-warmed'}"
        colour, style = COLOURS[warmup], DASHES.get(cell, ":")
        shares = np.array([test.statistic for test in tests])
        reach = np.array([[ci.low, ci.high] for ci in intervals]).T
        axes.errorbar(
            np.array(delays) * 1.06**offset,  # side by side, so that none hides another
            shares,
            yerr=np.abs(reach - shares),
            ls=style,
            marker="o",
            color=colour,
            elinewidth=0.8,
            capsize=2,
            label=label,
        )
    axes.axvline(trained, color="black", lw=0.8)
    axes.annotate(
        f"the only length\nseen in training: {trained}",
        (trained, 0.12),
        (6, 0),
        textcoords="offset points",
        fontsize=8,
        va="center",
    )
    axes.set(xscale="log", xlabel="length of the corridor (steps)")
    axes.set(ylabel="seeds right in every episode", ylim=(0, 1.04))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5), handlelength=4
    )
    return figure


def main() -> None:
    """Run the study, print its table and draw its figure."""
    study = tyro.cli(Horizon)
    rows = run_study("horizon", study.jobs(), study.results, study.workers)
    show(rows, study.delays, Console(highlight=False, soft_wrap=True))
    study.figure.parent.mkdir(parents=True, exist_ok=True)
    draw(rows, study.delays, study.length).savefig(study.figure)


if __name__ == "__main__":
    main()
