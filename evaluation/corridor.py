"""A corridor without end, walked by a greedy agent of batch size 1 and recorded bit by bit."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from warmrl.agents.layers import State
from warmrl.envs import Episode, EpisodeState, MemoryTask
from warmrl.envs.arrays import map_fields

from .protocols import GreedyStep

ENDLESS = 2**40
"""Delay (steps) of a corridor that no run reaches the end of."""


class Corridor:
    """One episode of a delay that never ends, step by step.

    Time t counts the steps taken; everything recorded at t is what holds *before* step t.

    :param step: the agent's step
    :param task: a deterministic task
    :param start: reset noise [1, reset_noise] of the endless task, one of its ``cues()``
    """

    def __init__(self, step: GreedyStep, task: MemoryTask, start: npt.NDArray[np.float64]) -> None:
        self.step = step
        self.episode = Episode(task.with_delay(ENDLESS))
        self.minimum_delay = task.minimum_delay
        self.keys: list[bytes] = []
        """all that the gates see, namely h and the observation, as bytes, at every time"""
        self.positions: list[int] = []
        """the delay of the episode whose corridor ends here, at every time"""
        self.arrivals: list[int] = []
        """the time at which each delay, from the minimum on, is reached first"""
        self._cells: list[bytes] = []
        self._reached: list[bytes] = []
        self._no_noise = np.empty((1, 0))
        self._state: EpisodeState = self.episode.reset(start)
        self._memory: State = step.initial_state(1)
        self._shape = self._memory[0].shape
        self._size = self._memory[0].numel()
        self.device = self._memory[0].device
        self._record()

    @property
    def time(self) -> int:
        """Steps taken."""
        return len(self.keys) - 1

    def extend(self) -> None:
        """Take one step."""
        action, self._memory = self.step(self._observation, self._memory)
        self._state, *_ = self.episode.step(self._state, action.cpu().numpy(), self._no_noise)
        self._record()

    def observe(self, state: EpisodeState) -> Tensor:
        """What the agent sees of an episode [1, I]."""
        return self._aligned(self.episode.observe(state))

    def observation(self, time: int) -> Tensor:
        """What the agent sees before the step at a time [1, I]."""
        seen = np.frombuffer(self.keys[time], dtype=np.float32, offset=4 * self._size)
        return self._aligned(seen[None])

    def h(self, time: int) -> Tensor:
        """The hidden states before the step at a time [layers, 1, H]."""
        return self._states(self.keys[time])

    def c(self, time: int) -> Tensor:
        """The cell states before the step at a time [layers, 1, H]."""
        return self._states(self._cells[time])

    def state(self, delay: int) -> EpisodeState:
        """The episode when a delay is first reached, which must have happened."""
        return _thaw(self._reached[delay - self.minimum_delay], self._state)

    def arrival(self, delay: int) -> int:
        """The time at which a delay is first reached, which must have happened."""
        return self.arrivals[delay - self.minimum_delay]

    @property
    def farthest(self) -> int:
        """The largest delay reached; one below the minimum if that has not been reached."""
        return self.minimum_delay + len(self.arrivals) - 1

    def _record(self) -> None:
        h, c = (part.cpu().numpy().tobytes() for part in self._memory)
        position = int(self.episode.corridor_delay(self._state)[0])
        if position > self.farthest:
            self.arrivals.append(len(self.keys))
            self._reached.append(b"".join(_fields(self._state)))
        observed = self.episode.observe(self._state)
        self._observation = self._aligned(observed)
        self.keys.append(h + observed.tobytes())
        # Most cells never write c: one object then serves every time.
        self._cells.append(self._cells[-1] if self._cells and self._cells[-1] == c else c)
        self.positions.append(position)

    def _states(self, data: bytes) -> Tensor:
        values = np.frombuffer(data, dtype=np.float32, count=self._size)
        return self._aligned(values.reshape(self._shape))

    def _aligned(self, values: npt.NDArray[np.float32]) -> Tensor:
        """A copy in memory that torch aligns: vectorised code may round by alignment."""
        return torch.tensor(values, device=self.device)


def _fields(state: Any) -> Iterator[bytes]:
    for field in state:
        if isinstance(field, tuple):
            yield from _fields(field)
        else:
            yield field.tobytes()


def _thaw(data: bytes, like: EpisodeState) -> EpisodeState:
    offset = 0

    def read(field: npt.NDArray[Any]) -> npt.NDArray[Any]:
        nonlocal offset
        part = np.frombuffer(data, field.dtype, field.size, offset).reshape(field.shape)
        offset += field.nbytes
        return part

    return map_fields(read, like)
