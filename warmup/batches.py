"""Every kind of environment as a batch of parallel ones."""

from typing import Any, Protocol

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv


class Batch(Protocol):
    """Parallel environments, of which one episode each is read after every reset."""

    n_envs: int
    action_space: spaces.Space[Any]  # of one environment

    def reset(self, seed: int | None) -> Any:
        """Start all episodes; returns the observations [n_envs, ...]."""
        ...

    def step(self, actions: Any) -> tuple[Any, NDArray[np.bool_]]:
        """One step; returns the observations and which episodes ended [n_envs]."""
        ...

    def exploration_policy(self) -> Any:
        """What the environments state as their exploration policy, or ``None``."""
        ...


class SingleBatch:
    """One Gymnasium environment."""

    n_envs = 1

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self.env = env
        self.action_space = env.action_space

    def reset(self, seed: int | None) -> Any:
        """See :meth:`Batch.reset`."""
        return _expanded(self.env.reset(seed=seed)[0])

    def step(self, actions: Any) -> tuple[Any, NDArray[np.bool_]]:
        """See :meth:`Batch.step`."""
        observation, _, terminated, truncated, _ = self.env.step(actions[0])
        return _expanded(observation), np.array([terminated or truncated])

    def exploration_policy(self) -> Any:
        """See :meth:`Batch.exploration_policy`."""
        if self.env.has_wrapper_attr("exploration_policy"):
            return self.env.get_wrapper_attr("exploration_policy")
        return None


class GymnasiumBatch:
    """A Gymnasium vector environment."""

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
        if mode == AutoresetMode.DISABLED:
            raise ValueError(f"env has autoreset_mode={mode}; it must be NEXT_STEP or SAME_STEP")
        self.env = env
        self.n_envs = env.num_envs
        self.action_space = env.single_action_space

    def reset(self, seed: int | None) -> Any:
        """See :meth:`Batch.reset`."""
        return self.env.reset(seed=seed)[0]

    def step(self, actions: Any) -> tuple[Any, NDArray[np.bool_]]:
        """See :meth:`Batch.step`."""
        observations, _, terminated, truncated, _ = self.env.step(actions)
        return observations, np.asarray(terminated) | np.asarray(truncated)

    def exploration_policy(self) -> Any:
        """See :meth:`Batch.exploration_policy`."""
        base: Any = self.env.unwrapped
        if hasattr(base, "exploration_policy"):
            return base.exploration_policy
        if hasattr(base, "call") and base.call("has_wrapper_attr", "exploration_policy")[0]:
            return base.get_attr("exploration_policy")[0]
        return None


class Sb3Batch:
    """A Stable-Baselines3 vector environment."""

    def __init__(self, env: VecEnv) -> None:
        self.env = env
        self.n_envs = env.num_envs
        self.action_space = env.action_space

    def reset(self, seed: int | None) -> Any:
        """See :meth:`Batch.reset`."""
        if seed is not None:
            self.env.seed(seed)
        return self.env.reset()

    def step(self, actions: Any) -> tuple[Any, NDArray[np.bool_]]:
        """See :meth:`Batch.step`."""
        observations, _, dones, _ = self.env.step(actions)
        return observations, np.asarray(dones, dtype=bool)

    def exploration_policy(self) -> Any:
        """See :meth:`Batch.exploration_policy`."""
        if self.env.has_attr("exploration_policy"):
            return self.env.get_attr("exploration_policy", indices=[0])[0]
        return None


def batch_of(env: Any) -> Batch:
    """The environment as a :class:`Batch`.

    :raises TypeError: if it is none of the three kinds
    """
    if isinstance(env, VecEnv):
        return Sb3Batch(env)
    if isinstance(env, VectorEnv):
        return GymnasiumBatch(env)
    if isinstance(env, gymnasium.Env):
        return SingleBatch(env)
    raise TypeError(
        f"env is a {type(env).__name__}; it must be a gymnasium Env or VectorEnv, or an SB3 VecEnv"
    )


def _expanded(observation: Any) -> Any:
    if isinstance(observation, dict):
        return {key: _expanded(x) for key, x in observation.items()}
    if isinstance(observation, tuple):
        return tuple(_expanded(x) for x in observation)
    return np.asarray(observation)[None]
