"""Runs train.py in processes that are killed, from one process that has imported it.

Called as ``python -m warmrl.tests.training.killer FOLDER SEED COUNT``: leaves the run
``FOLDER/whole`` and runs ``FOLDER/0``, ``FOLDER/1``, ..., each killed at one or two random moments
and then finished, until there were COUNT kills; prints the number of runs. A run warms up, trains,
is taken for solved, consolidates and is saved.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from warmrl import train
from warmrl.tests.training.short_runs import SHORT, solve

LAST = "checkpoint-192.safetensors"


def started(args: Sequence[str]) -> int:
    """The id of a process that trains."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            train.main(args)
            status = 0
        finally:
            os._exit(status)
    return process


def finished(args: Sequence[str]) -> float:
    """Processor seconds of a run that nobody disturbs."""
    _, status, used = os.wait4(started(args), 0)
    if status != 0:
        raise RuntimeError(f"train.py {' '.join(args)} ended with status {status}")
    return used.ru_utime + used.ru_stime


def killed(args: Sequence[str], seconds: float) -> bool:
    """Kill a run after so many processor seconds; whether it had not ended before."""
    process = started(args)
    clock = ~process << 3 | 2  # of that process: what clock_getcpuclockid(3) returns on Linux
    while time.clock_gettime(clock) < seconds:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            if status != 0:
                raise RuntimeError(f"train.py {' '.join(args)} ended with status {status}")
            return False
        time.sleep(0.001)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return True


def arguments(folder: Path) -> list[str]:
    """How a run is begun, or gone on with once there is something of it."""
    if (folder / "config.json").exists():
        return ["--resume", str(folder)]
    return [*SHORT, "--run-dir", str(folder)]


def complete(folder: Path) -> bool:
    return any(folder.glob(LAST))


def main() -> None:
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    train.evaluate = lambda *args: None
    solve()
    rng, kills, runs = np.random.default_rng(seed), 0, 0
    seconds = finished(arguments(folder / "whole"))
    while kills < count:
        run = folder / str(runs)
        for _ in range(min(2, count - kills)):
            if not complete(run):
                kills += killed(arguments(run), rng.uniform(0, seconds))
        if not complete(run):
            finished(arguments(run))
        runs += 1
    print(runs)


if __name__ == "__main__":
    main()
