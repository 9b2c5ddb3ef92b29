"""Run folders from strangers: no script and no loading executes anything that lies in one."""

import base64
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch

from warmrl.agents import Agent, RecurrentPPO
from warmrl.evaluate import main as evaluate
from warmrl.tests.mistakes.commands import make_run, refused
from warmrl.train import main as train

OUTPUT = ("evaluation.json", "evaluation.png")
READ = ("config.json", "policy.safetensors")
IGNORED = ("model.zip", "progress.csv", "policy.pth", "policy.pkl", "vecnormalize.pkl")


class Malice:
    """Unpickling this makes a folder."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("executed",)


def as_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Malice()))


def as_torch(path: Path) -> None:
    torch.save(Malice(), path)


def as_model(path: Path) -> None:
    """What SB3 would unpickle: an item of a zip's ``data``."""
    item = base64.b64encode(pickle.dumps(Malice())).decode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", json.dumps({"policy_class": {":serialized:": item}}))


RESUME = ("--resume", "run", "--total-timesteps", "64", "--eval-delays", "3")
HOW = {"pickle": as_pickle, "torch": as_torch, "model": as_model}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("finished") / "run"


@pytest.fixture(autouse=True)
def run(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    """A copy of a run, in the folder where we are."""
    if not finished.exists():
        make_run(finished, capsys)
    monkeypatch.chdir(tmp_path)
    return Path(copytree(finished, "run"))


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_refused(
    run: Path, name: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    HOW[how](run / name)
    with pytest.raises(ValueError, match=rf"^[^\n]*{name}[^\n]*$"):
        Agent.load(run)
    assert name in refused(evaluate, ["run", "--episodes", "2"], capsys)
    assert not Path("executed").exists()


@pytest.mark.parametrize("how", HOW)
def test_everything_else_is_not_looked_at(run: Path, how: str) -> None:
    for name in (*OUTPUT, *IGNORED):
        HOW[how](run / name)
    Agent.load(run)
    evaluate(["run", "--delays", "3", "--episodes", "2"])
    assert json.loads((run / "evaluation.json").read_text())["results"]
    assert not Path("executed").exists()


@pytest.mark.parametrize("how", HOW)
def test_resuming_looks_at_checkpoints_only(run: Path, how: str) -> None:
    for name in ("policy.safetensors", *OUTPUT, *IGNORED):
        if name != "progress.csv":
            HOW[how](run / name)
    train(RESUME)
    assert not Path("executed").exists()


@pytest.mark.parametrize("how", HOW)
def test_resuming_refuses_a_trap(run: Path, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    for path in run.glob("checkpoint-*"):
        HOW[how](path)
    assert "has no whole checkpoint" in refused(train, RESUME, capsys)
    assert not Path("executed").exists()


@pytest.mark.parametrize("how", HOW)
def test_the_traps_work(run: Path, how: str) -> None:
    HOW[how](run / "trap")
    if how == "pickle":
        pickle.loads((run / "trap").read_bytes())
    elif how == "torch":
        torch.load(run / "trap", weights_only=False)
    else:
        with pytest.raises(KeyError):
            RecurrentPPO.load(run / "trap")
    assert Path("executed").exists()


def test_nothing_is_unpickled(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a pickle was read")

    for module in ("pickle", "_pickle", "cloudpickle"):
        for name in ("load", "loads", "Unpickler"):
            monkeypatch.setattr(sys.modules[module], name, refuse, raising=False)
    monkeypatch.setattr(torch, "load", refuse)
    Agent.load(run)
    evaluate(["run", "--delays", "3", "--episodes", "2"])
    train(RESUME)


@pytest.mark.parametrize("place", [".", "run"])
@pytest.mark.parametrize("package", [False, True])
def test_an_environment_is_not_imported_from_the_folder(
    run: Path,
    place: str,
    package: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An id may name a module to import, and scripts find modules where they are started."""
    (run / "planted.py").write_text("import os; os.mkdir('executed')")
    if package:
        (run / "__init__.py").write_text("import os; os.mkdir('executed')")
    monkeypatch.syspath_prepend(place)
    module = "planted" if place == "run" else "run.planted"
    data = json.loads((run / "config.json").read_text())
    data["train"] |= {"env": f"{module}:Thing-v0", "env_kwargs": {}, "length": None}
    (run / "config.json").write_text(json.dumps(data))
    for main, args in ((evaluate, ("run", "--episodes", "2")), (train, RESUME)):
        said = refused(main, args, capsys)
        assert (
            f"env='{module}:Thing-v0' needs {module}, which is a module in the run folder" in said
        )
    assert not Path("executed").exists()


def test_a_run_is_evaluated_from_within(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    monkeypatch.syspath_prepend("")
    evaluate([".", "--delays", "3", "--episodes", "2"])
    assert Path("evaluation.json").is_file()
