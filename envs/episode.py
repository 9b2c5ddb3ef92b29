"""Episodes of a memory task: previous action and reward, truncation, resets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device

from .arguments import Delay
from .arrays import Array, Table, select
from .task import MemoryTask


class EpisodeState(NamedTuple):
    """N episodes under way."""

    task: Any
    """the task's own state"""
    action: Array
    """previous action, `[N]` int64; `n_actions` at the start"""
    reward: Array
    """previous reward, `[N]` float32; 0 at the start"""
    steps: Array
    """steps since the start, `[N]` int64"""


class Episode:
    """A memory task as its agent meets it, functional and batched like the task.

    Every shell steps this layer, and so can you on torch tensors, on any device:

    >>> import torch
    >>> from warmrl.envs import Episode, TMaze
    >>> episode = Episode(TMaze(length=20))
    >>> rng = torch.Generator().manual_seed(0)
    >>> state = episode.reset(torch.rand(8, episode.reset_noise, generator=rng))
    >>> action = torch.zeros(8, dtype=torch.int64)
    >>> noise = torch.rand(8, episode.step_noise, generator=rng)
    >>> state, reward, terminated, truncated = episode.step(state, action, noise)
    >>> fresh = episode.reset(torch.rand(8, episode.reset_noise, generator=rng))
    >>> state = episode.restart(state, terminated | truncated, fresh)
    >>> episode.observe(state).shape
    torch.Size([8, 9])

    :param task: the dynamics.
    """

    def __init__(self, task: MemoryTask) -> None:
        self.task = task
        self.tasks = (task,)
        self.reset_noise = task.reset_noise
        self.step_noise = task.step_noise
        n_actions = task.n_actions
        self._prefix = n_actions + 1 if task.observe_previous else 0
        self.observation_size = self._prefix + task.observation_size
        # Both tables are as wide as the observation, which is then the sum of a row of each:
        # several times faster than joining blocks of columns. One action row more than actions,
        # because the start has no previous action.
        self._actions = Table(_one_hot(n_actions, self.observation_size))
        self._views = Table(np.pad(task.views, ((0, 0), (self._prefix, 0))))

    @property
    def observation_bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Lower and upper bound of the observation, each `[observation_size]`."""
        low, high = self.task.observation_bounds
        if not self._prefix:
            return low, high
        actions = np.zeros(self.task.n_actions)
        # The previous reward is 0 at the start.
        smallest, largest = min(self.task.reward_range[0], 0), max(self.task.reward_range[1], 0)
        return (
            np.concatenate([actions, [smallest], low]).astype(np.float32),
            np.concatenate([actions + 1, [largest], high]).astype(np.float32),
        )

    def reset(self, noise: Array) -> EpisodeState:
        """Start N episodes.

        :param noise: `[N, reset_noise]`, uniform on [0, 1).
        """
        xp = array_namespace(noise)
        n, where = noise.shape[0], device(noise)
        return EpisodeState(
            task=self.task.reset(noise),
            action=xp.full((n,), self.task.n_actions, dtype=xp.int64, device=where),
            reward=xp.zeros((n,), dtype=xp.float32, device=where),
            steps=xp.zeros((n,), dtype=xp.int64, device=where),
        )

    def step(
        self, state: EpisodeState, action: Array, noise: Array
    ) -> tuple[EpisodeState, Array, Array, Array]:
        """Advance N episodes by one step; neither argument is changed.

        :param state: a state of N rows.
        :param action: `[N]` int64 in 0..n_actions-1, which is not checked here; the new state
            keeps this very array.
        :param noise: `[N, step_noise]`, uniform on [0, 1).
        :return: next state, reward (`[N]` float32), terminated and truncated (`[N]` bool).
        """
        inner, reward, terminated = self.task.step(state.task, action, noise)
        steps = state.steps + 1
        truncated = (steps >= self.task.horizon(inner)) & (terminated ^ True)
        return EpisodeState(inner, action, reward, steps), reward, terminated, truncated

    def restart(self, state: EpisodeState, done: Array, fresh: EpisodeState) -> EpisodeState:
        """Replace the rows that are done (`[N]` bool) by those of a fresh state."""
        return select(done, fresh, state)

    def observe(self, state: EpisodeState) -> Array:
        """What the agent sees, `[N, observation_size]` float32; always a new array."""
        if not self._prefix:
            return self.task.observe(state.task)
        observation = self._views.pick(self.task.view(state.task))
        observation += self._actions.pick(state.action)
        observation[..., self._prefix - 1] = state.reward
        self.task.fill(observation[..., self._prefix :], state.task)
        return observation

    def success(self, state: EpisodeState) -> Array:
        """Whether each episode has ended solved, `[N]` bool."""
        return self.task.success(state.task)

    def of_row(self, state: EpisodeState) -> tuple[Episode, EpisodeState]:
        """The episode that a state of one row is of, and its own state: these (see `changing`)."""
        return self, state

    def settled(self, state: EpisodeState, needed: Array) -> tuple[Episode, EpisodeState]:  # noqa: ARG002
        """The same episodes without the tasks of which none is left (see `changing`)."""
        return self, state

    def with_delay(self, delay: Delay) -> Episode:
        """Episodes of the same task with another delay."""
        return Episode(self.task.with_delay(delay))

    def corridor_end(self, state: EpisodeState) -> EpisodeState:
        """The state of episodes of the same history whose delay ends here (see `MemoryTask`)."""
        return state._replace(task=self.task.corridor_end(state.task))

    def corridor_delay(self, state: EpisodeState) -> Array:
        """The delay (steps) of the episode that `corridor_end` gives, `[N]` int64."""
        return self.task.corridor_delay(state.task)

    def corridor_ahead(self, state: EpisodeState, cells: Array, steps: int) -> EpisodeState:
        """The state some steps later and some cells farther (see `MemoryTask`)."""
        ahead = self.task.corridor_ahead(state.task, cells, steps)
        return state._replace(task=ahead, steps=state.steps + steps)


def _one_hot(n_actions: int, width: int) -> npt.NDArray[np.float32]:
    """One-hot rows of `width` columns, and a last row of zeros."""
    rows = np.zeros((n_actions + 1, width), dtype=np.float32)
    np.fill_diagonal(rows[:n_actions], 1.0)
    return rows
