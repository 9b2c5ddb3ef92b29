"""Stable-Baselines3 vector environments by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import torch
from gymnasium.envs.registration import EnvSpec, load_env_creator
from stable_baselines3.common import env_util
from stable_baselines3.common.utils import get_device
from stable_baselines3.common.vec_env import VecEnv

from ..checks import check_integer, check_kind
from .packages import find_spec, find_wrapper, wrapper_paths
from .readable import make_readable
from .registration import TASKS, make_task
from .sb3_vector import MemoryVecEnv
from .tensor_vec_env import TensorVecEnv


def make_vec_env(
    env_id: str,
    n_envs: int,
    seed: int | None = None,
    env_wrapper: str | Sequence[str] = (),
    device: torch.device | str = "cpu",
    **kwargs: Any,
) -> VecEnv:
    """Make N environments for Stable-Baselines3.

    Ours step natively, in arrays; any other Gymnasium id goes to
    `stable_baselines3.common.env_util.make_vec_env`, in a `ReadableObservation` where SB3 could not
    read its observations.

    :param env_id: one of `TASKS`, or any id registered with Gymnasium; "module:id" imports the
        module that registers it.
    :param n_envs: number of environments N.
    :param seed: seed of all noise.
    :param env_wrapper: import paths of Gymnasium wrappers around each environment, innermost
        first; for environments of other packages.
    :param device: where ours are. On the CPU they are a `MemoryVecEnv`, elsewhere a
        `TensorVecEnv`, which is not rendered.
    :param kwargs: arguments of the environment, `length=20` for example.
    :raises ValueError: for an id or a wrapper that nobody knows, no environment, a negative seed,
        or wrappers around one of ours.
    :raises TypeError: for arguments of another type.
    """
    check_kind("env_id", env_id, str)
    check_integer("n_envs", n_envs, 1)
    if seed is not None:
        check_integer("seed", seed, 0)
    ours = env_id.removeprefix("warmrl.envs:")
    if ours in TASKS:
        if env_wrapper:
            raise ValueError(
                f"env_wrapper={env_wrapper!r} must be left out: {ours} steps in arrays, which no "
                "Gymnasium wrapper goes around"
            )
        render_mode = kwargs.pop("render_mode", None)
        task = make_task(ours, **kwargs)
        if get_device(device).type != "cpu":
            return TensorVecEnv(task, n_envs, device, seed=seed)
        return MemoryVecEnv(task, n_envs, seed=seed, render_mode=render_mode)
    spec = find_spec(env_id)
    wrappers = [find_wrapper(path) for path in wrapper_paths(env_wrapper)]

    def make(**arguments: Any) -> gym.Env[Any, Any]:
        env = gym.make(spec, **arguments)
        for wrapper in wrappers:
            env = _wrapped(env, wrapper)
        try:
            return make_readable(env)
        except ValueError as error:
            raise ValueError(f"env_id={env_id!r}: {error}") from error

    return env_util.make_vec_env(make, n_envs, seed=seed, env_kwargs=_rendering(spec) | kwargs)


def _wrapped(env: gym.Env[Any, Any], wrapper: type[gym.Wrapper[Any, Any, Any, Any]]) -> Any:
    try:
        return wrapper(env)
    except (TypeError, ValueError, AssertionError) as error:
        reason = f"{error!r}" if str(error) == "" else str(error)
        raise ValueError(
            f"env_wrapper={wrapper.__module__}.{wrapper.__name__} cannot go around {env}: {reason}"
        ) from error


def _rendering(spec: EnvSpec) -> dict[str, str]:
    """SB3's render mode, but only for environments that have it."""
    entry = spec.entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    modes = getattr(creator, "metadata", {}).get("render_modes", ())
    return {"render_mode": "rgb_array"} if "rgb_array" in modes else {}
