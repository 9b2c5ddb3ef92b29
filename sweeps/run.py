"""One run of a sweep: trained into its folder, or further there, and evaluated."""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from ..evaluation.run_folder import RESULTS_FILE, read_sections
from ..processes import Tell
from ..train import evaluate, prepare, train_into
from ..training import TrainConfig
from ..training.callbacks import success_rate
from ..training.run_folder import CONFIG_FILE
from .definition import Score
from .grid import Settings
from .rows import Row

Answer: TypeAlias = str
GO_ON, PRUNE, STOP = "go on", "prune", "stop"
DONE, PRUNED, FAILED = "done", "pruned", "failed"  # what became of a run


class Progress(NamedTuple):
    """How a run goes."""

    steps: int
    score: float | None
    """of its last episodes; ``None`` while they are too few"""


class Stopped(Exception):
    """The run is to stop, for it or its sweep to be gone on with."""


class Pruned(Stopped):
    """The run is to stop, because others are better."""


@dataclass(frozen=True)
class Run:
    """A run of a sweep; it is sent to other processes and machines."""

    key: str
    """its folder, as seen from the sweep's"""
    group: str
    """its point of the grid: runs of a group differ in their seed only, or in what is searched"""
    settings: Settings
    """what it has of its own"""
    config: TrainConfig
    folder: Path
    score: Score
    trial: int | None = None

    def __call__(self, tell: Tell) -> Row:
        """Train and evaluate the agent, or go on with that.

        :param tell: told a :class:`Progress` after every rollout; its answer is one of ``GO_ON``,
            ``PRUNE`` and ``STOP``
        :return: its row of results
        :raises Stopped: if that was the answer
        """
        if not complete(self.folder):
            prepared = prepare(self._begun_or_resumed())
            telling = Telling(tell, self.score)
            try:
                train_into(prepared, [telling])
                if tell(telling.told) == STOP:  # for evaluation may take long
                    raise Stopped
                evaluate(prepared)
                prepared.checkpoints.finish()
                prepared.env.close()
            except Pruned:
                return self.row(PRUNED, steps=telling.told.steps, score=telling.told.score)
            finally:
                prepared.folder.unlock()
        return self.row(DONE, **outcome(self.folder, self.score))

    def row(self, status: str, **results: Any) -> Row:
        """Its row in the table of results."""
        own: Row = {"key": self.key, "group": self.group, "seed": self.config.seed}
        trial = {} if self.trial is None else {"trial": self.trial}
        return own | trial | {"status": status, "settings": self.settings} | results

    def _begun_or_resumed(self) -> TrainConfig:
        config = dataclasses.replace(self.config, run_dir=self.folder)
        if not (self.folder / CONFIG_FILE).is_file():
            shutil.rmtree(self.folder, ignore_errors=True)  # killed before there was a run
            return config
        return dataclasses.replace(config, resume=self.folder)


class Telling(BaseCallback):
    """Tells how training goes, and stops it if that is the answer.

    :param tell: see :class:`Run`
    :param score: what says how good it is
    """

    def __init__(self, tell: Tell, score: Score) -> None:
        super().__init__()
        self.tell, self.score = tell, score
        self.told = Progress(0, None)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.told = Progress(self.num_timesteps, self._running_score())
        answer = self.tell(self.told)
        if answer == PRUNE:
            raise Pruned
        if answer == STOP:
            raise Stopped

    def _running_score(self) -> float | None:
        if self.score == "success":
            return success_rate(self)
        episodes = self.model.ep_info_buffer or ()
        return float(np.mean([episode["r"] for episode in episodes])) if episodes else None


def complete(folder: Path) -> bool:
    """Whether a run was trained to its end, and evaluated."""
    if not (folder / CONFIG_FILE).is_file() or not (folder / RESULTS_FILE).is_file():
        return False
    return bool(read_sections(folder).get("summary", {}).get("complete"))


def outcome(folder: Path, score: Score) -> Row:
    """What came of a run, from its files."""
    summary = read_sections(folder)["summary"]
    results = json.loads((folder / RESULTS_FILE).read_text())["results"]
    success = {_delay(row): row["success_rate"] for row in results}
    returns = {_delay(row): row["mean_return"] for row in results}
    return {
        "score": fmean((success if score == "success" else returns).values()),
        **{name: summary.get(name) for name in ("steps", "solved_at", "vaa_before", "vaa_after")},
        "success": success,
        "return": returns,
    }


def _delay(row: dict[str, Any]) -> str:
    return "-" if row["delay"] is None else str(row["delay"])
