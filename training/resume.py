"""Going on with a run from its folder."""

import dataclasses
import json
import pickle
from pathlib import Path

import torch
from stable_baselines3.common.vec_env import VecEnv

from ..agents import RecurrentPPO
from .build import quiet
from .config import TrainConfig, shown
from .run_folder import CONFIG_FILE, MODEL_FILE
from .settings import config_from_json

CHANGEABLE = (
    *("resume", "total_timesteps", "stop_when_solved", "solved_rollouts"),
    *("device", "threads", "tensorboard", "eval_delays", "eval_episodes"),
)


def config_of(run_dir: Path) -> TrainConfig:
    """The configuration of a run.

    :param run_dir: its folder, where it is now
    :raises FileNotFoundError: if a file of the run is missing
    :raises ValueError: if ``config.json`` does not describe a run
    """
    for name in (CONFIG_FILE, MODEL_FILE):
        if not (run_dir / name).is_file():
            raise FileNotFoundError(f"resume={str(run_dir)!r} has no {name}; it must be a run")
    path = run_dir / CONFIG_FILE
    try:
        config = config_from_json(json.loads(path.read_text())["train"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} describes no run of train.py: {error}") from error
    return dataclasses.replace(config, run_dir=run_dir)


def check_unchanged(config: TrainConfig, before: TrainConfig) -> None:
    """Check that a resumed run changes only what can be changed.

    :raises ValueError: if not, naming the field
    """
    for field in dataclasses.fields(TrainConfig):
        new, old = getattr(config, field.name), getattr(before, field.name)
        if field.name not in CHANGEABLE and new != old:
            raise ValueError(
                f"{field.name}={shown(new)} cannot be changed by --resume; the run has "
                f"{shown(old)} (only {', '.join(CHANGEABLE[1:])} can)"
            )


def load_model(config: TrainConfig, env: VecEnv) -> RecurrentPPO:
    """The agent of a run, as it was left. Unpickles: only for a file that is trusted.

    :param config: of the run, with its new ``total_timesteps``
    :param env: its environments
    :raises ValueError: if the file is damaged or of other spaces, or there are no steps left
    """
    path = config.folder / MODEL_FILE
    torch.set_num_threads(config.threads)
    try:
        model = RecurrentPPO.load(path, env=env, device=config.device)
    except (
        *(ValueError, KeyError, TypeError, AttributeError, AssertionError, RuntimeError),
        *(EOFError, ImportError, pickle.UnpicklingError),
    ) as error:
        raise ValueError(f"{path} cannot be resumed: {error}") from error
    if config.total_timesteps <= model.num_timesteps:
        raise ValueError(
            f"total_timesteps={config.total_timesteps} must be more than the "
            f"{model.num_timesteps} steps that {config.folder} has"
        )
    # Not the random numbers of the first steps again.
    model.set_random_seed(config.seed + model.num_timesteps)
    return quiet(model)
