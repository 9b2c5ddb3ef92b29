"""Processes side by side: what they say, how they fail, and that none is left."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from warmrl.processes import Ended, Pool, ProcessDied, Task, Told
from warmrl.tests.process_tasks import converse, die, fail, speak

BEGIN = (
    "import pathlib, sys; from warmrl.tests.process_tasks import begin; "
    "begin(pathlib.Path(sys.argv[1]))"
)


def ended(pool: Pool, tasks: dict[str, Task]) -> dict[str, Ended]:
    """Run tasks, and answer each with what it said."""
    waiting, done = list(tasks.items()), {}
    while waiting or pool.busy:
        while waiting and pool.free:
            pool.start(*waiting.pop(0))
        for event in pool.events():
            if isinstance(event, Told):
                pool.answer(event.key, event.said * 2)
            else:
                done[event.key] = event
    return done


def test_one_that_dies_or_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    tasks: dict[str, Task] = {"dies": die, "fails": fail, "is well": converse, "speaks": speak}
    with Pool(1, output=tmp_path / "output.txt") as pool:
        done = ended(pool, tasks)
    with pytest.raises(ProcessDied, match="its process ended with status -9"):
        done["dies"].outcome()
    with pytest.raises(RuntimeError, match=r"^Peculiar: nothing$"):
        done["fails"].outcome()
    assert "in fail" in done["fails"].traceback
    *answers, process = done["is well"].outcome()
    assert answers == ["oneone", "twotwo"]
    assert process != os.getpid()
    assert "spoken" in (tmp_path / "output.txt").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_parent(number: signal.Signals, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", BEGIN, str(tmp_path)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # as in a terminal
    )
    while program.poll() is None and not (tmp_path / "pids").is_file():
        time.sleep(0.02)
    pids = (tmp_path / "pids").read_text().split()
    os.kill(program.pid, number)
    program.wait()
    while any(alive(pid) for pid in pids):  # or the test's time runs out
        time.sleep(0.02)


def alive(pid: str) -> bool:
    try:
        return "State:\tZ" not in Path("/proc", pid, "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
