"""Stable-Baselines3 vector environments by id."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium as gym
import torch
from gymnasium.envs.registration import load_env_creator
from stable_baselines3.common import env_util
from stable_baselines3.common.utils import get_device
from stable_baselines3.common.vec_env import VecEnv

from ..checks import check_integer, check_kind
from .packages import find_spec, find_wrapper, import_modules, wrapper_paths
from .readable import make_readable
from .registration import TASKS, make_task
from .sb3_vector import MemoryVecEnv
from .tensor_vec_env import TensorVecEnv

Maker: TypeAlias = Callable[..., gym.Env[Any, Any]]

OPTIONS = tuple(inspect.signature(env_util.make_vec_env).parameters)[3:]
"""Arguments of SB3's function beside the id, the number and the seed of environments."""
OF_GYM_MAKE = ("max_episode_steps", "disable_env_checker")
"""Arguments of `gym.make` that are none of the environment."""

NOT_MADE = (gym.error.Error, ImportError, LookupError, TypeError, AssertionError)
"""What an environment raises, beside a `ValueError`, for wrong arguments or a missing package."""


def make_vec_env(
    env_id: str | Maker,
    n_envs: int = 1,
    seed: int | None = None,
    env_wrapper: str | Sequence[str] = (),
    device: torch.device | str = "cpu",
    **kwargs: Any,
) -> VecEnv:
    """Make N environments for Stable-Baselines3, in place of its own function of this name.

    Ours step natively, in arrays. Whatever else Stable-Baselines3 makes goes to
    `stable_baselines3.common.env_util.make_vec_env`, and then into a `ReadableObservation` where
    SB3 could not read its observations. So do ours, one by one, if an option of that function asks
    for something that arrays do not have: `wrapper_class`, `vec_env_cls` or `monitor_dir`, for
    example, or `max_episode_steps`, which is `gym.make`'s.

    :param env_id: one of `TASKS`, or any id registered with Gymnasium, where "module:id" imports
        the module that registers it; or a class or function that makes an environment.
    :param n_envs: number of environments N.
    :param seed: seed of all noise.
    :param env_wrapper: import paths of Gymnasium wrappers around each environment, innermost
        first; for environments of other packages.
    :param device: where ours are. On the CPU they are a `MemoryVecEnv`, elsewhere a
        `TensorVecEnv`, which is not rendered.
    :param kwargs: by the names of SB3's function, its options (`wrapper_class`, `monitor_dir`,
        ...); all others, and those in `env_kwargs={...}`, are arguments of the environment,
        `length=20` for example.
    :raises ValueError: for an id or a wrapper that nobody knows, no environment, a negative seed,
        or wrappers around one of ours.
    :raises TypeError: for arguments of another type, or one of the environment given twice.
    """
    check_integer("n_envs", n_envs, 1)
    if seed is not None:
        seed = check_integer("seed", seed, 0)
    options = {name: kwargs.pop(name) for name in OPTIONS if name in kwargs}
    arguments = _joined(options.pop("env_kwargs", None), kwargs)
    options = {name: value for name, value in options.items() if value}
    if callable(env_id):
        name = getattr(env_id, "__name__", repr(env_id))
        return _by_sb3(name, env_id, n_envs, seed, env_wrapper, arguments, options)
    check_kind("env_id", env_id, str)
    ours = env_id.removeprefix("warmrl.envs:")
    if ours in TASKS:
        if env_wrapper:
            raise ValueError(
                f"env_wrapper={env_wrapper!r} must be left out: {ours} steps in arrays, which no "
                "Gymnasium wrapper goes around"
            )
        if not options and not arguments.keys() & set(OF_GYM_MAKE):
            return _native(ours, n_envs, seed, device, arguments)
        if get_device(device).type != "cpu":
            asked = ", ".join([*options, *(name for name in OF_GYM_MAKE if name in arguments)])
            raise ValueError(f"device={str(device)!r} must be 'cpu' together with {asked}")
    find_spec(env_id)
    return _by_sb3(env_id, _maker(env_id), n_envs, seed, env_wrapper, arguments, options)


