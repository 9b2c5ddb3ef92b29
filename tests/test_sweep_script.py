"""The script of sweeps, as a user runs it."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from warmrl.evaluate import main as evaluate
from warmrl.sweep import main
from warmrl.sweeps import Live, Row, Run
from warmrl.sweeps.rows import read_rows
from warmrl.tests.sweeps.threads import Threads
from warmrl.tests.training.short_runs import assert_same, outcome
from warmrl.tests.training.strangers import ID
from warmrl.train import main as train
from warmrl.training.folder_lock import FolderLock

SMALL = (
    *("--n-envs", "4", "--n-steps", "8", "--hidden-size", "8", "--n-epochs", "1"),
    *("--total-timesteps", "96", "--warmup", "none", "--eval-episodes", "2"),
)
TINY = (*SMALL, "--length", "3", "--eval-delays", "3", "5", "--checkpoint-rollouts", "1")
CELLS = ("sweep", "--grid", "cell=gru,lstm", "--seeds", "0", "1", *TINY)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Threads]:
    """A folder to work in, and the places made, where runs are run one after the other."""
    monkeypatch.chdir(tmp_path)
    made: list[Threads] = []

    def place(*_: object) -> Threads:
        made.append(Threads(1))
        return made[-1]

    monkeypatch.setattr("warmrl.sweep.Pool", place)
    return made


def results() -> dict[str, Row]:
    return {row["key"]: row for row in read_rows(Path("sweep/results.jsonl"))}


def test_a_folder_is_swept_by_one_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    Path("sweep").mkdir()
    lock = FolderLock(Path("sweep"), "folder")
    with pytest.raises(SystemExit) as ended:
        main(CELLS)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said == (
        "error: folder='sweep' is being written by another process; it must be another folder\n"
    )
    assert list(Path("sweep").iterdir()) == []
    lock.close()
    main([*CELLS, "--seeds", "0"])
    main(CELLS)
    assert len(results()) == 4


def test_a_grid_is_run_and_never_again(
    places: list[Threads], capsys: pytest.CaptureFixture[str]
) -> None:
    main(CELLS)
    said = capsys.readouterr().out
    assert "4/4 cell=lstm/seed-1: score " in said
    assert "gru     2/2" in said
    keys = [f"cell={cell}/seed-{seed}" for cell in ("gru", "lstm") for seed in (0, 1)]
    assert places[-1].started == list(results()) == keys
    row = results()["cell=lstm/seed-1"]
    written = json.loads(Path("sweep/cell=lstm/seed-1/evaluation.json").read_text())["results"]
    assert row["success"] == {str(r["delay"]): r["success_rate"] for r in written}
    assert (row["status"], row["seed"], row["settings"]) == ("done", 1, {"cell": "lstm"})
    config = json.loads(Path("sweep/cell=lstm/seed-1/config.json").read_text())["train"]
    assert (config["cell"], config["seed"], config["env_kwargs"]) == ("lstm", 1, {"length": 3})
    train([*TINY, "--cell", "lstm", "--seed", "1", "--run-dir", "alone"])
    assert_same(outcome(Path("alone")), outcome(Path("sweep/cell=lstm/seed-1")))
    evaluate(["sweep/cell=gru/seed-0", "--delays", "4", "--episodes", "2"])

    capsys.readouterr()
    main([*CELLS, "--jobs", "3"])
    assert places[-1].started == []
    assert capsys.readouterr().out.strip() == said[said.index("\n", said.index("4/4")) :].strip()
    main([*CELLS[: -len(TINY)], "2", *TINY])
    assert places[-1].started == ["cell=gru/seed-2", "cell=lstm/seed-2"]


def test_a_sweep_of_nested_settings_on_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    train([*TINY, "--cell", "lstm", "--run-dir", "before"])
    grid = ("--grid", "env_kwargs.stochasticity=0,0.5", "--grid", "length=3,3 4", "--seeds", "7")
    main(["sweep", *grid, "--config", "before", "--eval-delays", "4"])
    assert "stochasticity   length" in capsys.readouterr().out
    path = "sweep/stochasticity=0.5,length=3-4/seed-7"
    config = json.loads(Path(path, "config.json").read_text())["train"]
    assert config["env_kwargs"] == {"stochasticity": 0.5, "length": [3, 4]}
    assert (config["cell"], config["n_envs"]) == ("lstm", 4)


def test_a_run_that_fails_ends_no_other_and_is_tried_again(
    places: list[Threads], capsys: pytest.CaptureFixture[str]
) -> None:
    faults = ("--grid", "env_kwargs.fault=reward,crash,never", "--env-kwargs", "after", "8")
    args = ["sweep", *faults, "--env", ID, "--seeds", "0", *SMALL]
    for started in (3, 2):
        with pytest.raises(SystemExit) as stop:
            main(args)
        assert stop.value.code == 1
        out, err = capsys.readouterr()
        assert len(places[-1].started) == started
        assert "fault=crash/seed-0: failed: RuntimeError: the environment is broken" in out
        assert "fault=reward/seed-0: failed: UserError: env=" in out
        assert err == "2 of 3 runs failed, see sweep/results.jsonl\n"
    rows = results()
    assert "in step" in rows["fault=crash/seed-0"]["traceback"]
    assert rows["fault=never/seed-0"]["score"] == 10
    assert list(rows["fault=never/seed-0"]["return"]) == ["-"]


def test_after_ctrl_c_it_goes_on_to_the_same_bits(
    places: list[Threads], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--seeds", "0", "1", *TINY]
    main(["whole", *args])

    def interrupt(live: Live, run: Run, progress: Any) -> None:
        if (run.config.seed, progress.steps) == (1, 64):
            signal.raise_signal(signal.SIGINT)

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(Live, "told", interrupt)
        with pytest.raises(SystemExit) as stop:
            main(["sweep", *args])
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted: the same command goes on with it\n"
    assert list(results()) == ["seed-0"]
    assert list(Path("sweep/seed-1").glob("checkpoint-*"))
    main(["sweep", *args])
    assert places[-1].started == ["seed-1"]
    for run in ("seed-0", "seed-1"):
        assert_same(outcome(Path("sweep", run)), outcome(Path("whole", run)))
    whole = {row["key"]: row for row in read_rows(Path("whole/results.jsonl"))}
    assert results() == whole


def test_a_search_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna", reason="needs the extra sweep: pip install 'warmrl[sweep]'")
    main(
        ["sweep", "--search", "learning_rate=log:1e-4:1e-2", "--trials", "2", "--seeds", "0", *TINY]
    )
    said = capsys.readouterr().out
    assert "2 of 2 trials, 0 pruned, 0 failed" in said
    assert "try: python evaluate.py sweep/trial-000" in said
    rates = {row["settings"]["learning_rate"] for row in results().values()}
    configs = [json.loads((Path("sweep") / key / "config.json").read_text()) for key in results()]
    assert {config["train"]["learning_rate"] for config in configs} == rates
    assert len(rates) == 2
