"""When checkpoints are written, which are kept, and which one a run goes on from."""

import re
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from ..agents import RecurrentPPO
from ..named_arrays import prefixed, under
from .callbacks import stop_when_solved
from .checkpoint_file import read_checkpoint, write_checkpoint
from .config import TrainConfig
from .progress_csv import ProgressCsv
from .snapshot import NOTES, Snapshot, restore_log, take_snapshot
from .writing import writing

RUN_NOTES = (*NOTES, "rows", "settings", "summary", "solved")
"""what a checkpoint notes: of training, and of the run around it"""


class Checkpoints(BaseCallback):
    """Writes what a run can go on from, between two rollouts.

    Every rollout starts with a snapshot in memory, so that a run that is interrupted can be put
    back to where its last update ended. The last two files are kept, all others removed.

    What happens after the last rollout, consolidation and evaluation, is done anew if it is
    interrupted; so there is a file from before that rollout until :meth:`finish` is called.

    :param folder: where the files go
    :param progress: the log, whose rows are on the disk before a checkpoint counts them
    :param config: of the run
    :param resumed: what the run goes on from
    """

    def __init__(
        self,
        folder: Path,
        progress: ProgressCsv,
        config: TrainConfig,
        resumed: Snapshot | None = None,
    ) -> None:
        super().__init__()
        self.folder, self.progress, self.resumed = folder, progress, resumed
        self.settings, self.every = config.settings, config.checkpoint_rollouts
        self.solved = stop_when_solved(config)
        """the callback whose counters are saved, put to where they were"""
        self.summary: dict[str, Any] = {}
        """what is known of the run already, for ``config.json``"""
        if resumed is not None:
            self.solved.set_state(resumed.notes["solved"])
            self.solved.first = under("solved", resumed.arrays) or None
            self.summary = resumed.notes["summary"]
        self.latest = resumed
        """the state of training as the last rollout started"""
        self._written = resumed
        self._end: Snapshot | None = None

    @property
    def learned(self) -> bool:
        """Whether there was an update since the run began, or went on."""
        before = 0 if self.resumed is None else self.resumed.n_updates
        return self.latest is not None and self.latest.n_updates > before

    @property
    def written_steps(self) -> int:
        """Environment steps of the last checkpoint that has a file."""
        return 0 if self._written is None else self._written.steps

    def _on_training_start(self) -> None:
        if self.resumed is not None:
            restore_log(self._model(), self.resumed)

    def _on_rollout_start(self) -> None:
        if self.solved.done:  # one step, and training ends
            self._end = self._taken()
            return
        self.latest = self._taken()
        if self._written is None or self.progress.rows % self.every == 0:
            self.write()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self._end = self._end or self._taken()

    def write(self) -> None:
        """Write the state in which the last rollout started, unless it has a file already.

        :raises UserError: if the disk is full, for example; the files there were stay
        """
        if self.latest is None or self.latest is self._written:
            return
        path = checkpoint_path(self.folder, self.latest)
        with writing(path):
            self.progress.sync()
            write_checkpoint(path, self.latest)
        before = self._written and checkpoint_path(self.folder, self._written)
        self._written = self.latest
        for file in self.folder.glob("checkpoint-*.safetensors*"):
            if file not in (path, before):
                file.unlink()

    def finish(self) -> None:
        """Write the state in which the last update ended, to be called when all else is done.

        A run with more steps goes on from there as if they had been asked for at once.

        :raises UserError: if the disk is full, for example; the files there were stay
        """
        self.latest = self._end
        self.write()

    def _taken(self) -> Snapshot:
        model = self._model()
        if self.latest is not None and self.latest.steps == model.num_timesteps:
            return self.latest  # nothing has happened since the run went on
        snapshot = take_snapshot(model)
        snapshot.arrays.update(prefixed("solved", self.solved.first or {}))
        snapshot.notes.update(
            rows=self.progress.rows,
            settings=self.settings,
            summary=self.summary,
            solved=self.solved.get_state(),
        )
        return snapshot

    def _model(self) -> RecurrentPPO:
        assert isinstance(self.model, RecurrentPPO)
        return self.model


def checkpoint_path(folder: Path, snapshot: Snapshot) -> Path:
    """The file of a snapshot."""
    return folder / f"checkpoint-{snapshot.steps}.safetensors"


def latest_checkpoint(folder: Path) -> tuple[Snapshot | None, list[str]]:
    """The last checkpoint of a run that is whole.

    :return: it, ``None`` if there are no checkpoints; and a line about each that is damaged
    :raises ValueError: if all are damaged
    """
    found = {
        int(match[1]): path
        for path in folder.glob("checkpoint-*.safetensors")
        if (match := re.fullmatch(r"checkpoint-(\d+)\.safetensors", path.name)) and path.is_file()
    }
    damage: list[str] = []
    for _, path in sorted(found.items(), reverse=True):
        try:
            return read_checkpoint(path), damage
        except ValueError as error:
            damage.append(str(error))
    if damage:
        raise ValueError(f"resume={str(folder)!r} has no whole checkpoint: {'; '.join(damage)}")
    return None, []
