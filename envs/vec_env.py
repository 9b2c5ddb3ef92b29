"""Stable-Baselines3 vector environments by id."""

from __future__ import annotations

import importlib
from typing import Any

import gymnasium as gym
from stable_baselines3.common import env_util
from stable_baselines3.common.vec_env import VecEnv

from ..checks import check_integer, check_kind
from .registration import TASKS, make_task
from .sb3_vector import MemoryVecEnv


def make_vec_env(env_id: str, n_envs: int, seed: int | None = None, **kwargs: Any) -> VecEnv:
    """Make N environments for Stable-Baselines3.

    Ours step natively, in arrays; any other Gymnasium id goes to
    `stable_baselines3.common.env_util.make_vec_env`.

    :param env_id: one of `TASKS`, or any id registered with Gymnasium; "module:id" imports the
        module that registers it.
    :param n_envs: number of environments N.
    :param seed: seed of all noise.
    :param kwargs: arguments of the environment, `length=20` for example.
    :raises ValueError: for an id that nobody knows, no environment, or a negative seed.
    :raises TypeError: for arguments of another type.
    """
    check_kind("env_id", env_id, str)
    check_integer("n_envs", n_envs, 1)
    if seed is not None:
        check_integer("seed", seed, 0)
    ours = env_id.removeprefix("warmrl.envs:")
    if ours in TASKS:
        render_mode = kwargs.pop("render_mode", None)
        task = make_task(ours, **kwargs)
        return MemoryVecEnv(task, n_envs, seed=seed, render_mode=render_mode)
    module, _, name = env_id.rpartition(":")
    try:
        if module:
            importlib.import_module(module)
        gym.spec(name)
    except (gym.error.Error, ModuleNotFoundError) as error:
        raise ValueError(
            f"env_id={env_id!r} must be one of {', '.join(TASKS)}, "
            f"or an id registered with Gymnasium ({error})"
        ) from error
    return env_util.make_vec_env(env_id, n_envs, seed=seed, env_kwargs=kwargs)
