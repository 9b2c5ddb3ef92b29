"""The folder of one run."""

import platform
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import sb3_contrib
import stable_baselines3
import torch

from .. import __version__
from ..agents import Agent, RecurrentPPO
from .config import TrainConfig

MODEL_FILE = "model.zip"
PARTIAL_MODEL_FILE = "partial.zip"


class RunFolder:
    """A new folder with everything that a run leaves behind.

    ``config.json``, ``progress.csv``, ``model.zip`` (Stable-Baselines3), ``policy.safetensors``;
    evaluation adds ``evaluation.json`` and its figure.

    :param path: the folder; it must not exist, or be empty
    :raises FileExistsError: if it holds something already
    :raises OSError: if it cannot be made or written
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise FileExistsError(f"run_dir={str(path)!r} is a file; it must be a new folder")
        if path.exists() and any(path.iterdir()):
            raise FileExistsError(f"run_dir={str(path)!r} exists; it must be a new folder")
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()

    def save(self, model: RecurrentPPO, config: TrainConfig, summary: dict[str, Any]) -> None:
        """Write the agent, for Stable-Baselines3 and for :class:`~warmrl.agents.Agent`.

        :param model: the agent
        :param config: its configuration
        :param summary: what happened, for ``config.json``
        """
        model.save(self.path / PARTIAL_MODEL_FILE)
        (self.path / PARTIAL_MODEL_FILE).replace(self.path / MODEL_FILE)
        versions = {
            "warmrl": __version__,
            "python": platform.python_version(),
            **{m.__name__: m.__version__ for m in (torch, gymnasium, stable_baselines3)},
            **{m.__name__: m.__version__ for m in (sb3_contrib, np)},
        }
        Agent(model).save(
            self.path, {"train": config.to_json(), "summary": summary, "versions": versions}
        )
