"""A single episode of a memory task."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..named_arrays import Arrays
from .arrays import map_fields
from .batch import Batch, NoiseSource
from .task import MemoryTask


class Outcome(NamedTuple):
    """What one step led to."""

    observation: npt.NDArray[np.float32]
    """what is seen, `[observation_size]`"""
    reward: float
    """what it paid"""
    terminated: bool
    """whether it ended the episode"""
    truncated: bool
    """whether the episode is cut off there"""
    solved: bool
    """whether an episode that has ended is solved"""


class Alone(Batch):
    """A batch of one episode.

    Where the task is elementwise, its state is kept in Python's numbers: an operation on them costs
    a tenth of one on arrays of one element.

    :param task: the dynamics.
    """

    def __init__(self, task: MemoryTask) -> None:
        super().__init__(task, 1)
        self._numbers: Any = None
        """the state, if it is kept so; `state` then has its types"""

    def reset(self, source: NoiseSource) -> npt.NDArray[np.float32]:
        """Start the episode; the observation, `[1, observation_size]`."""
        self._numbers = None
        observation = super().reset(source)
        self._keep_numbers()
        return observation

    def set_state(self, state: Arrays) -> None:
        """Go on with the episode of `get_state`; see `Batch.set_state`."""
        super().set_state(state)
        self._keep_numbers()

    def change(self, task: MemoryTask) -> None:
        """Let the next episode be of another task; see `Batch.change`."""
        if self._numbers is not None:
            self.state, self._numbers = self._started(), None
        super().change(task)

    def advance(self, action: int, source: NoiseSource) -> Outcome:
        """Take one step.

        :param action: in 0..n_actions-1, which is not checked here.
        """
        if self._numbers is None:
            rewards, *over = self.step(np.array([action]), source)
            ended, cut = (bool(flags[0]) for flags in over)
            solved = (ended or cut) and bool(self.success()[0])
            return Outcome(self.observe()[0], float(rewards[0]), ended, cut, solved)
        episode: Any = self.episode
        state, paid, terminated, truncated = episode.step(self._numbers, action, self._no_noise[0])
        self._numbers = state
        self.terminated[0] = terminated
        solved = (terminated or truncated) and episode.success(state)
        return Outcome(episode.observe(state), paid, terminated, truncated, solved)

    def _keep_numbers(self) -> None:
        self._numbers = None
        if self.episode is self.latest and self.latest.task.elementwise:
            self._numbers = map_fields(lambda field: field[0].item(), self.state)

    def _started(self) -> Any:
        state = super()._started()
        if self._numbers is not None:
            state = map_fields(_as_array, self._numbers, state)
        return state


def _as_array(number: Any, as_in: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array of one element, of another's type."""
    return np.full(1, number, as_in.dtype)
