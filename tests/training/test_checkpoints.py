"""Checkpoints that are torn, changed or of another run."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from warmrl.tests.training.short_runs import SHORT, assert_same, outcome
from warmrl.train import main
from warmrl.training.checkpoint_file import read_checkpoint, write_checkpoint
from warmrl.training.snapshot import Snapshot

LAST, BEFORE = "checkpoint-192.safetensors", "checkpoint-128.safetensors"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("warmrl.train.evaluate", lambda *args: None)
        main([*SHORT, "--warmup", "none", "--run-dir", "run"])
    return folder / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a run, in the folder where we are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warmrl.train.evaluate", lambda *args: None)
    return Path(copytree(finished, "run"))


def error_of(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["--resume", "run", *args])
    err = capsys.readouterr().err
    assert stop.value.code == 2
    assert err.count("\n") == 1
    return err


def flip(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(path.read_bytes())
    data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    path.write_bytes(data)


def tear(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(path.read_bytes()[: rng.integers(path.stat().st_size)])


def test_the_last_two_are_kept(run: Path) -> None:
    found = sorted(path.name for path in run.glob("checkpoint-*"))
    assert found == [BEFORE, LAST]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("damage", [flip, tear])
def test_damage_is_found(
    run: Path, damage: Callable[[Path, np.random.Generator], None], seed: int
) -> None:
    read_checkpoint(run / LAST)
    damage(run / LAST, np.random.default_rng(seed))
    with pytest.raises(ValueError, match=rf"^run/{LAST} is damaged"):
        read_checkpoint(run / LAST)


def test_the_one_before_a_damaged_one_serves(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = outcome(run)
    tear(run / LAST, np.random.default_rng(0))
    main(["--resume", "run"])
    out = capsys.readouterr().out
    assert f"run/{LAST} is damaged" in out
    assert "from 128 steps on" in out
    assert_same(outcome(run), expected)


def test_without_any_whole_one_nothing_is_done(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (BEFORE, LAST):
        tear(run / name, np.random.default_rng(0))
    assert "error: resume='run' has no whole checkpoint: run/checkpoint-192" in error_of(capsys)


def test_a_checkpoint_of_something_else(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"a": np.zeros(3)}, run / LAST)
    with pytest.raises(ValueError, match="is damaged or no checkpoint: its format is not"):
        read_checkpoint(run / LAST)


@pytest.mark.parametrize(("field", "value"), [("cell", "lstm"), ("hidden_size", 16), ("seed", 1)])
def test_another_configuration(
    run: Path, field: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads((run / "config.json").read_text())
    before, data["train"][field] = data["train"][field], value
    (run / "config.json").write_text(json.dumps(data))
    said = error_of(capsys, "--total-timesteps", "256")
    assert f"run/{LAST} does not fit config.json: the run had {field}={before!r}" in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("policy.action_net.bias", "policy.action_net.bias: missing"),
        ("moment.1.exp_avg", "moment.1.exp_avg: missing"),
        ("moment.99.exp_avg", "moment.99.exp_avg: unknown"),
        ("env.returns", "returns: missing"),
        ("last.starts", "starts: missing"),
        ("stream.torch", "stream.torch: missing"),
        ("stream.other", "stream.other: unknown"),
        ("thing.other", "thing: unknown"),
        ("n_updates", "n_updates: missing"),
        ("other", "other: unknown"),
    ],
)
def test_contents_that_do_not_fit(
    run: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One thing less, or one more."""
    arrays, notes = read_checkpoint(run / LAST)
    if "missing" in words:
        kept: tuple[dict[str, Any], ...] = tuple(
            {n: v for n, v in part.items() if n != name} for part in (arrays, notes)
        )
    else:
        kept = (arrays | {name: np.zeros(1)}, notes) if "." in name else (arrays, notes | {name: 1})
    write_checkpoint(run / LAST, Snapshot(*kept))
    said = error_of(capsys, "--total-timesteps", "256")
    assert f"run/{LAST} does not fit config.json: {words}" in said


def test_without_checkpoints(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in run.glob("checkpoint-*"):
        path.unlink()
    assert "resume='run' has no checkpoint" in error_of(capsys, "--total-timesteps", "320")
