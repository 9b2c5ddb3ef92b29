"""How time and memory of training grow: with width, environments, steps and episodes.

Each size is tried in a process of its own, one after the other. Makes the figure of
docs/benchmarks.md::

    python benchmarks/growth.py
"""

import multiprocessing
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table

from warmrl.agents import RecurrentPPO
from warmrl.agents.cells import find_cell
from warmrl.checks import check_choice, check_integer
from warmrl.command_line import parse
from warmrl.envs import make_vec_env


@dataclass(frozen=True)
class Size:
    """What training is measured at."""

    hidden_size: int = 64
    n_envs: int = 64
    n_steps: int = 128
    length: int = 20

    @property
    def steps(self) -> int:
        """Environment steps of a rollout."""
        return self.n_envs * self.n_steps


AXES: dict[str, tuple[int, ...]] = {
    "hidden_size": (16, 32, 64, 128, 256, 512),
    "n_envs": (16, 64, 256, 1024, 4096),
    "n_steps": (32, 128, 512, 2048, 8192),
    "length": (5, 20, 80, 320, 1280),
}
"""what grows, everything else being as usual"""
LABELS = {
    "hidden_size": "hidden size",
    "n_envs": "environments",
    "n_steps": "steps per rollout",
    "length": "length of the corridor",
}


@dataclass
class Growth:
    """Measure time and peak memory of a rollout with its update, against what they depend on."""

    cell: str = "lstm"
    """Recurrent cell."""
    axes: tuple[str, ...] = tuple(AXES)
    """What grows: hidden_size, n_envs, n_steps, length."""
    points: int = 6
    """Sizes tried of each, from the smallest on."""
    repeats: int = 3
    """Rollouts measured, after one that is not."""
    figure: Path = Path("docs/images/growth.png")
    """Where the figure is written."""

    def __post_init__(self) -> None:
        find_cell(self.cell)
        for axis in self.axes:
            check_choice("axes", axis, tuple(AXES))
        check_integer("points", self.points, 1)
        check_integer("repeats", self.repeats, 1)


@dataclass(frozen=True)
class Point:
    """What one size took."""

    axis: str
    size: Size
    seconds: float
    """of a rollout and its update, median"""
    megabytes: float
    """peak of the process above what it had before the model was made"""


def measure(cell: str, axis: str, size: Size, repeats: int) -> Point:
    """Train for a few rollouts, in this process."""
    torch.set_num_threads(1)
    with_everything_imported = peak_megabytes()
    model = RecurrentPPO(
        "MlpRnnPolicy",
        make_vec_env("warmrl/TMaze-v0", size.n_envs, seed=0, length=size.length),
        n_steps=size.n_steps,
        batch_size=max(2, size.steps // 4),
        n_epochs=4,
        seed=0,
        device="cpu",
        policy_kwargs={"cell": cell, "lstm_hidden_size": size.hidden_size},
    )
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        model.learn(size.steps, reset_num_timesteps=False)
        seconds.append(time.perf_counter() - start)
    return Point(axis, size, median(seconds[1:]), peak_megabytes() - with_everything_imported)


def peak_megabytes() -> float:
    """Most memory that this process has held at once since it began, as Linux counts it."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 2**10


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Slope of the logarithms over the upper half of the sizes: 1 where growth is linear."""
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(values[half:]), 1)[0])


def draw(points: Sequence[Point], cell: str) -> Figure:
    """Time above memory, one column for each thing that grows; memory alone is not logarithmic."""
    axes_names = list(dict.fromkeys(point.axis for point in points))
    figure = Figure(figsize=(2.4 * len(axes_names), 4.2), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(axes_names), sharex="col", sharey="row", squeeze=False)
    for column, axis in enumerate(axes_names):
        own = [point for point in points if point.axis == axis]
        sizes = np.array([getattr(point.size, axis) for point in own])
        for row, values in enumerate(([p.seconds for p in own], [p.megabytes for p in own])):
            panel = panels[row, column]
            panel.plot(sizes, values, marker="o", ms=4, color="#d9480f")
            panel.set(xscale="log", xticks=sizes, xticklabels=sizes)
            panel.xaxis.minorticks_off()
            panel.spines[["top", "right"]].set_visible(False)
        panels[1, column].set_xlabel(LABELS[axis])
        linear = own[-1].seconds * sizes / sizes[-1]
        panels[0, column].plot(sizes, linear, color="0.6", lw=0.8, ls="--")
    seconds = [point.seconds for point in points]
    panels[0, 0].set(yscale="log", ylim=(min(seconds) / 2, max(seconds) * 2))
    panels[1, 0].set_ylim(0, 1.1 * max(point.megabytes for point in points))
    panels[0, 0].set_ylabel("seconds a rollout\nand its update")
    panels[1, 0].set_ylabel("peak memory (MB)")
    figure.suptitle(f"{cell.upper()}; dashed: time in proportion to the size", fontsize=9)
    return figure


def main(args: Sequence[str] | None = None) -> None:
    """Measure, print the table and draw the figure.

    :param args: the command line; that of the process if absent
    """
    growth = parse(Growth, args)
    sizes = [
        (axis, replace(Size(), **{axis: value}))
        for axis in growth.axes
        for value in AXES[axis][: growth.points]
    ]
    points = []
    with (
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
    ):
        for axis, size in track(sizes, "growth"):
            points.append(pool.apply(measure, (growth.cell, axis, size, growth.repeats)))
    table = Table("", "size", "ms a rollout", "us a step", "MB", "exponent of time")
    for axis in growth.axes:
        own = [point for point in points if point.axis == axis]
        values = [getattr(point.size, axis) for point in own]
        slope = exponent(values, [point.seconds for point in own]) if len(own) > 2 else None
        table.add_section()
        for point, value in zip(own, values, strict=True):
            table.add_row(
                LABELS[axis] if value == values[0] else "",
                f"{value}",
                f"{1e3 * point.seconds:.0f}",
                f"{1e6 * point.seconds / point.size.steps:.1f}",
                f"{point.megabytes:.0f}",
                f"{slope:.2f}" if slope is not None and value == values[0] else "",
            )
    Console(highlight=False, soft_wrap=True).print(table)
    growth.figure.parent.mkdir(parents=True, exist_ok=True)
    draw(points, growth.cell).savefig(growth.figure)


if __name__ == "__main__":
    main()
