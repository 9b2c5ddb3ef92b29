"""Initial weights, local stability and warm-up: what each makes of memory, and of learning.

Every network is trained on the T-maze of length 20, and none is consolidated, which would give them
all attractors in the end; VAA is measured before and after training.
Makes a table and a figure of docs/benchmarks.md::

    python benchmarks/initialisation.py
    python benchmarks/initialisation.py --quick
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from rich.console import Console

from warmrl.agents import INITIALISERS
from warmrl.benchmarks.agent_job import QUICK, AgentJob, show
from warmrl.benchmarks.study import QuickStudy
from warmrl.benchmarks.variants import Layers, Variant, is_defined
from warmrl.command_line import one_line_errors, parse
from warmrl.sweeps.rows import Row, grouped
from warmrl.training import TrainConfig
from warmrl.training.config import STABILITY

RADII = (1.0, 0.5)
QUICK_VAA_STEPS = 200


@dataclass
class Initialisation(QuickStudy):
    """Train from every initialisation, after local stability, and after a warm-up."""

    length: int = 20
    """Length of the corridor in training."""
    cells: tuple[str, ...] = ("gru", "lstm")
    """Recurrent cells."""
    inits: tuple[str, ...] = tuple(init for init in INITIALISERS if init != "default")
    """Initial weights; those not defined for a cell are left out. By default an LSTM has uniform
    ones, other cells orthogonal ones: these are what is warmed up."""
    layers: Layers = "double"
    """Double or single layers; of double ones half is prepared, and measured."""
    delays: tuple[int, ...] = (20, 2_000)
    """Lengths tested."""
    vaa_steps: int = 10_000
    """Steps of constant input after which VAA is measured."""
    figure: Path = Path("docs/images/initialisation.png")
    """Where the figure is written; for a quick run with "-quick" in its name."""

    @property
    def variants(self) -> Iterator[Variant]:
        """What is compared, cell by cell."""
        for cell in self.cells:
            for init in self.inits:
                if is_defined(init, cell):
                    yield Variant(cell, init=init, layers=self.layers)
            for radius in RADII:
                yield Variant(cell, STABILITY, self.layers, stability_radius=radius)
            yield Variant(cell, "frame", self.layers)

    def jobs(self) -> list[AgentJob]:
        """All runs of the study.

        :raises ValueError: for a name that does not exist
        """
        return [
            AgentJob(
                variant.name,
                TrainConfig(
                    length=(self.length,),
                    seed=seed,
                    consolidate=False,
                    **variant.settings,
                    **(QUICK if self.quick else {}),
                ),
                self.delays,
                vaa_steps=QUICK_VAA_STEPS if self.quick else self.vaa_steps,
            )
            for seed in range(self.seeds)
            for variant in self.variants
        ]


def draw(rows: Sequence[Row], study: Initialisation) -> Figure:
    """Steps to solve, VAA before and after training, and success, seed by seed."""
    compared = list(study.variants)
    figure = Figure(figsize=(9.6, 0.8 + 0.26 * len(compared)), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    learning, memory, success = figure.subplots(1, 3, sharey=True)
    groups = grouped(rows)
    longest = str(max(study.delays))
    for place, variant in enumerate(compared):
        runs, colour = groups[variant.name], variant.style["color"]
        solved = [run["solved_at"] for run in runs if run["solved_at"] is not None]
        scatter(learning, solved, place, color=colour)
        scatter(memory, [run["vaa_untrained"] for run in runs], place - 0.15, ec=colour, fc="none")
        scatter(memory, [run["vaa_trained"] for run in runs], place + 0.15, color=colour)
        scatter(success, [run["success"][longest] for run in runs], place, color=colour)
    learning.set_yticks(range(len(compared)), [label_of(variant) for variant in compared])
    learning.invert_yaxis()
    learning.xaxis.set_major_formatter(EngFormatter(sep=""))
    learning.set(xlim=(0, None), xlabel="environment steps until it is solved")
    memory.set(xlim=(-0.04, 1.04), xlabel="VAA before training (hollow), and after")
    success.set(xlim=(-0.04, 1.04), xlabel=f"success at length {max(study.delays):,}")
    for axes in (learning, memory, success):
        axes.tick_params(labelsize=8)
        axes.xaxis.label.set_size(9)
        axes.grid(axis="y", color="0.92")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(study.title or "", fontsize=9)
    return figure


def label_of(variant: Variant) -> str:
    """Its name in the figure: how it is prepared, or its initial weights."""
    return variant.label.replace("cold, ", "")


def scatter(axes: Axes, values: Sequence[float], height: float, **style: Any) -> None:
    """A point for each seed; where points meet, they are darker."""
    axes.scatter(values, np.full(len(values), height), s=14, alpha=0.6, lw=0.8, **style)


def main(args: Sequence[str] | None = None) -> None:
    """Run the study, print its table and draw its figure.

    :param args: the command line; that of the process if absent
    """
    study = parse(Initialisation, args)
    with one_line_errors():
        jobs = study.jobs()
    rows = study.rows("initialisation" + study.suffix, jobs)
    show(rows, study.delays, Console(highlight=False, soft_wrap=True), study.title)
    study.figure.parent.mkdir(parents=True, exist_ok=True)
    draw(rows, study).savefig(study.figure.with_stem(study.figure.stem + study.suffix))


if __name__ == "__main__":
    main()
