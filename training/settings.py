"""Settings that were stored: by a run in its folder, or by hand in a JSON file."""

import dataclasses
import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from .config import PLACES, TrainConfig
from .run_folder import CONFIG_FILE

Config = TypeVar("Config", bound=TrainConfig)

LISTED_TWICE = ("length", "delay", "env_wrapper")  # among the environment's arguments, too
OF_THE_ENVIRONMENT = ("length", "delay", "env_kwargs", "env_wrapper", "eval_delays")


def stored_config(source: Path) -> TrainConfig:
    """The settings of ``--config``.

    :param source: a run folder, its ``config.json``, or a JSON object of some of the settings
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it holds no settings, or unknown or wrong ones
    """
    path = source / CONFIG_FILE if source.is_dir() else source
    if not path.is_file():
        raise FileNotFoundError(
            f"config={str(source)!r} must be a run folder or a JSON file of settings"
        )
    try:
        data = json.loads(path.read_text())
        return config_from_json(data.get("train", data) if isinstance(data, dict) else data)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"config={str(source)!r}: {error}") from error


def config_from_json(data: Any) -> TrainConfig:
    """The configuration that :meth:`TrainConfig.to_json` described, or some settings of one.

    :raises ValueError: if a setting is unknown, or out of range
    :raises TypeError: if one is of another type
    """
    if not isinstance(data, dict):
        raise TypeError(f"settings are of type {type(data).__name__}; they must be an object")
    for name, value in data.items():
        check_setting(name, value)
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in data.items()
        if name not in PLACES
    }
    if isinstance(settings.get("env_kwargs"), dict):
        settings["env_kwargs"] = {
            key: value
            for key, value in settings["env_kwargs"].items()
            if key not in LISTED_TWICE or not data.get(key)
        }
    return TrainConfig(**settings)


def check_setting(name: str, value: object) -> None:
    """Check that there is such a setting.

    :raises ValueError: if not, naming one like it
    """
    fields = [field.name for field in dataclasses.fields(TrainConfig)]
    if name not in fields:
        near = difflib.get_close_matches(name, fields, 1)
        meant = f"; it may be {near[0]!r}" if near else ""
        raise ValueError(f"{name}={value!r} is no setting of train.py{meant}")


def with_settings(config: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    """A configuration with some settings changed.

    :param settings: by name; ``env_kwargs.NAME`` is one of the environment's arguments
    :raises ValueError: if one is out of range
    :raises TypeError: if one is of another type
    """
    changed = {name: value for name, value in settings.items() if "." not in name}
    arguments = {name.partition(".")[2]: v for name, v in settings.items() if "." in name}
    return dataclasses.replace(config, **{"env_kwargs": config.env_kwargs | arguments, **changed})


def on_top(before: Config, flags: Callable[[Config], Config]) -> Config:
    """Settings, and on top of them those that the command line has a flag for.

    :param flags: reads the command line, given what holds where it has none
    """
    # tyro would turn a mapping that is there into options of its own.
    changed = flags(dataclasses.replace(before, env_kwargs={}))
    if changed.env_kwargs:
        return changed
    return dataclasses.replace(changed, env_kwargs=before.env_kwargs)


def on_top_of_stored(stored: Config, flags: Callable[[Config], Config]) -> Config:
    """Settings of ``--config``, with the flags on top, as :func:`on_top` reads them.

    With another environment, nothing that belonged to the old one is taken over.
    """
    config = on_top(stored, flags)
    return config if config.env == stored.env else on_top(without_environment(stored), flags)


def without_environment(config: Config) -> Config:
    """The same settings, but at their defaults those that belong to an environment."""
    defaults = TrainConfig()
    own = {name: getattr(defaults, name) for name in OF_THE_ENVIRONMENT}
    return dataclasses.replace(config, **own)
