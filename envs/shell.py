"""What every shell around a memory task says of it."""

from __future__ import annotations

from .batch import Batch
from .task import MemoryTask


class TaskShell:
    """An environment, single or vectorised, of one task."""

    _batch: Batch

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
