"""What ``train.py`` can be told: a run's configuration, and what is no part of it."""

import dataclasses
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tyro

from ..command_line import parse
from ..evaluation import read_trained_on
from .config import TrainConfig
from .resume import check_unchanged, config_of
from .settings import on_top, on_top_of_stored, stored_config
from .tracking import NEEDED


@dataclass
class TrainCommand(TrainConfig):
    """A run, and how it is followed."""

    track: tyro.conf.FlagCreatePairsOff[bool] = False
    """Also follow the run on Weights & Biases, with --tensorboard (needs the extra "track").
    WANDB_PROJECT, WANDB_ENTITY and WANDB_MODE say where and how."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.track and not all(map(importlib.util.find_spec, NEEDED)):
            raise ValueError("track=True must be False without: pip install 'warmrl[track]'")

    @property
    def run(self) -> TrainConfig:
        """The configuration of the run."""
        config = TrainConfig(**_fields(self))
        return dataclasses.replace(config, tensorboard=True) if self.track else config


TrainCommand.__doc__ = TrainConfig.__doc__  # the help that teaches


def read_command(args: Sequence[str] | None = None) -> TrainCommand:
    """What the command line says, on top of a run's settings for ``--config`` and ``--resume``.

    :param args: the command line; that of the process if absent
    :raises ValueError: if a resumed run would be another, or stored settings are wrong
    :raises FileNotFoundError: if there is no such run
    """

    def flags(before: TrainCommand | None = None) -> TrainCommand:
        return parse(TrainCommand, args, before, script="train")

    command = flags()
    if command.resume is not None and command.config is not None:
        raise ValueError(
            f"config={str(command.config)!r} must be left out: a resumed run has settings already"
        )
    if command.resume is not None:
        run_dir, before = command.resume, config_of(command.resume)
        command = on_top(TrainCommand(**_fields(before)), flags)
        check_unchanged(command, before)
        read_trained_on(run_dir)  # refuses to import the environment from the folder itself
    elif command.config is not None:
        stored = TrainCommand(**_fields(stored_config(command.config)))
        command = on_top_of_stored(stored, flags)
    return command


def _fields(config: TrainConfig) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(TrainConfig)}
