"""Going on with a run, also one of before there were checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from warmrl.agents import Agent
from warmrl.train import train
from warmrl.training import (
    RunFolder,
    TrainConfig,
    build_env,
    check_unchanged,
    config_of,
    resume_model,
)


def make_run(path: Path, **fields: Any) -> TrainConfig:
    small: dict[str, Any] = {"length": (3,), "n_envs": 4, "n_steps": 8, "hidden_size": 8}
    config = TrainConfig(**small, warmup="none", total_timesteps=64, run_dir=path, **fields)
    folder = RunFolder(path)
    folder.claim()
    folder.save(train(config).model, config, {})
    return config


@pytest.mark.parametrize(
    "fields",
    [{}, {"env_kwargs": {"stochasticity": 0.25}, "eval_delays": (3, 9), "reward_scale": 0.5}],
)
def test_the_configuration_comes_back(tmp_path: Path, fields: dict[str, Any]) -> None:
    config = make_run(tmp_path / "run", **fields)
    assert config_of(tmp_path / "run") == config
    (tmp_path / "run").rename(tmp_path / "moved")
    assert config_of(tmp_path / "moved").folder == tmp_path / "moved"


def test_the_agent_goes_on_where_it_was(tmp_path: Path) -> None:
    make_run(tmp_path)
    config = config_of(tmp_path)
    config.total_timesteps = 128
    model = resume_model(config, build_env(config)).model
    assert model.num_timesteps == 64
    left = Agent.load(tmp_path).policy.state_dict()
    assert all(torch.equal(left[name], p) for name, p in model.policy.state_dict().items())
    moments = model.policy.optimizer.state_dict()["state"]
    assert {float(state["step"]) for state in moments.values()} == {32.0}  # 2 * 4 * 4 minibatches
    trained = train(config, model=model)
    assert trained.warmup is None
    assert trained.model.num_timesteps == 128
    assert trained.model._n_updates == 16


def test_resumed_training_is_seeded_but_draws_anew(tmp_path: Path) -> None:
    make_run(tmp_path)
    config = config_of(tmp_path)
    config.total_timesteps = 96
    first, second = (
        train(config, model=resume_model(config, build_env(config)).model) for _ in "ab"
    )
    weights = [t.model.policy.state_dict() for t in (first, second)]
    assert all(torch.equal(weights[1][name], value) for name, value in weights[0].items())
    env = build_env(config)
    resume_model(config, env)
    starts, again = env.reset(), build_env(config).reset()
    assert starts.shape == again.shape  # type: ignore[union-attr]
    assert env.np_random.random() != build_env(config).np_random.random()  # type: ignore[attr-defined]


def test_only_some_settings_change(tmp_path: Path) -> None:
    before = make_run(tmp_path)
    after = config_of(tmp_path)
    after.total_timesteps, after.resume, after.threads = 128, tmp_path, 2
    check_unchanged(after, before)
    for name, value in {"cell": "lstm", "length": (5,), "seed": 1}.items():
        changed = config_of(tmp_path)
        setattr(changed, name, value)
        with pytest.raises(ValueError, match=f"{name}=.* cannot be changed by --resume; the run"):
            check_unchanged(changed, before)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def of_another_space(path: Path) -> None:
    config = TrainConfig(
        env="CartPole-v1", n_envs=4, n_steps=8, hidden_size=8, warmup="none", total_timesteps=8
    )
    train(config).model.save(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "model.zip cannot be resumed: it holds no policy"),
        (lambda path: path.write_bytes(b"x"), "model.zip cannot be resumed: .*a zip"),
        (of_another_space, "model.zip cannot be resumed: (?s:.*)size mismatch"),
    ],
)
def test_a_damaged_agent(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    make_run(tmp_path)
    config = config_of(tmp_path)
    config.total_timesteps = 128
    damage(tmp_path / "model.zip")
    with pytest.raises(ValueError, match=message):
        resume_model(config, build_env(config))


def test_no_steps_left(tmp_path: Path) -> None:
    make_run(tmp_path)
    config = config_of(tmp_path)
    with pytest.raises(ValueError, match="total_timesteps=64 must be more than the 64 steps"):
        resume_model(config, build_env(config))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"train": 3}', '{"train": {"env_kwargs": {}, "wheels": 4}}']
)
def test_a_damaged_configuration(tmp_path: Path, text: str) -> None:
    make_run(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config.json describes no run of train.py"):
        config_of(tmp_path)
