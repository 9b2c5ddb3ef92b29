"""The warm-up callback: when it acts, what it warms up on, and that training starts as without."""

import csv
import pickle
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from sb3_contrib import RecurrentPPO as UpstreamRecurrentPPO
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env as make_sb3_vec_env
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecNormalize

from warmrl.agents import MlpRnnPolicy, RecurrentPPO
from warmrl.envs import make_vec_env
from warmrl.warmup import (
    Trajectories,
    WarmupCallback,
    WarmupConfig,
    WarmupResult,
    random_rollouts,
    warm_up,
)

SHORT = {"n_steps": 3, "batch_size": 8, "vaa_states": 10, "vaa_steps": 5}
SMALL: dict[str, Any] = {"n_steps": 16, "batch_size": 32, "n_epochs": 1, "device": "cpu"}
NARROW = {"lstm_hidden_size": 8}


def maze() -> VecEnv:
    return make_vec_env("warmrl/TMaze-v0", 4, seed=0, length=5)


def pole() -> VecEnv:
    return make_sb3_vec_env("CartPole-v1", 4)


def existing(env: VecEnv, seed: int | None = 0, **kwargs: Any) -> Any:
    """A model as users have it: nothing of this library."""
    return UpstreamRecurrentPPO(
        "MlpLstmPolicy", env, seed=seed, policy_kwargs=NARROW, **SMALL, **kwargs
    )


def ours(env: VecEnv) -> Any:
    return RecurrentPPO(MlpRnnPolicy, env, seed=0, policy_kwargs=NARROW, **SMALL)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Trajectories, WarmupConfig]]:
    """What a warm-up that changes nothing was called with."""
    calls = []

    def warm_nothing(model: Any, trajectories: Trajectories, config: WarmupConfig) -> WarmupResult:
        calls.append((trajectories, config))
        return WarmupResult([0.0], {"a": 0.25}, {"a": 0.75}, 0.01, [0.125, 0.5])

    monkeypatch.setattr("warmrl.warmup.callback.warm_up", warm_nothing)
    return calls


def begin(model: Any, callback: WarmupCallback) -> None:
    """What ``learn`` does before its first rollout."""
    model._setup_learn(64)
    callback.init_callback(model)
    callback.on_training_start({}, {})


def inputs_of(trajectories: Trajectories) -> torch.Tensor:
    assert isinstance(trajectories.inputs, torch.Tensor)
    return trajectories.inputs


@pytest.mark.parametrize("make_model", [existing, ours])
def test_warms_up_as_by_hand(make_model: Any) -> None:
    model, by_hand = make_model(maze()), make_model(maze())
    callback = WarmupCallback(n_episodes=10, config=SHORT)
    model.learn(64, callback=callback)
    lstm = make_model is existing
    config = WarmupConfig.suited(lstm, **SHORT)
    assert callback.result == warm_up(by_hand, random_rollouts(maze(), 10, seed=0), config)
    assert callback.result.n_steps == 3


@pytest.mark.parametrize("make_model", [existing, ours])
@pytest.mark.parametrize("make_env", [maze, pole])
def test_training_starts_as_without(make_model: Any, make_env: Any, seen: Any) -> None:
    weights = []
    for callback in (None, WarmupCallback(n_episodes=10)):
        model = make_model(make_env()).learn(128, callback=callback)
        weights.append(model.policy.state_dict())
    assert len(seen) == 1
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_global_random_state_is_not_touched(seen: Any) -> None:
    model = existing(pole(), seed=None)
    states = torch.get_rng_state(), pickle.dumps(np.random.get_state())  # noqa: NPY002
    begin(model, WarmupCallback(n_episodes=4))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == pickle.dumps(np.random.get_state())  # noqa: NPY002


def test_a_trained_model_goes_on_as_it_was(tmp_path: Path, seen: Any) -> None:
    model = existing(maze())
    callback = WarmupCallback(n_episodes=4)
    model.learn(64, callback=callback)
    model.learn(64, callback=callback, reset_num_timesteps=False)
    model.learn(64, callback=callback)
    model.save(tmp_path / "model")
    again = WarmupCallback(n_episodes=4)
    UpstreamRecurrentPPO.load(tmp_path / "model", maze()).learn(64, callback=again)
    assert len(seen) == 1
    assert again.result is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # quick; threads are idle here
