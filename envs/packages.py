"""Environments of other packages: what has to be imported before Gymnasium knows them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, find_highest_version, get_env_id, parse_env_id

from .registration import TASKS

# Packages that register their ids only when they are imported, by how those ids begin.
REGISTERED_BY = {"popgym-": "popgym", "MiniGrid-": "minigrid", "BabyAI-": "minigrid"}


def imported_modules(env_id: str, env_wrapper: str | Sequence[str] = ()) -> list[str]:
    """The modules that are imported to make an environment.

    :param env_id: an id, "module:id" or one of a package in `REGISTERED_BY`.
    :param env_wrapper: import paths of its wrappers.
    :raises TypeError: if those are no paths.
    """
    module, _, name = env_id.rpartition(":")
    modules = [module] if module else []
    modules += [package for start, package in REGISTERED_BY.items() if name.startswith(start)]
    return modules + [path.rpartition(".")[0] for path in wrapper_paths(env_wrapper) if "." in path]


def wrapper_paths(env_wrapper: str | Sequence[str]) -> tuple[str, ...]:
    """One import path or several, as several.

    :raises TypeError: if they are something else.
    """
    paths = (env_wrapper,) if isinstance(env_wrapper, str) else env_wrapper
    if not isinstance(paths, Sequence) or not all(isinstance(path, str) for path in paths):
        raise TypeError(f"env_wrapper={env_wrapper!r} must be import paths of Gymnasium wrappers")
    return tuple(paths)


def import_modules(env_id: str) -> None:
    """Import the modules that register an id.

    :raises ImportError: if one is not installed, or cannot be imported.
    """
    for module in imported_modules(env_id):
        importlib.import_module(module)


def find_spec(env_id: str) -> EnvSpec:
    """What Gymnasium knows of an id, after importing the package that registers it.

    Without a version it is that of the newest, which `gym.make` makes as well.

    :raises ValueError: if nobody knows it, or that package is not installed.
    """
    try:
        import_modules(env_id)
        return gym.spec(_with_version(env_id.rpartition(":")[2]))
    except (gym.error.Error, ImportError, TypeError) as error:
        extra = getattr(error, "name", None)
        if extra in REGISTERED_BY.values():
            raise ValueError(
                f"env_id={env_id!r} needs the package {extra}: pip install 'warmrl[{extra}]'"
            ) from error
        raise ValueError(
            f"env_id={env_id!r} must be one of {', '.join(TASKS)}, "
            f"or an id registered with Gymnasium ({error})"
        ) from error


def _with_version(name: str) -> str:
    namespace, rest, version = parse_env_id(name)
    if name in gym.registry or version is not None:
        return name
    return get_env_id(namespace, rest, find_highest_version(namespace, rest))


def find_wrapper(path: str) -> type[gym.Wrapper[Any, Any, Any, Any]]:
    """The class at an import path, "minigrid.wrappers.OneHotPartialObsWrapper" for example.

    :raises ValueError: if there is none, or it is no Gymnasium wrapper.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"env_wrapper={path!r} must be the import path of a Gymnasium wrapper ({error})"
        ) from error
    if not (isinstance(found, type) and issubclass(found, gym.Wrapper)):
        raise ValueError(f"env_wrapper={path!r} is {found!r}; it must be a gymnasium.Wrapper")
    return found
