"""Going on with a run."""

from pathlib import Path
from typing import Any

import pytest
import torch

from warmrl.agents import Agent
from warmrl.train import train
from warmrl.training import (
    Checkpoints,
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
    checkpoints = Checkpoints(path, folder.progress(0), config)
    folder.save(train(config, checkpoints=checkpoints).model, config, {})
    checkpoints.finish()
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
    model, snapshot, *_ = resume_model(config, build_env(config))
    assert model.num_timesteps == 64
    left = Agent.load(tmp_path).policy.state_dict()
    assert all(torch.equal(left[name], p) for name, p in model.policy.state_dict().items())
    moments = model.policy.optimizer.state_dict()["state"]
    assert {float(state["step"]) for state in moments.values()} == {32.0}  # 2 * 4 * 4 minibatches
    checkpoints = Checkpoints(tmp_path, RunFolder(tmp_path).progress(0), config, snapshot)
    trained = train(config, model=model, checkpoints=checkpoints)
    assert trained.warmup is None
    assert trained.model.num_timesteps == 128
    assert trained.model._n_updates == 16


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
