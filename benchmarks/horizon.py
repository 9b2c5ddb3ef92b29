"""Trained on short corridors only, tested on corridors thousands of times longer.

Makes the table of docs/benchmarks.md and the README's first figure::

    python benchmarks/horizon.py

Every drive of the warm-up::

    python benchmarks/horizon.py --warmups frame rollout gaussian none \\
        --figure docs/images/drives.png

In single layers, all of which is warmed up (they seldom repeat themselves, so that the longest
corridors would take hours)::

    python benchmarks/horizon.py --warmups frame rollout gaussian --layers single \\
        --delays 20 200 2000 20000 --certify-steps 20000 --figure docs/images/single.png

In mazes where three moves of ten are random::

    python benchmarks/horizon.py --length 5 20 --stochasticity 0.3 --delays 20 200 2000 \\
        --figure docs/images/stochastic.png

The other cells::

    python benchmarks/horizon.py --cells mgu brc nbrc --figure docs/images/cells.png
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter
from rich.console import Console
from scipy import stats

from warmrl.benchmarks.agent_job import AgentJob, show
from warmrl.benchmarks.study import Study
from warmrl.benchmarks.variants import Layers, Variant, variants
from warmrl.checks import check_integer
from warmrl.command_line import one_line_errors, parse
from warmrl.envs.registration import make_task
from warmrl.sweeps.rows import Row, grouped
from warmrl.training import TrainConfig

COLD: dict[str, Any] = {"consolidate": False, "solved_rollouts": 75}
COLD_DELAY = 100_000  # cold agents seldom repeat themselves, so every step has to be taken


@dataclass
class Horizon(Study):
    """Train agents at one length, with and without warm-up, and test them at far longer ones.

    Cold ones are plain recurrent PPO: neither warmed up nor consolidated, but practised for longer.
    They are tested up to length 100 000.
    """

    length: tuple[int, ...] = (20,)
    """Length of the corridor in training: one number, or two for a range."""
    stochasticity: float = 0.0
    """Chance that a move is random; where it is not 0, there can be no certificate."""
    cells: tuple[str, ...] = ("gru", "lstm")
    """Recurrent cells."""
    warmups: tuple[str, ...] = ("frame", "none")
    """Warm-ups."""
    layers: tuple[Layers, ...] = ("double",)
    """Double layers, of which half is warmed up, or single ones."""
    delays: tuple[int, ...] = (20, 200, 2_000, 20_000, 100_000, 1_000_000)
    """Lengths tested."""
    certify_steps: int = 200_000
    """Corridor steps for each cue after which to give up looking for a certificate, 0 to not look;
    of cold agents and in random mazes none is looked for."""
    figure: Path = Path("docs/images/horizon.png")
    """Where the figure is written."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("certify_steps", self.certify_steps, 0)

    @property
    def variants(self) -> list[Variant]:
        """The networks compared."""
        return list(variants(self.cells, self.warmups, self.layers))

    def delays_of(self, variant: Variant) -> tuple[int, ...]:
        """Lengths at which a network is tested."""
        longest = COLD_DELAY if variant.warmup == "none" else max(self.delays)
        return tuple(delay for delay in self.delays if delay <= longest)

    def jobs(self) -> list[AgentJob]:
        """All runs of the study.

        :raises ValueError: for a name that does not exist, or a maze that cannot be
        """
        chance: dict[str, str | float] = (
            {"stochasticity": self.stochasticity} if self.stochasticity else {}
        )
        maze = TrainConfig(length=self.length, env_kwargs=chance)
        make_task(maze.env, **maze.env_arguments)
        return [
            AgentJob(
                variant.name,
                TrainConfig(
                    length=self.length,
                    env_kwargs=chance,
                    seed=seed,
                    **variant.settings,
                    **(COLD if variant.warmup == "none" else {}),
                ),
                self.delays_of(variant),
                0 if variant.warmup == "none" or self.stochasticity else self.certify_steps,
            )
            for seed in range(self.seeds)
            for variant in self.variants
        ]


def draw(rows: Sequence[Row], study: Horizon) -> Figure:
    """How many seeds have solved it after so many steps; how many are right at which length."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    learning, remembering = figure.subplots(1, 2, sharey=True)
    groups = grouped(rows)
    for offset, variant in enumerate(study.variants):
        draw_solved(learning, groups[variant.name], variant)
        draw_right(remembering, groups[variant.name], variant, study.delays_of(variant), offset)
    remembering.axvspan(study.length[0], study.length[-1], color="black", lw=0.8)
    seen = " to ".join(map(str, study.length))
    lengths = "length" if len(study.length) == 1 else "lengths"
    remembering.annotate(
        f"the only {lengths}\nseen in training: {seen}",
        (study.length[-1], 0.12),
        (6, 0),
        textcoords="offset points",
        fontsize=8,
        va="center",
    )
    last = max(run["solved_at"] or run["steps"] for run in rows)
    learning.set(xlim=(0, 1.2 * last), xlabel="environment steps")
    learning.set(ylabel="seeds that have solved it")
    learning.xaxis.set_major_formatter(EngFormatter(sep=""))
    remembering.set(xscale="log", xlabel="length of the corridor (steps)", ylim=(0, 1.04))
    remembering.set(ylabel="seeds right in every episode")
    for axes in (learning, remembering):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.spines[["top", "right"]].set_visible(False)
    remembering.legend(
        frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5), handlelength=4
    )
    return figure


def draw_solved(axes: Axes, runs: Sequence[Row], variant: Variant) -> None:
    """Share of seeds that have solved the task, against steps."""
    steps = sorted(run["solved_at"] for run in runs if run["solved_at"] is not None)
    shares = np.arange(len(steps) + 1) / len(runs)
    end = max(run["steps"] for run in runs)
    axes.step(
        [steps[0] if steps else end, *steps, end],
        [*shares, shares[-1]],
        where="post",
        ls=variant.dashes,
        color=variant.style["color"],
    )


def draw_right(
    axes: Axes, runs: Sequence[Row], variant: Variant, delays: Sequence[int], offset: int
) -> None:
    """Share of seeds that succeed in every episode, against length, with Wilson intervals."""
    perfect = [sum(run["success"][str(delay)] == 1.0 for run in runs) for delay in delays]
    tests = [stats.binomtest(count, len(runs)) for count in perfect]
    intervals = [test.proportion_ci(method="wilson") for test in tests]
    shares = np.array([test.statistic for test in tests])
    reach = np.array([[ci.low, ci.high] for ci in intervals]).T
    axes.errorbar(
        np.array(delays) * 1.06**offset,  # side by side, so that none hides another
        shares,
        yerr=np.abs(reach - shares),
        ls=variant.dashes,
        elinewidth=0.8,
        capsize=2,
        label=variant.label,
        **variant.style,
    )


def main(args: Sequence[str] | None = None) -> None:
    """Run the study, print its table and draw its figure.

    :param args: the command line; that of the process if absent
    """
    study = parse(Horizon, args)
    with one_line_errors():
        jobs = study.jobs()
    rows = study.rows("horizon", jobs)
    show(rows, study.delays, Console(highlight=False, soft_wrap=True))
    study.figure.parent.mkdir(parents=True, exist_ok=True)
    draw(rows, study).savefig(study.figure)


if __name__ == "__main__":
    main()
