"""The folder of one run."""

import os
import platform
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import sb3_contrib
import stable_baselines3
import torch
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat

from .. import __version__
from ..agents import Agent, RecurrentPPO
from ..agents.agent import WEIGHTS_FILE
from ..agents.whole_file import PARTIAL, whole_file
from .config import TrainConfig
from .folder_lock import FolderLock
from .progress_csv import ProgressCsv
from .writing import writing

CONFIG_FILE = "config.json"
MODEL_FILE = "model.zip"
PROGRESS_FILE = "progress.csv"


class RunFolder:
    """A folder with everything that a run leaves behind.

    ``config.json``, ``progress.csv``, ``model.zip`` (Stable-Baselines3), ``policy.safetensors`` and
    the last two checkpoints; evaluation adds ``evaluation.json`` and its figures.

    :param path: the folder
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._made: list[Path] = []
        self._lock: FolderLock | None = None

    def check_free(self) -> None:
        """Check that the folder can be made, without making it.

        :raises FileExistsError: if it holds something already, or is a file
        :raises OSError: if it cannot be made or written
        """
        field = f"run_dir={str(self.path)!r}"
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"{field} is a file; it must be a new folder")
        if self.path.exists() and any(p.suffix != PARTIAL for p in self.path.iterdir()):
            raise FileExistsError(
                f"{field} exists; it must be a new folder (or continue that run: --resume)"
            )
        above = next(p for p in (self.path, *self.path.absolute().parents) if p.exists())
        if not above.is_dir():
            raise NotADirectoryError(f"{field} cannot be made: {above} is a file")
        self.check_writable(above)

    def check_writable(self, folder: Path | None = None) -> None:
        """Check that files can be made in the folder, or in another.

        :raises PermissionError: if not
        :raises IsADirectoryError: if a file's place is taken by a folder
        """
        for name in (CONFIG_FILE, MODEL_FILE, PROGRESS_FILE, WEIGHTS_FILE):
            if (self.path / name).is_dir():
                raise IsADirectoryError(f"{self.path / name} is a folder; it must be a file")
        if not os.access(folder or self.path, os.W_OK | os.X_OK):
            raise PermissionError(
                f"run_dir={str(self.path)!r} cannot be written: no permission in "
                f"{folder or self.path}"
            )

    def claim(self) -> None:
        """Make the folder, for this process alone.

        :raises FileExistsError: if another process was quicker
        :raises OSError: if it cannot be made
        """
        above = (self.path, *self.path.parents)
        self._made = [path for path in above if not path.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock()
        self.check_free()

    def lock(self) -> None:
        """Keep others out of the folder, until :meth:`unlock` or for as long as this object lives.

        :raises BlockingIOError: if another one is writing it
        """
        self._lock = FolderLock(self.path, "run_dir")

    def unlock(self) -> None:
        """Let others write into the folder; nothing if it is not locked."""
        if self._lock is not None:
            self._lock.close()

    def discard(self) -> None:
        """Remove what :meth:`claim` made, and the files of a run that came to nothing."""
        for file in self.path.iterdir():
            file.unlink()
        for folder in self._made:
            if not any(folder.iterdir()):
                folder.rmdir()

    def progress(self, rows: int) -> ProgressCsv:
        """``progress.csv``, to be written on from a row on; see :class:`ProgressCsv`."""
        return ProgressCsv(self.path / PROGRESS_FILE, rows)

    def logger(self, progress: ProgressCsv, tensorboard: bool) -> Logger:
        """A logger that writes ``progress.csv`` and TensorBoard's files."""
        writers: list[KVWriter] = [progress]
        if tensorboard:
            writers.append(TensorBoardOutputFormat(str(self.path)))
        return Logger(str(self.path), writers)

    def begin(self, model: RecurrentPPO, config: TrainConfig, summary: dict[str, Any]) -> None:
        """Write what a run is, so that it can be gone on with from whenever it is cut short.

        :param summary: what happened so far
        """
        Agent(model).save_config(self.path, _described(config, summary | {"complete": False}))

    def save(self, model: RecurrentPPO, config: TrainConfig, summary: dict[str, Any]) -> None:
        """Write the agent, for Stable-Baselines3 and for :class:`~warmrl.agents.Agent`.

        Each file is written whole or not at all.

        :param model: the agent
        :param config: its configuration
        :param summary: what happened, for ``config.json``
        :raises UserError: if the disk is full, for example
        """
        with writing(self.path):
            with whole_file(self.path / MODEL_FILE) as partial:
                model.save(partial)
            Agent(model).save(self.path, _described(config, summary))


def _described(config: TrainConfig, summary: dict[str, Any]) -> dict[str, Any]:
    """What ``config.json`` holds beside the policy."""
    versions = {
        "warmrl": __version__,
        "python": platform.python_version(),
        **{m.__name__: m.__version__ for m in (torch, gymnasium, stable_baselines3)},
        **{m.__name__: m.__version__ for m in (sb3_contrib, np)},
    }
    return {"train": config.to_json(), "summary": summary, "versions": versions}
