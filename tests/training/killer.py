"""Runs train.py in processes that are killed, from one process that has imported it.

Called as ``python -m warmrl.tests.training.killer FOLDER SEED COUNT``: leaves the run
``FOLDER/whole`` and COUNT runs ``FOLDER/0``, ``FOLDER/1``, ..., each killed twice at random moments
and then finished; prints how many of the kills came before a process had ended.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from warmrl import train
from warmrl.tests.training.short_runs import SHORT


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
    config = folder / "config.json"
    return config.exists() and '"complete": true' in config.read_text()


def main() -> None:
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    train.evaluate = lambda *args: None
    rng, kills = np.random.default_rng(seed), 0
    seconds = finished(arguments(folder / "whole"))
    for run in range(count):
        for _ in range(2):
            if not complete(folder / str(run)):
                kills += killed(arguments(folder / str(run)), rng.uniform(0, seconds))
        if not complete(folder / str(run)):
            finished(arguments(folder / str(run)))
    print(kills)


if __name__ == "__main__":
    main()
