"""Tiny environments, and weights to compare with."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from torch import nn

from warmrl.agents import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy

VecEnvFactory: TypeAlias = Callable[..., VecEnv]
Randomise: TypeAlias = Callable[..., None]
PolicyFactory: TypeAlias = Callable[..., MlpRnnPolicy]
Observations: TypeAlias = Callable[[str, int, int], list[Any]]

BOX = spaces.Box(-1.0, 1.0, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (1, 36, 36), np.uint8)
DICT = spaces.Dict([("z", BOX), ("image", IMAGE), ("a", spaces.Discrete(4))])
SEEN: dict[str, spaces.Space[Any]] = {
    "box": BOX,
    "image": IMAGE,
    "dict": DICT,
    "discrete": spaces.Discrete(5),
}
DONE: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(3),
    "box": spaces.Box(-0.5, 2.0, (2, 2), np.float32),
    "multidiscrete": spaces.MultiDiscrete([3, 4]),
    "multibinary": spaces.MultiBinary(3),
}
EXTRACTOR: dict[str, Any] = {
    "image": {"features_extractor_kwargs": {"features_dim": 6}},
    "dict": {"features_extractor_kwargs": {"cnn_output_dim": 6}},
}
CLASS = {"image": CnnRnnPolicy, "dict": MultiInputRnnPolicy}


class RandomEnv(gym.Env[Any, Any]):
    """Noise: seeded observations and rewards, in episodes of a fixed length.

    :param fault: ``(step, "reward" | "observation")`` that is NaN, counted over all episodes
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        length: int,
        truncates: bool,
        fault: tuple[int, str] | None = None,
    ) -> None:
        self.observation_space = observation_space
        self.action_space = action_space
        self.length, self.truncates, self.fault = length, truncates, fault
        self.t = self.steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.t = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self.t += 1
        self.steps += 1
        over = self.t == self.length
        observation, reward = self.observation_space.sample(), float(self.np_random.normal())
        if self.fault == (self.steps, "reward"):
            reward = float("nan")
        if self.fault == (self.steps, "observation"):
            observation[0] = np.nan
        return observation, reward, over and not self.truncates, over and self.truncates, {}


class CueEnv(gym.Env[Any, Any]):
    """A sign is shown at step 0; at step 3 the agent is asked for it. Chance is 1/2."""

    observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t, self.answer = 0, int(self.np_random.integers(2))
        return np.array([2 * self.answer - 1, 0], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        asked = self.t == 3
        self.t += 1
        observation = np.array([0, self.t == 3], np.float32)
        return observation, float(asked and action == self.answer), asked, False, {}


@pytest.fixture(scope="session")
def random_vec_env() -> VecEnvFactory:
    """``RandomEnv``, N times, one step at a time, seeded."""

    def make(
        observation_space: spaces.Space[Any] | None = None,
        action_space: spaces.Space[Any] | None = None,
        n_envs: int = 2,
        length: int = 5,
        truncates: bool = True,
        faults: dict[int, tuple[int, str]] | None = None,
    ) -> VecEnv:
        seen = observation_space or spaces.Box(-1.0, 1.0, (3,), np.float32)
        done = action_space or spaces.Discrete(3)

        def single(i: int) -> Callable[[], gym.Env[Any, Any]]:
            # Episodes of different lengths, so that their ends do not coincide
            return lambda: Monitor(
                RandomEnv(
                    deepcopy(seen), deepcopy(done), length + i, truncates, (faults or {}).get(i)
                )
            )

        return DummyVecEnv([single(i) for i in range(n_envs)])

    return make


@pytest.fixture(scope="session")
def cue_vec_env() -> VecEnvFactory:
    """``CueEnv``, N times."""
    return lambda n_envs=16: DummyVecEnv([lambda: Monitor(CueEnv())] * n_envs)


@pytest.fixture(scope="session")
def randomise() -> Randomise:
    """Give a module weights that no symmetry hides: biases are not zero."""

    def fill(module: nn.Module, seed: int = 0, scale: float = 0.5) -> None:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in module.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.copy_(scale * noise)

    return fill


@pytest.fixture(scope="session")
def make_policy() -> PolicyFactory:
    """An untrained policy, by the names of its spaces."""

    def make(
        seen: str = "box", done: str = "discrete", seed: int = 0, **kwargs: Any
    ) -> MlpRnnPolicy:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            policy = CLASS.get(seen, MlpRnnPolicy)(
                SEEN[seen],
                DONE[done],
                lambda _: 1e-3,
                **({"lstm_hidden_size": 7} | EXTRACTOR.get(seen, {}) | kwargs),
            )
            for parameter in policy.parameters():  # far from the small initial actions
                parameter.data += 0.3 * torch.randn_like(parameter)
            return policy

    return make


@pytest.fixture(scope="session")
def observations() -> Observations:
    """Random observations: those of N environments, for some steps."""

    def sample(seen: str, n: int, steps: int) -> list[Any]:
        space = deepcopy(SEEN[seen])
        space.seed(0)

        def batch(part: spaces.Space[Any]) -> Any:
            return np.stack([part.sample() for _ in range(n)])

        if isinstance(space, spaces.Dict):
            return [{key: batch(part) for key, part in space.items()} for _ in range(steps)]
        return [batch(space) for _ in range(steps)]

    return sample