def test_environments_in_processes(seen: Any) -> None:
    makers = [lambda: gymnasium.make("CartPole-v1")] * 2
    env = SubprocVecEnv(makers, start_method="fork")
    existing(env).learn(32, callback=WarmupCallback(n_episodes=4))
    env.close()
    expected = random_rollouts(DummyVecEnv(makers), 4, seed=0)
    assert torch.equal(inputs_of(seen[0][0]), inputs_of(expected))


def test_one_callback_serves_several_models(seen: Any) -> None:
    callback = WarmupCallback(n_episodes=4)
    for _ in range(2):
        existing(maze()).learn(64, callback=callback)
    assert len(seen) == 2


def test_normalised_rollouts_have_one_scale_which_training_keeps(seen: Any) -> None:
    env: Any = VecNormalize(pole(), clip_obs=1e9)
    model = existing(env)
    begin(model, WarmupCallback(n_episodes=12))
    assert env.training
    ((trajectories, _),) = seen
    raw = random_rollouts(pole(), 12, seed=0)
    x, y = inputs_of(raw)[raw.valid], inputs_of(trajectories)[trajectories.valid]
    for dim in range(4):  # y = a x + b with the same a and b at every step
        design = torch.stack((x[:, dim], torch.ones(len(x))), dim=1).double()
        fit = torch.linalg.lstsq(design, y[:, dim, None].double()).solution
        assert (design @ fit - y[:, dim, None]).abs().max() < 1e-4
        assert fit[0].item() == pytest.approx(env.obs_rms.var[dim] ** -0.5, rel=0.02)
    assert np.array_equal(model._last_obs, env.normalize_obs(model._last_original_obs))


@pytest.mark.parametrize(
    "options", [{"training": False}, {"norm_obs": False}], ids=["not training", "rewards only"]
)
def test_statistics_of_observations_that_stay_are_left_alone(
    options: dict[str, Any], seen: Any
) -> None:
    env = VecNormalize(pole(), **options)
    existing(env).learn(64, callback=WarmupCallback(n_episodes=8))
    assert env.training == options.get("training", True)
    assert torch.equal(
        inputs_of(seen[0][0]).clamp(-5, 5),
        inputs_of(random_rollouts(pole(), 8, seed=0)).clamp(-5, 5),
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, WarmupConfig.suited(True, seed=0)),
        ({"drive": "rollout"}, WarmupConfig.suited(True, drive="rollout", seed=0)),
        ({"seed": 3}, WarmupConfig.suited(True, seed=3)),
        (WarmupConfig.paper(), WarmupConfig.paper()),
    ],
)
def test_settings(config: Any, expected: WarmupConfig, seen: Any) -> None:
    existing(maze()).learn(64, callback=WarmupCallback(4, config))
    assert seen[0][1] == expected


def test_rollouts_as_asked_for(seen: Any) -> None:
    callback = WarmupCallback(6, policy=(1.0, 0.0, 0.0, 0.0), max_steps=3, seed=7)
    existing(maze()).learn(64, callback=callback)
    expected = random_rollouts(maze(), 6, seed=7, policy=(1.0, 0.0, 0.0, 0.0), max_steps=3)
    trajectories, config = seen[0]
    assert torch.equal(inputs_of(trajectories), inputs_of(expected))
    assert config.seed == 7


def test_logged_once(tmp_path: Path, seen: Any) -> None:
    model = existing(maze())
    model.set_logger(configure(str(tmp_path), ["csv"]))
    model.learn(128, callback=WarmupCallback(n_episodes=4))
    model.logger.close()
    with (tmp_path / "progress.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    names = ("warmup/vaa_star", "warmup/vaa_before", "warmup/vaa_after")
    assert [float(first[name]) for name in names] == [0.5, 0.25, 0.75]
    assert {second[name] for name in names} == {""}


@pytest.mark.parametrize(
    ("callback", "error", "message"),
    [
        (WarmupCallback(n_episodes=0), ValueError, "n_episodes=0 must be at least 1"),
        (WarmupCallback(4, {"drive": "hot"}), ValueError, "drive='hot' must be one of"),
        (WarmupCallback(4, {"stepz": 1}), TypeError, "stepz"),
    ],
)
def test_mistakes(callback: WarmupCallback, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        existing(maze()).learn(64, callback=callback)


def test_a_policy_without_memory() -> None:
    model = PPO("MlpPolicy", maze(), n_steps=16, batch_size=32, device="cpu")
    with pytest.raises(TypeError, match="no recurrent layer"):
        model.learn(64, callback=WarmupCallback(n_episodes=4))
