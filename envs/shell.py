"""What every shell around a memory task says of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..named_arrays import Arrays, split_off
from ..random_stream import STREAM_SIZE, set_stream_state, stream_state
from .batch import Batch
from .task import MemoryTask


class TaskShell:
    """An environment, single or vectorised, of one task."""

    _batch: Batch
    np_random: Any

    def get_state(self) -> Arrays:
        """All that episodes and noise go on from, as arrays by name; take it between two steps.

        Nothing of it changes as the environment is stepped on.
        """
        return {"random": stream_state(self.np_random), **self._batch.get_state()}

    def set_state(self, state: Arrays) -> None:
        """Go on exactly where another environment of this task was; no reset is needed.

        :param state: what its `get_state` returned.
        :raises ValueError: for arrays of another task or number of environments.
        """
        own, episodes = split_off({"random": np.zeros(STREAM_SIZE, np.uint64)}, state)
        self._batch.set_state(episodes)
        set_stream_state(self.np_random, own["random"])

    @property
    def task(self) -> MemoryTask:
        """The task, which stays the same for the environment's life."""
        return self._batch.episode.task

    @property
    def exploration_policy(self) -> tuple[float, ...]:
        """Probability of every action under the task's exploration policy."""
        return self.task.exploration_policy

    @property
    def optimal_return(self) -> float:
        """Expected undiscounted return of the best policy."""
        return self.task.optimal_return

    @property
    def memoryless_return(self) -> float:
        """Expected undiscounted return of the best policy without memory."""
        return self.task.memoryless_return
