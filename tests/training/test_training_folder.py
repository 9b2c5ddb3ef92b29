"""The run folder: found impossible before anything is done, gone when nothing comes of it."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from warmrl.agents import Agent
from warmrl.evaluation import read_trained_on
from warmrl.train import main
from warmrl.training import RunFolder

BRIEF = (
    *("--length", "3", "--n-envs", "4", "--n-steps", "8", "--hidden-size", "8", "--n-epochs", "2"),
    *("--total-timesteps", "64", "--warmup", "none", "--eval-delays", "3", "--eval-episodes", "2"),
)
WHOLE = (
    *("config.json", "progress.csv", "model.zip", "policy.safetensors", "evaluation.json"),
    *("evaluation.png", "checkpoint-0.safetensors", "checkpoint-64.safetensors"),
)


def test_checking_makes_nothing(tmp_path: Path) -> None:
    RunFolder(tmp_path / "a" / "b").check_free()
    RunFolder(tmp_path).check_free()
    assert list(tmp_path.iterdir()) == []


def test_taken_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match=r"run_dir='.*file' is a file; it must be a new"):
        RunFolder(tmp_path / "file").check_free()
    with pytest.raises(FileExistsError, match="exists; it must be a new folder .*--resume"):
        RunFolder(tmp_path).check_free()
    with pytest.raises(NotADirectoryError, match=r"cannot be made: .*file is a file"):
        RunFolder(tmp_path / "file" / "run").check_free()


def test_a_place_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever runs the tests may be allowed everything.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for check in (RunFolder(tmp_path / "run").check_free, RunFolder(tmp_path).check_writable):
        with pytest.raises(PermissionError, match=f"be written: no permission in {tmp_path}"):
            check()


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = RunFolder(Path("runs/a"))
    folder.check_free()
    folder.claim()
    assert (tmp_path / "runs" / "a").is_dir()
    folder.discard()
    assert list(tmp_path.iterdir()) == []


def test_discarding_leaves_what_others_made(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path / "runs" / "a"), RunFolder(tmp_path / "runs" / "b")
    first.claim()
    second.claim()
    (first.path / "progress.csv").touch()
    first.discard()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["b"]
    own = tmp_path / "own"
    own.mkdir()
    given = RunFolder(own)
    given.claim()
    given.discard()
    assert own.is_dir()


def test_a_folder_is_written_by_one_at_a_time(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    first.check_free()
    second.check_free()
    first.claim()
    with pytest.raises(BlockingIOError, match="run_dir='.*run' is being written by another pro"):
        second.claim()
    (tmp_path / "run" / "config.json").touch()
    del first
    with pytest.raises(FileExistsError, match="exists; it must be a new folder"):
        RunFolder(tmp_path / "run").claim()
    RunFolder(tmp_path / "run").lock()


def test_a_lock_leaves_no_handle(tmp_path: Path) -> None:
    open_before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(100):
        RunFolder(tmp_path).claim()
    assert len(list(Path("/dev/fd").iterdir())) == open_before


def compete(folder: Path, go: int, number: int) -> NoReturn:
    """In a process of its own: wait for the others, and train into a folder that four want."""
    status = 1
    try:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            os.read(go, 1)
            seed = str(number // 4)
            main([*BRIEF, "--seed", seed, "--run-dir", str(folder / "runs" / seed)])
        status = 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    finally:
        os._exit(status)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_sixty_four_processes_never_collide(tmp_path: Path) -> None:
    """Four want each of sixteen folders; one gets it, and leaves a whole run."""
    go, start = os.pipe()
    processes = []
    for number in range(64):
        process = os.fork()
        if process == 0:
            compete(tmp_path, go, number)
        processes.append(process)
    os.write(start, bytes(64))
    ends = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
    assert [sorted(ends[i : i + 4]) for i in range(0, 64, 4)] == [[0, 2, 2, 2]] * 16
    for seed in range(16):
        run = tmp_path / "runs" / str(seed)
        described = json.loads((run / "config.json").read_text())
        assert described["train"]["seed"] == seed
        assert described["summary"]["complete"]
        assert read_trained_on(run).env == "warmrl/TMaze-v0"
        assert Agent.load(run).act(np.zeros(9, np.float32)).shape == ()
        assert {path.name for path in run.iterdir()} == set(WHOLE)
