"""Supervised tasks of memory, learned by recurrent networks with and without warm-up.

The benchmarks of Lambrechts et al. (2023), with digits of scikit-learn in place of MNIST unless
``--mnist`` says where that is, and the copy and addition tasks of Orhan & Pitkow (2020), learned
with the same optimiser. Makes a table and a figure of docs/benchmarks.md::

    python benchmarks/supervised.py
    python benchmarks/supervised.py --full --mnist DIR
    python benchmarks/supervised.py --quick
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table

from warmrl.benchmarks.digit_tasks import Digits
from warmrl.benchmarks.sequence_job import SequenceJob, Sizes
from warmrl.benchmarks.sequence_tasks import Addition, Copy, CopyFirst, Denoising, SequenceTask
from warmrl.benchmarks.study import QuickStudy
from warmrl.benchmarks.variants import Layers, Variant, variants
from warmrl.checks import check_choice
from warmrl.command_line import one_line_errors, parse
from warmrl.evaluation.interquartile import iqm, iqm_interval, with_interval
from warmrl.sweeps.rows import Row, grouped


def tasks_of(
    full: bool = False, mnist: Path | None = None
) -> dict[str, Callable[[], SequenceTask]]:
    """The tasks by their names, each to be made when it is asked for.

    :param full: in their published lengths, where those of Orhan & Pitkow are longer
    :param mnist: see :class:`~warmrl.benchmarks.digit_tasks.Digits`
    """
    return {
        "copy-first-50": partial(CopyFirst, 50),
        "copy-first-300": partial(CopyFirst, 300),
        "copy-first-600": partial(CopyFirst, 600),
        "denoising": partial(Denoising, length=200, pad=100),
        "sequential-digits": partial(Digits, mnist=mnist),
        "permuted-digits": partial(Digits, permuted=True, mnist=mnist),
        "permuted-row-digits": partial(Digits, permuted=True, rows=True, black=92, mnist=mnist),
        "copy": partial(Copy, 500 if full else 100),
        "addition": partial(Addition, 750 if full else 200),
    }


NAMES = tuple(tasks_of())
PUBLISHED = Sizes(
    hidden_size=256,
    n_layers=2,
    n_train=60_000,
    n_valid=10_000,
    n_test=10_000,
    epochs=50,
    warmup_steps=100,
)
QUICK = Sizes(
    hidden_size=16,
    n_train=256,
    n_valid=64,
    n_test=64,
    epochs=1,
    warmup_steps=10,
    warmup_sequences=32,
)


@dataclass
class Supervised(QuickStudy):
    """Train networks on supervised tasks of memory, with and without warm-up."""

    tasks: tuple[str, ...] = NAMES
    """Tasks, of the nine that there are."""
    cells: tuple[str, ...] = ("gru", "lstm")
    """Recurrent cells."""
    warmups: tuple[str, ...] = ("frame", "none")
    """Warm-ups: none, frame, rollout, gaussian, stability, or paper for all published settings."""
    layers: tuple[Layers, ...] = ("double",)
    """Double layers, of which half is warmed up, or single ones."""
    inits: tuple[str, ...] = ("default",)
    """Initial weights, as in train.py."""
    seeds: int = 5
    """Seeds per combination."""
    full: bool = False
    """The published sizes, of networks, tasks and training; without it all are smaller."""
    mnist: Path | None = None
    """Folder of MNIST's files, in place of the small digits of scikit-learn."""
    figure: Path = Path("docs/images/supervised.png")
    """Where the figure is written."""

    @property
    def sizes(self) -> Sizes:
        """Sizes of networks and training."""
        return QUICK if self.quick else PUBLISHED if self.full else Sizes()

    @property
    def suffix(self) -> str:
        """Of the names of its files; those of one kind of sizes are kept from the others."""
        return super().suffix or ("-full" if self.full else "")

    def jobs(self) -> list[SequenceJob]:
        """All runs of the study.

        :raises ValueError: for a name that does not exist, or where digits are nowhere to be found
        """
        known = tasks_of(self.full, self.mnist)
        tasks = {name: known[check_choice("tasks", name, known)]() for name in self.tasks}
        return [
            SequenceJob(name, task, variant, self.sizes, seed)
            for seed in range(self.seeds)
            for name, task in tasks.items()
            for variant in self.variants
        ]

    @property
    def variants(self) -> list[Variant]:
        """The networks compared."""
        return list(variants(self.cells, self.warmups, self.layers, self.inits))


def show(rows: Sequence[Row], study: Supervised, console: Console) -> None:
    """Print the error of every network on every task as interquartile mean and its interval."""
    table = Table(
        *("network", "seeds", "error", "VAA"),
        title=study.title,
        box=box.SIMPLE_HEAD,
    )
    groups = grouped(rows)
    for task in study.tasks:
        guess = groups[f"{task}: {study.variants[0].name}"][0]["error_without_memory"]
        table.add_section()
        table.add_row(f"[bold]{task}", "", f"best guess {guess:.3f}")
        for variant in study.variants:
            runs = groups[f"{task}: {variant.name}"]
            before, after = (
                [run[name] for run in runs if run[name] is not None]
                for name in ("vaa_before", "vaa_after")
            )
            table.add_row(
                f"  {variant.name}",
                str(len(runs)),
                with_interval([run["error"] for run in runs], digits=3),
                f"{iqm(before):.3f} -> {iqm(after):.3f}" if before else "-",
            )
    console.print(table)


def draw(rows: Sequence[Row], study: Supervised) -> Figure:
    """Error as a share of that of the best guess, for every task and network."""
    figure = Figure(figsize=(1.6 + 1.1 * len(study.tasks), 4.2), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    groups = grouped(rows)
    compared = study.variants
    for place, variant in enumerate(compared):
        name, shift = variant.name, 0.7 * ((place + 0.5) / len(compared) - 0.5)
        shares = [
            [run["error"] / run["error_without_memory"] for run in groups[f"{task}: {name}"]]
            for task in study.tasks
        ]
        means = np.array([iqm(values) for values in shares])
        reach = np.array([iqm_interval(values) for values in shares]).T
        axes.errorbar(
            np.arange(len(means)) + shift,
            means,
            yerr=np.maximum([means - reach[0], reach[1] - means], 0),  # rounding may cross them
            ls="",
            capsize=2,
            elinewidth=0.8,
            label=variant.label,
            **variant.style,
        )
    axes.axhline(1, color="black", lw=0.8)
    axes.annotate(
        "best\nguess",
        (1, 1),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=8,
    )
    axes.set(ylabel="error / error of the best guess", ylim=(-0.03, None))
    names = ["\n".join(task.rsplit("-", 1)) for task in study.tasks]
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(study.title or "", fontsize=9)
    figure.legend(frameon=False, fontsize=8, loc="outside upper left", ncols=4)
    return figure


def main(args: Sequence[str] | None = None) -> None:
    """Run the study, print its table and draw its figure.

    :param args: the command line; that of the process if absent
    """
    study = parse(Supervised, args)
    with one_line_errors():
        jobs = study.jobs()
    rows = study.rows("supervised" + study.suffix, jobs)
    show(rows, study, Console(highlight=False, soft_wrap=True))
    study.figure.parent.mkdir(parents=True, exist_ok=True)
    path = study.figure.with_stem(study.figure.stem + study.suffix)
    draw(rows, study).savefig(path)


if __name__ == "__main__":
    main()
