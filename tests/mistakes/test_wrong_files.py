"""Run folders that are torn, incomplete, of something else, or changed by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from warmrl.evaluate import main as evaluate
from warmrl.tests.mistakes.commands import make_run, refused
from warmrl.train import main as train

EVALUATE = ("run", "--delays", "3", "--episodes", "2")
RESUME = ("--resume", "run", "--total-timesteps", "64", "--eval-delays", "3")


def by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "torn": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "junk": lambda path: path.write_bytes(b"\x80\xff\x00junk"),
    "nested": lambda path: path.write_text("[" * 100_000),
    "a folder": by_a_folder,
    "missing": Path.unlink,
}
box = {"type": "Box", "low": 0, "high": 1, "shape": [9], "dtype": "object"}
discrete = {"type": "Discrete", "n": 9, "start": 0}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("finished") / "run"


@pytest.fixture(autouse=True)
def run(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A copy of a run, in the folder where we are."""
    if not finished.exists():
        make_run(finished, capsys)
    monkeypatch.chdir(tmp_path)
    copytree(finished, "run")


def change(section: str, field: str, value: Any) -> None:
    path = Path("run/config.json")
    data = json.loads(path.read_text())
    part = data
    for name in section.split("."):
        part = part[name]
    part[field] = value
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", ["config.json", "policy.safetensors"])
def test_evaluate_names_the_file(name: str, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    DAMAGE[how](Path("run") / name)
    assert name in refused(evaluate, EVALUATE, capsys)


@pytest.mark.parametrize("how", DAMAGE)
def test_resume_names_the_file(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    DAMAGE[how](Path("run/config.json"))
    assert "config.json" in refused(train, RESUME, capsys)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("policy.safetensors", "a folder"),
        ("evaluation.json", "a folder"),
        ("evaluation.png", "a folder"),
        ("progress.csv", "a folder"),
        ("progress.csv", "junk"),
    ],
)
def test_resume_knows_beforehand_that_it_could_not_write(
    name: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGE[how](Path("run") / name)
    assert name in refused(train, RESUME, capsys)


@pytest.mark.parametrize("name", ["evaluation.json", "evaluation.png"])
def test_evaluate_knows_beforehand_that_it_could_not_write(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGE["a folder"](Path("run") / name)
    assert f"{name} is a folder" in refused(evaluate, EVALUATE, capsys)


@pytest.mark.parametrize("how", ["empty", "torn", "junk", "missing"])
def test_earlier_results_do_not_matter(how: str) -> None:
    DAMAGE[how](Path("run/evaluation.json"))
    evaluate(EVALUATE)
    assert json.loads(Path("run/evaluation.json").read_text())["results"][0]["episodes"] == 2


@pytest.mark.parametrize(
    ("section", "field", "value", "words"),
    [
        ("train", "env", 3, "train.env=3 must be an id"),
        ("train", "env", "CartPole-v1", "env='CartPole-v1' has no delay"),
        ("train", "env", "warmrl/DelayedRecall-v0", "env_kwargs={'length': 3} does not fit"),
        ("train", "env_kwargs", [], "train.env_kwargs a mapping"),
        ("train", "env_kwargs", {"size": 3}, "env_kwargs={'size': 3} does not fit warmrl/TMaze-v0"),
        ("train", "env_kwargs", {"length": 1}, "length=1 must be at least 2"),
        ("train", "env_kwargs", {"length": "3"}, "length='3' must be an int of at least 2"),
        ("policy.arguments", "double", "yes", "double='yes' must be True or False"),
        ("policy.arguments", "lstm_hidden_size", 8.0, "lstm_hidden_size=8.0 must be an int of at"),
        ("policy.arguments", "lstm_hidden_size", 16, "policy.safetensors does not fit"),
        ("policy.arguments", "action_prior", [1], "action_prior=(1.0,) must be one positive prob"),
        ("policy", "observation_space", discrete, "observation space Discrete(9) of the agent"),
        ("policy", "observation_space", box, "config.json describes no policy: Invalid Box dtype"),
        ("policy", "action_space", {"type": "Discrete", "n": 3, "start": 0}, "action_prior="),
        ("policy", "action_space", discrete | {"n": 4, "start": 2}, "must start at 0"),
    ],
)
def test_evaluate_names_the_field(
    section: str, field: str, value: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(section, field, value)
    assert words in refused(evaluate, EVALUATE, capsys)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("env", 3, "env is of type int; it must be str"),
        ("env", "CartPole-v1", "length=3 must be left out: env='CartPole-v1' has no length"),
        ("n_envs", 4.5, "n_envs=4.5 must be an int of at least 1"),
        ("gamma", "x", "gamma='x' must be a number from 0 to 1"),
        ("seed", None, "seed=None must be an int of at least 0"),
        ("cell", ["gru"], "must be one of lstm, gru"),
        ("skip", "no", "skip='no' must be True or False"),
        ("total_timesteps", "9", "total_timesteps='9' must be an int of at least 1"),
        ("length", [3.5], "length=3.5 must be an int of at least 1"),
        ("eval_delays", "x", "eval_delays is of type str; it must be tuple"),
        ("env_kwargs", None, "config.json describes no run of train.py"),
        ("env_kwargs", {"size": 3}, "has no argument 'size'; it has"),
        ("wheels", 4, "wheels=4 is no setting of train.py"),
    ],
)
def test_resume_names_the_field(
    field: str, value: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change("train", field, value)
    assert words in refused(train, RESUME, capsys)
