"""Training where numbers are extreme: it goes on unharmed, or stops and says what broke."""

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from warmrl.agents import NotFiniteError, RecurrentPPO

VecEnvFactory: TypeAlias = Callable[..., VecEnv]
BOX = spaces.Box(-1.0, 1.0, (2,), np.float32)
FOREVER = 10**9


class Constant(gym.Env[Any, Any]):
    """The same sight and the same reward again and again."""

    observation_space = BOX
    action_space = spaces.Discrete(3)

    def __init__(self, reward: float, length: int) -> None:
        self.reward, self.length = reward, length

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self.t = 0
        return np.ones(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        return np.ones(2, np.float32), self.reward, self.t == self.length, False, {}


class Remember(BaseCallback):
    """The weights as each rollout starts."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[torch.Tensor] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self.weights.append(weights_of(self.model))


def weights_of(model: Any) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach().clone()


def make(env: VecEnv, **kwargs: Any) -> RecurrentPPO:
    settings: dict[str, Any] = {"n_steps": 8, "n_epochs": 2, "seed": 0, "device": "cpu"} | kwargs
    policy_kwargs = {"lstm_hidden_size": 6} | settings.pop("policy_kwargs", {})
    return RecurrentPPO("MlpRnnPolicy", env, policy_kwargs=policy_kwargs, **settings)


def constant(reward: float, length: int) -> VecEnv:
    return DummyVecEnv([lambda: Monitor(Constant(reward, length))] * 2)


@pytest.mark.parametrize("reward", [0, -1e6, 1e6])
@pytest.mark.parametrize(("length", "batch_size"), [(1, 1), (1, 16), (5, 4), (FOREVER, 16)])
def test_no_reward_and_no_length_does_harm(reward: float, length: int, batch_size: int) -> None:
    model = make(constant(reward, length), batch_size=batch_size).learn(64)
    assert weights_of(model).isfinite().all()
    log = model.logger.name_to_value
    assert np.isfinite([log[f"train/{name}"] for name in ("loss", "value_loss", "approx_kl")]).all()
    episodes = [info["r"] for info in model.ep_info_buffer or ()]
    assert episodes == [reward * length] * (64 // 2 // length * 2)


def test_advantages_that_are_all_alike_teach_nothing() -> None:
    """Where every action is as good as any other, the policy stays as it is."""
    model = make(constant(1.0, 1), policy_kwargs={"shared_lstm": False, "value_gradient": False})
    before = [p.clone() for p in model.policy.lstm_actor.parameters()]
    model.learn(64)
    assert model.rollout_buffer._advantages.std() < 1e-6
    after = list(model.policy.lstm_actor.parameters())
    assert max((a - b).abs().max().item() for a, b in zip(after, before, strict=True)) < 1e-5


def test_a_policy_that_diverges_is_stopped_by_its_loss(random_vec_env: VecEnvFactory) -> None:
    model = make(random_vec_env(), learning_rate=1e30)
    with pytest.raises(NotFiniteError, match="finite.* learning_rate or reward_scale must be"):
        model.learn(64)


def test_a_broken_gradient_is_named_and_reaches_no_weight(random_vec_env: VecEnvFactory) -> None:
    model, remember = make(random_vec_env()), Remember()
    broken = model.policy.value_net.weight
    calls = itertools.count()
    broken.register_hook(lambda g: g * torch.nan if next(calls) >= 2 else g)
    with pytest.raises(
        NotFiniteError, match=r"^gradient of value_net.weight nan in the update at step 32:"
    ):
        model.learn(64, callback=remember)
    start, second = remember.weights
    assert not torch.equal(start, second)
    assert torch.equal(weights_of(model), second)


@pytest.mark.parametrize("critic", ["shared", "separate"])
def test_a_recurrent_state_that_is_not_finite_is_named(
    critic: str, random_vec_env: VecEnvFactory
) -> None:
    kwargs = {"enable_critic_lstm": True} if critic == "separate" else {}
    model = make(random_vec_env(), policy_kwargs=kwargs)
    trunk = model.policy.lstm_critic if critic == "separate" else model.policy.lstm_actor
    with torch.no_grad():
        for parameter in trunk.parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(NotFiniteError, match=r"^recurrent state nan of environment 0 at step 2:"):
        model.learn(16)


def test_a_value_that_is_not_finite_is_named(random_vec_env: VecEnvFactory) -> None:
    model = make(random_vec_env())
    with torch.no_grad():
        model.policy.value_net.bias.fill_(torch.inf)
    with pytest.raises(NotFiniteError, match=r"^value inf of environment 0 at step 2:"):
        model.learn(16)


def test_a_distribution_that_is_not_finite_is_named(random_vec_env: VecEnvFactory) -> None:
    model = make(random_vec_env(action_space=BOX))
    with torch.no_grad():
        model.policy.action_net.weight.fill_(torch.nan)
    with pytest.raises(NotFiniteError, match=r"^loc of .* is not finite at step 0: learning_rate"):
        model.learn(16)


def test_other_errors_of_a_policy_are_not_taken_for_its_numbers(
    random_vec_env: VecEnvFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise ValueError("its own mistake")

    model = make(random_vec_env(action_space=BOX))
    monkeypatch.setattr(model.policy, "forward", broken)
    with pytest.raises(ValueError, match=r"^its own mistake$"):
        model.learn(16)
