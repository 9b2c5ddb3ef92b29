"""From a configuration to environments and agents of every kind."""

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecEnv

from warmrl.agents import INITIALISERS, Agent
from warmrl.envs import TMaze
from warmrl.evaluation import evaluate_env
from warmrl.tests.training.strangers import DONE, ID
from warmrl.train import train
from warmrl.training import TrainConfig, build_env, build_model, task_of


def tiny(**fields: Any) -> TrainConfig:
    small: dict[str, Any] = {"n_envs": 2, "n_steps": 8, "n_epochs": 1, "n_minibatches": 2}
    return TrainConfig(**{**small, "hidden_size": 8, **fields})


def strange(**arguments: Any) -> VecEnv:
    return build_env(tiny(env=ID, env_kwargs=arguments))


def test_a_task_of_ours() -> None:
    config = tiny(length=(5,), cell="lstm", double=False, n_layers=2, gamma=0.9, device="cpu")
    env = build_env(config)
    assert task_of(env) == TMaze(5)
    model = build_model(config, env)
    policy: Any = model.policy
    assert (policy.cell, policy.double_layers) == ("lstm", False)
    assert policy.lstm_hidden_state_shape == (2, 1, 8)
    assert (model.gamma, model.n_envs, model.batch_size) == (0.9, 2, 8)
    assert model.reward_scale == 1 / 4
    prior = policy.action_net.bias.detach().exp()
    torch.testing.assert_close(prior, torch.tensor([1 / 2, 1 / 6, 1 / 6, 1 / 6]))
    assert build_model(tiny(reward_scale=2.0), env).reward_scale == 2.0


def test_an_environment_of_others() -> None:
    env = build_env(tiny(env="CartPole-v1", env_kwargs={"sutton_barto_reward": "true"}))
    assert task_of(env) is None
    assert env.get_attr("spec")[0].kwargs["sutton_barto_reward"] is True
    assert build_model(tiny(), env).reward_scale == 1.0


@pytest.mark.parametrize(
    ("seen", "policy"),
    [
        ("vector", "MlpRnnPolicy"),
        ("image", "CnnRnnPolicy"),
        ("channels first", "CnnRnnPolicy"),
        ("small image", "MlpRnnPolicy"),
        ("one-hot image", "MlpRnnPolicy"),
        ("no image", "MlpRnnPolicy"),
        ("number", "MlpRnnPolicy"),
        ("from one", "MlpRnnPolicy"),
        ("numbers", "MlpRnnPolicy"),
        ("bits", "MlpRnnPolicy"),
        ("dict", "MultiInputRnnPolicy"),
        ("small dict", "MultiInputRnnPolicy"),
        ("nested", "MultiInputRnnPolicy"),
        ("pair", "MultiInputRnnPolicy"),
        ("mission", "MultiInputRnnPolicy"),
    ],
)
def test_every_observation_is_trained_on_and_evaluated(seen: str, policy: str) -> None:
    config = tiny(
        env=ID,
        env_kwargs={"seen": seen},
        total_timesteps=200,
        warmup_steps=2,
        warmup_episodes=3,
    )
    trained = train(config)
    assert type(trained.model.policy).__name__ == policy
    assert trained.warmup is not None
    assert trained.model.num_timesteps >= 200
    result = evaluate_env(Agent(trained.model), ID, config.env_arguments, n_episodes=3)
    assert (result.episodes, result.mean_return, result.mean_length) == (3, 10, 10)
    assert result.success_rate is None


def test_wrappers_state_success_and_how_to_explore() -> None:
    path = "warmrl.tests.training.strangers.Stating"
    config = tiny(env=ID, env_wrapper=(path,))
    model = build_model(config, build_env(config))
    prior = model.policy.action_net.bias.detach().exp()
    torch.testing.assert_close(prior, torch.tensor([0.25, 0.75]))
    result = evaluate_env(Agent(model), ID, config.env_arguments, n_episodes=3)
    assert result.success_rate == 1.0


def test_continuous_actions() -> None:
    model = build_model(tiny(), strange(done="box")).learn(16)
    assert Agent(model).act(np.zeros((5, 3), np.float32)).shape == (5, 2)


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        ("sequence", r"env_id='.*': observations are Sequence\(.*\); they must be one of Box"),
        ("text", r"env_id='.*': observations are Text\(.*\); they must be numbers"),
    ],
)
def test_observations_that_cannot_be_read(seen: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        strange(seen=seen)


@pytest.mark.parametrize(
    ("done", "message"),
    [
        ("pair", "they must be one of Box"),
        ("boundless", "their bounds must be finite"),
        ("from one", "they must start at 0"),
    ],
)
def test_actions_without_a_policy(done: str, message: str) -> None:
    assert done in DONE
    with pytest.raises(ValueError, match=message):
        build_model(tiny(env=ID), strange(done=done))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"env": "Nothing-v0"}, "env_id='Nothing-v0' must be one of warmrl/TMaze-v0, warmrl/"),
        ({"length": (1,)}, "length=1 must be at least 2"),
        ({"length": (9, 5)}, r"length=\(9, 5\) is reversed"),
        ({"env_kwargs": {"depth": "1"}}, "TMaze-v0 has no argument 'depth'; it has .*length"),
        ({"env": "CartPole-v1", "env_kwargs": {"depth": "1"}}, "env='CartPole-v1' cannot be made"),
        (
            {"env": "CartPole-v1", "env_kwargs": {"monitor_dir": "logs"}},
            "env='CartPole-v1' cannot be made: .*argument 'monitor_dir'",
        ),
        (
            {"env": "FrozenLake-v1", "env_kwargs": {"map_name": "3x3"}},
            r"env='FrozenLake-v1' cannot be made: KeyError\('3x3'\)",
        ),
        ({"env": "Ant-v3"}, "env='Ant-v3' cannot be made: The mujoco v2 and v3 based"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*out of date:DeprecationWarning")
def test_rejects(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_env(tiny(**fields))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: Any, **kwargs: Any) -> None:
        raise gymnasium.error.DependencyNotInstalled("Box2D is not installed")

    monkeypatch.setattr("warmrl.envs.vec_env.make_vec_env", missing)
    with pytest.raises(ValueError, match="env='Lander-v9' cannot be made: Box2D is not installed"):
        build_env(tiny(env="Lander-v9"))


def test_training_leaves_nothing_among_the_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    build_model(tiny(), build_env(tiny(length=(3,)))).learn(16)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("critic", ["shared", "separate"])
def test_a_critic_with_layers_of_its_own(critic: str) -> None:
    config = tiny(critic=critic)
    model = build_model(config, build_env(config))
    assert (model.policy.lstm_critic is not None) == (critic == "separate")


@pytest.mark.parametrize("init", INITIALISERS)
def test_every_initialisation_reaches_the_agent(init: str) -> None:
    config = tiny(cell="lstm", init=init)
    weights = build_model(config, build_env(config)).policy.lstm_actor.state_dict()
    same = build_model(config, build_env(config)).policy.lstm_actor.state_dict()
    assert all(torch.equal(value, same[name]) for name, value in weights.items())
    usual = tiny(cell="lstm", init="uniform" if init != "uniform" else "chain")
    other = build_model(usual, build_env(usual)).policy.lstm_actor.state_dict()
    assert (init == "default") == all(torch.equal(v, other[name]) for name, v in weights.items())
