"""Trains, goes on, evaluates and reports, over and over: memory, files and threads must not grow.

Every round runs the scripts in this process as a user does, in turn on a task of ours and on
another package's environment, and removes what they left. Then a line is fitted to what the process
held after each round. Makes a table of docs/trust.md::

    python benchmarks/soak.py --minutes 60
"""

import contextlib
import gc
import itertools
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import tyro
from rich.cells import cached_cell_len
from rich.console import Console
from rich.table import Table
from scipy import stats

from warmrl import evaluate, train

MIB = 2**20
TRAINING = (
    *("--n-envs", "8", "--n-steps", "16", "--hidden-size", "16", "--warmup-steps", "5"),
    *("--warmup-episodes", "16", "--eval-episodes", "10", "--checkpoint-rollouts", "1"),
    *("--no-stop-when-solved", "--total-timesteps", "1280"),
)
OURS = ("--env", "warmrl/TMaze-v0", "--length", "3", "--eval-delays", "3", "30")
OTHERS = ("--env", "CartPole-v1")
BLOCKS = 8


@dataclass
class Soak:
    """Run the scripts over and over, and fit a line to what the process holds."""

    minutes: float = 60.0
    """How long."""
    settling: float = 0.2
    """Share of that time, at its beginning, which the line leaves out: caches fill, code is
    compiled."""
    json: Path | None = None
    """Where to write every sample too."""


@dataclass(frozen=True)
class Sample:
    """What the process holds after a round."""

    minutes: float  # since the beginning
    memory: float  # resident, MiB
    allocated: int  # pieces of memory that Python's objects hold: exact, where the former is not
    files: int  # open handles
    threads: int


@dataclass(frozen=True)
class Trend:
    """A line through samples of one quantity, per hour."""

    first: float
    last: float
    slope: float
    low: float  # of the slope's 95 % interval
    high: float

    @property
    def flat(self) -> bool:
        """Whether it may as well not grow."""
        return self.low <= 0


def trend(hours: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> Trend:
    """Fit a line to means over a few blocks of time.

    What an allocator keeps changes slowly, so that near rounds resemble each other, and an interval
    from single rounds would be too narrow.

    :param hours: when [n]
    :param values: what was held then [n]
    """
    blocks = min(BLOCKS, len(hours))
    x, y = (np.array([b.mean() for b in np.array_split(a, blocks)]) for a in (hours, values))
    if np.ptp(y) == 0:
        return Trend(float(y[0]), float(y[0]), 0.0, 0.0, 0.0)
    fit = stats.linregress(x, y)
    margin = float(stats.t.ppf(0.975, blocks - 2) * fit.stderr) if blocks > 2 else np.inf
    slope = float(fit.slope)
    return Trend(float(y[0]), float(y[-1]), slope, slope - margin, slope + margin)


def play_round(number: int, folder: Path) -> None:
    """Train a run, go on with it, evaluate it and report on it."""
    run, ours = str(folder / "run"), number % 2 == 0
    training = [*TRAINING, *(OURS if ours else OTHERS), "--seed", str(number), "--run-dir", run]
    train.main(training)
    train.main(["--resume", run, "--total-timesteps", "2560"])
    delays = ["--delays", "3", "300", "--certify"] if ours else []
    evaluate.main([run, *delays, "--episodes", "10", "--report", "--seed", str(number)])


def soak(config: Soak) -> list[Sample]:
    """Rounds for as long as asked, and a sample after each."""
    process, start, samples = psutil.Process(), time.monotonic(), list[Sample]()
    for number in itertools.count():
        with (
            tempfile.TemporaryDirectory() as folder,
            Path(os.devnull).open("w") as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            play_round(number, Path(folder))
        cached_cell_len.cache_clear()  # rich's: it is bounded, and an hour does not fill it
        gc.collect()
        minutes = (time.monotonic() - start) / 60
        memory = process.memory_info().rss / MIB
        held = (memory, sys.getallocatedblocks(), process.num_fds(), process.num_threads())
        samples.append(Sample(minutes, *held))
        if minutes >= config.minutes:
            return samples
    raise AssertionError


def show(samples: list[Sample], config: Soak) -> dict[str, Trend]:
    """Print the table; the trend of each quantity."""
    settled = [s for s in samples if s.minutes >= config.settling * config.minutes]
    hours = np.array([sample.minutes for sample in settled]) / 60
    table = Table(title=f"{len(samples)} rounds in {samples[-1].minutes:.0f} minutes")
    for heading in ("", "first", "last", "per hour", "95 % interval", "flat"):
        table.add_column(heading, justify="right" if heading else "left")
    found = {}
    units = {"memory": "MiB", "allocated": "pieces", "files": "open", "threads": "running"}
    for name, unit in units.items():
        values = np.array([getattr(sample, name) for sample in settled], dtype=float)
        found[name] = t = trend(hours, values)
        interval = f"{t.low:+.2f} to {t.high:+.2f}"
        table.add_row(
            *(f"{name} ({unit})", f"{t.first:.1f}", f"{t.last:.1f}", f"{t.slope:+.2f}", interval),
            "yes" if t.flat else "NO",
        )
    Console().print(table)
    return found


def main(config: Soak) -> None:
    """Soak, print the table, and exit with status 1 if anything grows."""
    samples = soak(config)
    found = show(samples, config)
    if config.json is not None:
        written = {"samples": [asdict(s) for s in samples]} | {
            name: asdict(t) | {"flat": t.flat} for name, t in found.items()
        }
        config.json.write_text(json.dumps(written, indent=1) + "\n")
    if not all(t.flat for t in found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main(tyro.cli(Soak, description=Soak.__doc__))
