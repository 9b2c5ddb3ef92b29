"""Runs on Weights & Biases: the settings, and whatever goes to TensorBoard."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..command_line import fail
from .config import TrainConfig

PROJECT = "warmrl"
NEEDED = ("wandb", "tensorboard")


@contextmanager
def tracked(track: bool, folder: Path, config: TrainConfig) -> Iterator[None]:
    """Follow a run on Weights & Biases, under the name of its folder.

    ``WANDB_PROJECT``, ``WANDB_ENTITY``, ``WANDB_MODE=offline`` and all its other variables hold.

    :param track: whether to; if not, nothing is imported
    :param folder: of the run
    :param config: of the run
    :raises SystemExit: with one line, if it cannot be reached, or wants to know who asks
    """
    if not track:
        yield
        return
    wandb = importlib.import_module("wandb")
    try:
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=folder.name,
            config=config.to_json(),
            sync_tensorboard=True,  # so from here on TensorBoard's writers are followed
        )
    except wandb.Error as error:
        fail(f"track=True: {error}")
    try:
        yield
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()
