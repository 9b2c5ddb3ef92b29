"""Going on with a run from its folder, in which nothing is unpickled."""

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

from stable_baselines3.common.vec_env import VecEnv

from ..agents import RecurrentPPO
from ..checks import check_fields
from .build import build_model
from .callbacks import stop_when_solved
from .checkpoints import RUN_NOTES, checkpoint_path, latest_checkpoint
from .config import CHANGEABLE, TrainConfig, shown
from .run_folder import CONFIG_FILE
from .settings import config_from_json
from .snapshot import Snapshot, restore_agent, restore_episodes


class Resumed(NamedTuple):
    """What a run goes on with."""

    model: RecurrentPPO
    snapshot: Snapshot | None
    """what it was put back to; ``None`` for a run that is begun again"""
    summary: dict[str, Any]
    """of ``config.json``"""
    remarks: list[str]
    """what its user should know"""

    @property
    def rows(self) -> int:
        """How many rows of ``progress.csv`` are kept."""
        return 0 if self.snapshot is None else int(self.snapshot.notes["rows"])


def config_of(run_dir: Path) -> TrainConfig:
    """The configuration of a run.

    :param run_dir: its folder, where it is now
    :raises FileNotFoundError: if a file of the run is missing
    :raises ValueError: if ``config.json`` does not describe a run
    """
    if not (run_dir / CONFIG_FILE).is_file():
        raise FileNotFoundError(f"resume={str(run_dir)!r} has no {CONFIG_FILE}; it must be a run")
    try:
        data = _read(run_dir)["train"]
        config = config_from_json(data)
        check_fields(data, [field.name for field in dataclasses.fields(TrainConfig)])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        path = run_dir / CONFIG_FILE
        raise ValueError(f"{path} describes no run of train.py: {error}") from error
    return dataclasses.replace(config, run_dir=run_dir)


def check_unchanged(config: TrainConfig, before: TrainConfig) -> None:
    """Check that a resumed run changes only what can be changed.

    :raises ValueError: if not, naming the field
    """
    for field in dataclasses.fields(TrainConfig):
        new, old = getattr(config, field.name), getattr(before, field.name)
        if field.name not in (*CHANGEABLE, "resume") and new != old:
            raise ValueError(
                f"{field.name}={shown(new)} cannot be changed by --resume; the run has "
                f"{shown(old)} (only {', '.join(CHANGEABLE)} can)"
            )


def resume_model(config: TrainConfig, env: VecEnv) -> Resumed:
    """The agent of a run, as its last whole checkpoint has it; writes nothing.

    A run that was cut short before there was one, in its warm-up for example, is begun again.

    :param config: of the run, with its new ``total_timesteps``
    :param env: its environments
    :raises ValueError: if there is nothing left to do, no checkpoint is whole, or one does not
        belong to ``config.json``
    """
    folder = config.folder
    summary: dict[str, Any] = _read(folder).get("summary") or {}
    snapshot, remarks = latest_checkpoint(folder)
    model = build_model(config, env)
    if snapshot is not None:
        if not _restore(model, env, snapshot, config):
            remarks.append(
                f"the outcome will differ from an uninterrupted run's: {config.env} cannot save "
                "its episodes, which start anew"
            )
    elif summary.get("steps"):
        raise FileNotFoundError(
            f"resume={str(folder)!r} has no checkpoint; it must be a run with one"
        )
    _check_left(config, model, snapshot)
    return Resumed(model, snapshot, summary, remarks)


def _restore(model: RecurrentPPO, env: VecEnv, snapshot: Snapshot, config: TrainConfig) -> bool:
    """Put a new model where a snapshot was taken; whether the episodes go on too."""
    path = checkpoint_path(config.folder, snapshot)
    try:
        check_fields(snapshot.notes, RUN_NOTES)
        before = snapshot.notes["settings"]
        check_fields(before, config.settings)
        for name, value in config.settings.items():
            if before[name] != value:
                raise ValueError(f"the run had {name}={before[name]!r}, not {value!r}")
        restore_agent(model, snapshot)
        if restore_episodes(model, snapshot):
            return True
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit {CONFIG_FILE}: {error}") from error
    env.seed(config.seed + model.num_timesteps)  # not the episodes of the first steps again
    return False


def _check_left(config: TrainConfig, model: RecurrentPPO, snapshot: Snapshot | None) -> None:
    if config.total_timesteps <= model.num_timesteps:
        raise ValueError(
            f"total_timesteps={config.total_timesteps} must be more than the "
            f"{model.num_timesteps} steps that {config.folder} has"
        )
    if snapshot is None:
        return
    solved = stop_when_solved(config)
    solved.set_state(snapshot.notes["solved"])
    if solved.done:
        raise ValueError(
            f"solved_rollouts={config.solved_rollouts} must be more than the {solved.practised} "
            f"that {config.folder} has practised for (or go on with --no-stop-when-solved)"
        )


def _read(run_dir: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((run_dir / CONFIG_FILE).read_text())
    return data
