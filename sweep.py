"""Many runs of train.py over any of its settings: a grid, or a search, with several seeds."""

import dataclasses
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeAlias

import tyro
from rich.console import Console

from warmrl.checks import check_installed, check_integer
from warmrl.command_line import command, one_line_errors, parse
from warmrl.processes import Pool
from warmrl.sweeps import (
    DONE,
    FAILED,
    Definition,
    Drive,
    GridPlan,
    Live,
    Place,
    Plan,
    Row,
    grouped,
    read_grid,
    read_rows,
    read_space,
    show_grid,
    show_trials,
)
from warmrl.sweeps.drive import RESULTS_FILE
from warmrl.train import INTERRUPTED
from warmrl.training import TrainConfig, on_top_of_stored, stored_config

OUTPUT_FILE = "output.txt"
SOME_FAILED = 1

Varied: TypeAlias = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(metavar="FIELD=A,B,...", help_behavior_hint="(can be repeated)"),
]
Searched: TypeAlias = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(metavar="FIELD=[log:]LOW:HIGH", help_behavior_hint="(can be repeated)"),
]
Seeds: TypeAlias = Annotated[tuple[int, ...], tyro.conf.arg(metavar="N [N ...]")]
Count: TypeAlias = Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="")]
Address: TypeAlias = Annotated[str | None, tyro.conf.arg(metavar="ADDRESS", help_behavior_hint="")]
Base: TypeAlias = Annotated[TrainConfig, tyro.conf.arg(name="")]


@dataclass
class SweepConfig:
    """Train many agents: every combination of a grid, or what a search comes to, with seeds.

    - Any option of train.py is the same for all runs; any of its settings can be varied.
    - Called again in the same way, it goes on where it was. Examples:
      python sweep.py runs/sweeps/cells --grid cell=gru,lstm --grid warmup=none,frame --seeds 0 1 2
      python sweep.py runs/sweeps/noise --grid env_kwargs.stochasticity=0,0.3 --length 10
      python sweep.py runs/sweeps/rate --search learning_rate=log:1e-4:1e-2 --trials 20 --seeds 0
      python evaluate.py runs/sweeps/cells/cell=gru,warmup=frame/seed-0 --certify
    """

    folder: tyro.conf.Positional[Path]
    """Folder of the sweep: one folder for each run, and the table results.jsonl."""
    grid: Varied = ()
    """Values of a setting, for example cell=gru,lstm or "length=5,5 20", of an argument of the
    environment env_kwargs.stochasticity=0,0.3."""
    search: Searched = ()
    """Range of a setting to search with Optuna (needs the extra "sweep"): gamma=0.9:0.999,
    n_steps=32:256:32, learning_rate=log:1e-4:1e-2; or values as in a grid.
    With a grid, each of its points is searched."""
    seeds: Seeds = (0, 1, 2)
    """Seeds of each point of the grid, or of each trial."""
    trials: int = 20
    """Trials of a search, at each point of the grid."""
    jobs: Count = None
    """Runs side by side, each in a process of its own (as many as there are cores)."""
    ray: Address = None
    """Run on the Ray cluster at this address instead, or on one of this machine: local
    (needs the extra "ray")."""
    base: Base = field(default_factory=TrainConfig)
    """What all runs share: the options of train.py."""


def read_config(args: Sequence[str] | None) -> SweepConfig:
    """The configuration of the command line, its base on top of a run's for ``--config``.

    :raises ValueError: if a value is wrong
    :raises OSError: if there is no such run
    """
    config = parse(SweepConfig, args, script="sweep")
    if config.base.config is not None:

        def flags(before: TrainConfig) -> TrainConfig:
            once = dataclasses.replace(config, grid=(), search=(), base=before)
            return parse(SweepConfig, args, once, script="sweep").base

        config.base = on_top_of_stored(stored_config(config.base.config), flags)
    return config


def definition_of(config: SweepConfig) -> Definition:
    """The sweep that the command line describes.

    :raises ValueError: if it describes none
    """
    for name in ("trials", "jobs"):
        value = getattr(config, name)
        if value is not None:
            check_integer(name, value, 1)
    grid = read_grid(config.grid)
    return Definition(config.base, grid, read_space(config.search, grid), config.seeds)


def place_of(config: SweepConfig) -> Place:
    """Where the runs are run.

    :raises ValueError: if there is no such cluster
    """
    jobs = config.jobs or os.cpu_count() or 1
    if config.ray is None:
        return Pool(jobs, config.folder / OUTPUT_FILE)
    check_installed("ray", "ray")
    from warmrl.sweeps.cluster import Cluster

    place: Place = Cluster(config.ray, config.jobs)
    return place


def plan_of(
    definition: Definition, config: SweepConfig, rows: dict[str, Row], parallel: bool
) -> Plan:
    """Which runs there are, in which order.

    :param rows: of those that have ended; those that end are put there, too
    :param parallel: whether runs are side by side
    """
    if not definition.space:
        return GridPlan(definition, config.folder, rows)
    from warmrl.sweeps.search import SearchPlan

    return SearchPlan(definition, config.folder, rows, config.trials, parallel)


def show(definition: Definition, trials: int, rows: Sequence[Row], console: Console) -> None:
    """Print the tables of a sweep that has ended.

    :param trials: asked for at each point
    :param rows: of its runs, those of a grid in its order
    """
    if not definition.space:
        show_grid(rows, definition.score, console)
        return
    for runs in grouped(rows).values():
        show_trials(runs, list(definition.space), trials, definition.score, console)


def main(args: Sequence[str] | None = None) -> None:
    """Run the script.

    :param args: the command line; that of the process if absent
    """
    console = Console(highlight=False, soft_wrap=True)
    with one_line_errors():
        config = read_config(args)
        definition = definition_of(config)
        definition.check()
        if definition.space:
            check_installed("optuna", "sweep")
        place = place_of(config)
        lock = definition.claim(config.folder)
        rows = {row["key"]: row for row in read_rows(config.folder / RESULTS_FILE)}
    with closing(lock), place:
        plan = plan_of(definition, config, rows, place.free > 1)
        with Live(plan.total, plan.ended, Console(highlight=False)) as live:
            try:
                Drive(plan, place, config.folder, rows, live).go()
            except KeyboardInterrupt:
                print("interrupted: the same command goes on with it", file=sys.stderr)
                raise SystemExit(INTERRUPTED) from None
    ended = plan.rows()
    show(definition, config.trials, ended, console)
    done = [row for row in ended if row["status"] == DONE]
    if done:
        best = max(done, key=lambda row: float(row["score"]))
        console.print(f"try: {command('evaluate')} {config.folder / best['key']} --report")
    n_failed = sum(row["status"] == FAILED for row in ended)
    if n_failed:
        print(
            f"{n_failed} of {len(ended)} runs failed, see {config.folder / RESULTS_FILE}",
            file=sys.stderr,
        )
        raise SystemExit(SOME_FAILED)


if __name__ == "__main__":
    main(sys.argv[1:])
