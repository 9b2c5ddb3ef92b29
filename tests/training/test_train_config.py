"""The configuration of a run: what it refuses, and what it works out."""

import json
from pathlib import Path
from typing import Any

import pytest

from warmrl.training import TrainConfig
from warmrl.warmup import ConsolidationConfig, LocalStabilityConfig


def test_tensorboard_is_asked_for_only_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not TrainConfig().tensorboard
    with pytest.raises(ValueError, match=r"tensorboard=True .*: pip install 'warmrl\["):
        TrainConfig(tensorboard=True)


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({}, {}),
        ({"length": (5,)}, {"length": 5}),
        ({"length": (5, 9)}, {"length": (5, 9)}),
        ({"env": "warmrl.envs:warmrl/TMaze-v0", "length": (5,)}, {"length": 5}),
        ({"env": "warmrl/DelayedRecall-v0", "delay": (1, 20)}, {"delay": (1, 20)}),
        ({"env_kwargs": {"stochasticity": "0.3"}}, {"stochasticity": 0.3}),
        ({"env_kwargs": {"stochasticity": 0.3}}, {"stochasticity": 0.3}),
        ({"env_kwargs": {"order": "reverse", "n-cues": "2"}}, {"order": "reverse", "n_cues": 2}),
        ({"env_kwargs": {"a": "true", "b": "False"}}, {"a": True, "b": False}),
        ({"env_kwargs": {"length": "[3, 4]"}}, {"length": [3, 4]}),
    ],
)
def test_arguments_of_the_environment(fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert TrainConfig(**fields).env_arguments == arguments


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"env": "CartPole-v1", "length": (5,)},
            "length=5 must be left out: env='CartPole-v1'",
        ),
        (
            {"delay": (5, 6)},
            r"delay=5 6 must be left out: .* has no delay \(what it has is --l",
        ),
    ],
)
def test_a_delay_of_another_environment_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _ = TrainConfig(**fields).env_arguments


@pytest.mark.parametrize(
    ("fields", "folder"),
    [
        ({}, "runs/TMaze-v0-gru-frame-0"),
        ({"cell": "lstm", "warmup": "none", "seed": 3}, "runs/TMaze-v0-lstm-none-3"),
        ({"env": "module:space/Name-v1"}, "runs/Name-v1-gru-frame-0"),
        ({"env": "module:Name-v1"}, "runs/Name-v1-gru-frame-0"),
        ({"run_dir": Path("x/y")}, "x/y"),
    ],
)
def test_run_folder(fields: dict[str, Any], folder: str) -> None:
    assert TrainConfig(**fields).folder == Path(folder)


def test_warmup_config() -> None:
    config = TrainConfig(warmup="gaussian", warmup_steps=7, seed=3).warmup_config
    assert config is not None
    assert (config.drive, config.n_steps, config.seed) == ("gaussian", 7, 3)
    assert TrainConfig(warmup="none").warmup_config is None
    stability = TrainConfig(warmup="stability", stability_radius=0.5, seed=3).warmup_config
    expected = LocalStabilityConfig(n_steps=100, time_radius=0.5, depth_radius=0.5, seed=3)
    assert stability == expected


def test_consolidation_config() -> None:
    assert TrainConfig().consolidation_config == ConsolidationConfig()
    config = TrainConfig(
        consolidation_noise=0.05,
        consolidation_states=9,
        consolidation_rate=0.01,
        consolidation_hold=7,
        seed=3,
    )
    expected = ConsolidationConfig(
        noise=0.05, n_states=9, learning_rate=0.01, max_hold_steps=7, seed=3
    )
    assert config.consolidation_config == expected


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("consolidation_noise", -0.1, "consolidation_noise=-0.1 must be a number of at least 0"),
        ("consolidation_states", 0, "consolidation_states=0 must be at least 1"),
        ("consolidation_rate", 0.0, "consolidation_rate=0.0 must be "),
        ("consolidation_hold", 0, "consolidation_hold=0 must be at least 1"),
    ],
)
def test_a_consolidation_that_cannot_be_is_refused(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig(**{field: value})


def test_json_names_every_field() -> None:
    config = TrainConfig(length=(5, 9), env_kwargs={"stochasticity": "0.3"}, resume=Path("r"))
    data = json.loads(json.dumps(config.to_json()))
    assert set(data) == set(TrainConfig.__dataclass_fields__)
    assert data["env_kwargs"] == {"length": [5, 9], "stochasticity": 0.3}
    assert data["run_dir"] == "runs/TMaze-v0-gru-frame-0"