def make_configured(
    env_id: str,
    n_envs: int,
    seed: int | None,
    settings: Mapping[str, Any],
    device: torch.device | str = "cpu",
) -> VecEnv:
    """Make environments as a run's settings describe them.

    :param env_id: see `make_vec_env`, as for the other parameters.
    :param settings: the environment's arguments, and its wrappers as `env_wrapper`. None of them
        is an option of SB3's function, whatever its name.
    :raises ValueError: if they cannot be made; says why in one line.
    """
    arguments = {name: value for name, value in settings.items() if name != "env_wrapper"}
    wrappers = settings.get("env_wrapper", ())
    try:
        return make_vec_env(env_id, n_envs, seed, wrappers, device, env_kwargs=arguments)
    except NOT_MADE as error:
        reason = repr(error) if isinstance(error, LookupError) or not str(error) else str(error)
        raise ValueError(f"env={env_id!r} cannot be made: {reason}") from error


def _joined(env_kwargs: Mapping[str, Any] | None, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The environment's arguments, which may be given in either way."""
    if env_kwargs is None:
        return dict(kwargs)
    check_kind("env_kwargs", env_kwargs, Mapping)
    twice = sorted(env_kwargs.keys() & kwargs.keys())
    if twice:
        raise TypeError(f"{', '.join(twice)}: given twice, in env_kwargs and beside it")
    return {**env_kwargs, **kwargs}


def _native(
    env_id: str,
    n_envs: int,
    seed: int | None,
    device: torch.device | str,
    arguments: dict[str, Any],
) -> VecEnv:
    """One of ours, in arrays."""
    render_mode = arguments.pop("render_mode", "rgb_array")  # SB3's default
    task = make_task(env_id, **arguments)
    if get_device(device).type != "cpu":
        return TensorVecEnv(task, n_envs, device, seed=seed)
    return MemoryVecEnv(task, n_envs, seed=seed, render_mode=render_mode)


def _by_sb3(
    name: str,
    make: Maker,
    n_envs: int,
    seed: int | None,
    env_wrapper: str | Sequence[str],
    arguments: Mapping[str, Any],
    options: dict[str, Any],
) -> VecEnv:
    """What SB3's function makes, where it can read the observations.

    :param name: what the environment is called in messages.
    """
    wrappers = [find_wrapper(path) for path in wrapper_paths(env_wrapper)]
    outermost = options.pop("wrapper_class", None)

    def made(**given: Any) -> gym.Env[Any, Any]:
        env = make(**given)
        for wrapper in wrappers:
            env = _wrapped(env, wrapper)
        return env

    def readable(env: gym.Env[Any, Any], **given: Any) -> gym.Env[Any, Any]:
        env = env if outermost is None else outermost(env, **given)
        try:
            return make_readable(env)
        except ValueError as error:
            raise ValueError(f"env_id={name!r}: {error}") from error

    return env_util.make_vec_env(
        made, n_envs, seed, env_kwargs=dict(arguments), wrapper_class=readable, **options
    )


def _maker(env_id: str) -> Maker:
    """Makes the environment of an id, in whichever process it is called."""

    def make(**arguments: Any) -> gym.Env[Any, Any]:
        import_modules(env_id)
        if "render_mode" not in arguments and _may_render(env_id):
            try:
                return gym.make(env_id, render_mode="rgb_array", **arguments)
            except TypeError:  # it takes no render mode, whatever its class says
                pass
        return gym.make(env_id, **arguments)

    return make


def _may_render(env_id: str) -> bool:
    """Whether an environment has SB3's render mode, or does not say."""
    entry = find_spec(env_id).entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    metadata = getattr(creator, "metadata", None)
    return not isinstance(metadata, Mapping) or "rgb_array" in metadata.get("render_modes", ())


def _wrapped(env: gym.Env[Any, Any], wrapper: type[gym.Wrapper[Any, Any, Any, Any]]) -> Any:
    try:
        return wrapper(env)
    except (TypeError, ValueError, AssertionError) as error:
        reason = f"{error!r}" if str(error) == "" else str(error)
        raise ValueError(
            f"env_wrapper={wrapper.__module__}.{wrapper.__name__} cannot go around {env}: {reason}"
        ) from error
