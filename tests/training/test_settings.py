"""``--config``: the settings of another run, or of a file written by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from warmrl.training import TrainConfig, read_command, stored_config

RUN = TrainConfig(length=(3, 5), env_kwargs={"stochasticity": "0.25"}, cell="lstm", seed=4)
FOREIGN = TrainConfig(env="CartPole-v1", env_wrapper=("a.B",), env_kwargs={"delay": 7})


def stored(folder: Path, config: TrainConfig) -> Path:
    text = json.dumps({"train": config.to_json(), "policy": {}})
    (folder / "config.json").write_text(text)
    return folder


@pytest.mark.parametrize("config", [RUN, FOREIGN, TrainConfig(run_dir=Path("x"), resume=Path("y"))])
@pytest.mark.parametrize("file", ["", "config.json"])
def test_every_setting_comes_back(tmp_path: Path, config: TrainConfig, file: str) -> None:
    again = stored_config(stored(tmp_path, config) / file)
    assert again.env_arguments == config.env_arguments
    before, after = (json.loads(json.dumps(c.to_json())) for c in (config, again))
    places = {"run_dir", "resume", "config"}
    assert {k: v for k, v in before.items() if k not in places} == {
        k: v for k, v in after.items() if k not in places
    }
    assert (again.run_dir, again.resume, again.config) == (None, None, None)


def test_flags_win(tmp_path: Path) -> None:
    source = ["--config", str(stored(tmp_path, RUN))]
    config = read_command([*source, "--seed", "5", "--length", "9"])
    assert (config.cell, config.seed, config.length) == ("lstm", 5, (9,))
    assert config.env_arguments == {"length": 9, "stochasticity": 0.25}
    assert config.folder == Path("runs/TMaze-v0-lstm-frame-5")
    other = read_command([*source, "--env-kwargs", "observe_previous", "False"])
    assert other.env_arguments == {"length": (3, 5), "observe_previous": False}
    assert read_command([*source, "--cell", "gru"]).cell == "gru"  # a default, but given


def test_another_environment_has_its_own_arguments(tmp_path: Path) -> None:
    source = ["--config", str(stored(tmp_path, RUN)), "--env", "warmrl/CopyFirst-v0"]
    assert read_command(source).env_arguments == {}
    assert read_command([*source, "--delay", "6"]).env_arguments == {"delay": 6}
    assert read_command(source).cell == "lstm"


def test_a_file_by_hand_needs_only_some_settings(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"cell": "nbrc", "length": [3], "double": false}')
    config = stored_config(tmp_path / "mine.json")
    assert config == TrainConfig(cell="nbrc", length=(3,), double=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cel": "gru"}, "cel='gru' is no setting of train.py; it may be 'cell'"),
        ({"wheels": 4}, "wheels=4 is no setting of train.py"),
        ({"seed": "1"}, "seed='1' must be an int of at least 0"),
        ({"seed": True}, "seed=True must be an int"),
        ({"double": 1}, "double=1 must be True or False"),
        ({"cell": 3}, "cell=3 must be one of lstm"),
        ({"env": 3}, "env is of type int; it must be str"),
        ({"env_kwargs": [1]}, "env_kwargs is of type tuple; it must be dict"),
        ({"env_kwargs": None}, "env_kwargs is of type NoneType; it must be dict"),
        ({"env_wrapper": 3}, "env_wrapper=3 must be import paths"),
        ({"env_wrapper": [3]}, r"env_wrapper=\(3,\) must be import paths"),
        ({"length": 3}, "length is of type int; it must be tuple"),
        ({"length": ["3"]}, "length='3' must be an int"),
        ({"eval_delays": {}}, "eval_delays is of type dict; it must be tuple"),
        ({"gamma": "high"}, "gamma='high' must be a number from 0 to 1"),
        ({"reward_scale": []}, r"reward_scale=\(\) must be a positive number"),
        ([], "settings are of type list; they must be an object"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_wrong_settings(tmp_path: Path, settings: Any, message: str, inside: bool) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"train": settings} if inside else settings))
    with pytest.raises(ValueError, match=f"^config='.*mine.json': {message}[^\n]*$"):
        stored_config(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_no_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(ValueError, match=r"^config='.*mine.json': [^\n]*$"):
        stored_config(tmp_path / "mine.json")
