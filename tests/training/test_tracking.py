"""Runs followed on Weights & Biases: by a stand-in, and by the package itself where it is."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from warmrl.tests.mistakes.commands import refused
from warmrl.tests.training.short_runs import SHORT
from warmrl.train import main
from warmrl.training import TrainConfig, read_command, tracked

TRACKED = [*SHORT, "--track", "--run-dir", "some/maze"]


class Wandb(ModuleType):
    """The part of the package that is called."""

    class Error(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("wandb")
        self.begun: list[dict[str, Any]] = []
        self.ended: list[int | None] = []
        self.refusal: str | None = None

    def init(self, **settings: Any) -> "Wandb":
        if self.refusal is not None:
            raise self.Error(self.refusal)
        # Only writers that are made afterwards are followed.
        assert not list(Path().rglob("*tfevents*"))
        self.begun.append(settings)
        return self

    def finish(self, exit_code: int | None = None) -> None:
        self.ended.append(exit_code)


@pytest.fixture
def wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wandb:
    pytest.importorskip("tensorboard", reason="needs the extra: pip install 'warmrl[tensorboard]'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    package = Wandb()
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: package if name == "wandb" else found(name)
    )
    monkeypatch.setitem(sys.modules, "wandb", package)
    monkeypatch.setattr("warmrl.train.log_outcome", lambda *_: None)  # it takes seconds
    return package


def test_a_run_is_followed(wandb: Wandb) -> None:
    main(TRACKED)
    (begun,) = wandb.begun
    assert (begun["project"], begun["name"]) == ("warmrl", "maze")
    assert begun["sync_tensorboard"] is True
    assert begun["config"]["n_envs"] == 4
    assert wandb.ended == [None]
    assert list(Path("some/maze").glob("*tfevents*"))
    stored = json.loads(Path("some/maze/config.json").read_text())["train"]
    assert stored["tensorboard"] is True
    assert "track" not in stored


def test_the_project_is_that_of_its_variable(wandb: Wandb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mazes")
    with tracked(True, Path("maze"), TrainConfig()):
        assert wandb.ended == []
    assert (wandb.begun[0]["project"], wandb.ended) == ("mazes", [None])


def test_a_run_that_fails_is_said_to(wandb: Wandb, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("warmrl.train.sweep", interrupt)
    with pytest.raises(SystemExit):
        main(TRACKED)
    assert wandb.ended == [1]


def test_a_refusal_is_one_line(wandb: Wandb, capsys: pytest.CaptureFixture[str]) -> None:
    wandb.refusal = "no API key\nconfigured"
    assert refused(main, TRACKED, capsys) == "error: track=True: no API key configured\n"


def test_without_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    said = refused(main, TRACKED, capsys)
    assert said == "error: track=True must be False without: pip install 'warmrl[track]'\n"


def test_it_is_no_setting_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    command = read_command(["--track", "--seed", "3"])
    assert (command.track, command.run) == (True, TrainConfig(seed=3, tensorboard=True))
    assert type(command.run) is TrainConfig
    assert read_command(["--seed", "3"]).run == TrainConfig(seed=3)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("wandb") is None, reason="needs the extra: pip install warmrl[track]"
)
def test_offline(tmp_path: Path) -> None:
    """The package itself, without a network; the same bits as without it."""
    environment = os.environ | {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    for args in (TRACKED, [*SHORT, "--run-dir", "plain"]):
        command = [sys.executable, "-m", "warmrl.train", *args]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    (written,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    data = written.read_bytes()
    for words in (b"maze", b"n_envs", b"evaluation/success_rate", b"warmup/vaa_after"):
        assert words in data
    one, other = (tmp_path / run / "policy.safetensors" for run in ("some/maze", "plain"))
    assert one.read_bytes() == other.read_bytes()
