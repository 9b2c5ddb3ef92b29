"""Environments of noise, behind wrappers that say the same in other types."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from .configuration import ACTIONS, OBSERVATIONS, ROUNDED, Configuration

Log: TypeAlias = list[tuple[int, Any]]  # (environment, the action that it was given)


class NoiseEnv(gym.Env[Any, Any]):
    """Seeded observations and rewards, in episodes of random length; actions are only noted.

    :param config: spaces, and how episodes end
    :param index: which environment this is
    :param log: where actions are noted
    """

    def __init__(self, config: Configuration, index: int, log: Log) -> None:
        self.observation_space = deepcopy(OBSERVATIONS[config.observations])
        self.action_space = deepcopy(ACTIONS[config.actions])
        self.config, self.index, self.log = config, index, log

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.t = 0
        self.length = int(self.np_random.integers(1, 8))
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.log.append((self.index, deepcopy(action)))
        self.t += 1
        observation, reward = self.observation_space.sample(), float(self.np_random.normal())
        info: dict[str, Any] = {}
        if self.config.inner_episodes and self.t % 2 == 0:
            info["episode"] = {"r": reward, "l": 2, "t": 0.0}
        chance = bool(self.np_random.integers(2))
        if self.t < self.length or self.config.endings == "never":
            return observation, reward, False, False, info
        if self.config.successes:
            info["is_success"] = chance
        terminated, truncated = {
            "terminated": (True, False),
            "truncated": (False, True),
            "either": (chance, not chance),
            "both": (True, True),
        }[self.config.endings]
        return observation, reward, terminated, truncated, info


class Dialect(VecEnvWrapper):
    """The same flags, rewards, observations and infos, in other types."""

    def __init__(self, venv: VecEnv, config: Configuration) -> None:
        super().__init__(venv)
        self.config = config

    def reset(self) -> Any:
        return self._seen(self.venv.reset())

    def step_wait(self) -> Any:
        obs, rewards, dones, infos = self.venv.step_wait()
        for info in infos:
            if "terminal_observation" in info:
                info["terminal_observation"] = self._seen(info["terminal_observation"])
            if self.config.infos == "without last observations":
                info.pop("terminal_observation", None)
        told: Any = tuple(infos) if self.config.infos == "tuple" else infos
        return self._seen(obs), self._paid(rewards), self._flags(dones), told

    def _flags(self, dones: Any) -> Any:
        return dones.tolist() if self.config.flags == "list" else dones.astype(self.config.flags)

    def _paid(self, rewards: Any) -> Any:
        kind = self.config.rewards
        if kind in ROUNDED:
            rounded = np.round(3 * rewards).clip(0 if kind == "bool" else -9).astype(ROUNDED[kind])
            return rounded.astype(np.float32) if self.config.plain else rounded
        if kind == "list":
            return rewards.tolist()
        if kind == "column":
            return rewards[:, None].astype(np.float32)
        return torch.from_numpy(rewards.copy()) if kind == "tensor" else rewards.astype(kind)

    def _seen(self, obs: Any) -> Any:
        kind = self.config.sights
        if isinstance(obs, dict):
            keys = reversed(obs) if kind == "reversed" else obs
            return {key: self._seen(obs[key]) for key in keys}
        if kind == "list":
            return np.asarray(obs).tolist()
        if kind == "float64" and np.asarray(obs).dtype == np.float32:
            return np.asarray(obs).astype(np.float64)
        if kind == "int32" and np.asarray(obs).dtype == np.int64:
            return np.asarray(obs).astype(np.int32)
        return np.asfortranarray(obs) if kind == "fortran" and np.ndim(obs) else obs


def make_env(config: Configuration, log: Log) -> VecEnv:
    """The vector environment of a configuration.

    :param config: the configuration
    :param log: where actions are noted as environments get them
    """

    def single(index: int) -> Callable[[], gym.Env[Any, Any]]:
        if config.monitored:
            return lambda: Monitor(NoiseEnv(config, index, log))
        return lambda: NoiseEnv(config, index, log)

    env: VecEnv = DummyVecEnv([single(index) for index in range(config.n_envs)])
    for wrapper in config.wrappers:
        env = _WRAPPERS[wrapper](env)
    return Dialect(env, config)


def _normalised(env: VecEnv) -> VecEnv:
    parts = env.observation_space
    boxes = parts.spaces if isinstance(parts, spaces.Dict) else {"": parts}
    floats = [key for key, space in boxes.items() if np.issubdtype(space.dtype, np.floating)]
    if isinstance(parts, spaces.Dict):
        return VecNormalize(env, norm_obs=bool(floats), norm_obs_keys=floats or None)
    return VecNormalize(env, norm_obs=bool(floats))


_WRAPPERS: dict[str, Callable[[VecEnv], VecEnv]] = {
    "frames": lambda env: VecFrameStack(env, 2),
    "monitor": VecMonitor,
    "normalize": _normalised,
}
