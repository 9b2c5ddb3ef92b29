"""NumPy episodes under way, as the environment shells keep them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

from ..checks import check_integer
from ..named_arrays import Arrays, check_like
from .arrays import named_fields, rows, with_named_fields, with_rows
from .changing import (
    Episodes,
    States,
    change,
    check_spaces,
    read_tasks,
    with_tasks,
    write_tasks,
)
from .episode import Episode
from .task import MemoryTask, Scene

RENDER_MODES = ("ansi", "rgb_array")
RENDER_FPS = 4  # steps a second, so that they can be followed


class NoiseSource(Protocol):
    """What noise is drawn from: a `numpy.random.Generator`, or a replay of recorded noise."""

    def random(self, size: tuple[int, int], /) -> npt.NDArray[np.float64]:
        """Numbers uniform on [0, 1)."""


class Batch:
    """N episodes of one task in NumPy arrays.

    Noise is drawn for all N episodes whenever any of them needs it, so that what one episode
    gets does not depend on the others.

    :param task: the dynamics.
    :param n: number of episodes N.
    """

    def __init__(self, task: MemoryTask, n: int) -> None:
        self.latest = Episode(task)
        """the episodes that start from now on"""
        self.episode: Episodes = self.latest
        """those under way"""
        self.n = n = check_integer("num_envs", n, 1)
        self.state: States | None = None
        self.terminated = np.zeros(n, dtype=np.bool_)
        self.actions = np.zeros(n, dtype=np.int64)
        """those of the next step, for a shell that takes them before"""
        low, high = self.latest.observation_bounds
        self.observation_space = Box(low, high, dtype=np.float32)
        self.action_space = Discrete(task.n_actions)
        self._n_actions = task.n_actions
        self._no_noise = np.empty((n, 0))
        self._made_with = task

    def change(self, task: MemoryTask) -> None:
        """Let all episodes that start from now on be of another task.

        :param task: one of the same class.
        :raises ValueError: if its observations or actions are not those of this one.
        """
        check_spaces(self.latest.task, task, self.observation_space)
        self.latest = Episode(task)
        self.episode, self.state = change(self.episode, self.state, self.latest)

    def reset(self, source: NoiseSource) -> npt.NDArray[np.float32]:
        """Start every episode; the observations, `[N, observation_size]`."""
        self.episode = self.latest
        self.state = self.episode.reset(source.random((self.n, self.episode.reset_noise)))
        self.terminated = np.zeros(self.n, dtype=np.bool_)
        return self.observe()

    def step(
        self, actions: npt.NDArray[np.int64], source: NoiseSource
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Advance every episode; rewards, terminated and truncated, `[N]` each.

        :param actions: `[N]`, as `check_actions` returns them.
        """
        noise = self._no_noise
        if self.episode.step_noise:
            noise = source.random((self.n, self.episode.step_noise))
        self.state, reward, terminated, truncated = self.episode.step(
            self._started(), actions, noise
        )
        self.terminated = terminated
        return reward, terminated, truncated

    def restart(self, done: npt.NDArray[np.bool_], source: NoiseSource) -> None:
        """Start the episodes that are done (`[N]` bool) afresh."""
        index = np.flatnonzero(done)
        noise = source.random((self.n, self.episode.reset_noise))
        state: Any = with_rows(self._started(), index, self.episode.reset(noise[index]))
        if self.episode is not self.latest:
            self.episode, state = self.episode.settled(state, np.ones(self.n, dtype=np.bool_))
        self.state = state
        self.terminated = self.terminated & ~done

    def observe(self) -> npt.NDArray[np.float32]:
        """The observations, `[N, observation_size]`; always a new array."""
        observation: npt.NDArray[np.float32] = self.episode.observe(self._started())
        return observation

    def observe_rows(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The observations of some episodes, `[len(index), observation_size]`."""
        observation: npt.NDArray[np.float32] = self.episode.observe(rows(self._started(), index))
        return observation

    def success(self) -> npt.NDArray[np.bool_]:
        """Whether each episode has ended solved, `[N]`."""
        solved: npt.NDArray[np.bool_] = self.episode.success(self._started())
        return solved

    def steps(self) -> npt.NDArray[np.int64]:
        """Steps since each episode's start, `[N]`."""
        steps: npt.NDArray[np.int64] = self._started().steps
        return steps

    def check_actions(self, actions: Any) -> npt.NDArray[np.int64]:
        """See `check_actions`."""
        return check_actions(actions, self.n, self._n_actions)

    def get_state(self) -> Arrays:
        """The episodes under way, as arrays of N rows by name.

        If the task was changed, there is also "tasks": those of the episodes under way and of
        those that will start, as JSON in bytes.
        """
        fields = named_fields(self._started())
        state = {name: array.copy() for name, array in fields.items()}
        state["terminated"] = self.terminated.copy()
        if self.episode.tasks != (self._made_with,):
            state["tasks"] = write_tasks(self.episode.tasks)
        return state

    def set_state(self, state: Arrays) -> None:
        """Go on with the episodes of `get_state`, and with its task if that was changed.

        :raises ValueError: for arrays of another task or of another number of episodes.
        """
        arrays = dict(state)
        tasks = [self._made_with]
        if "tasks" in arrays:
            tasks = read_tasks(arrays.pop("tasks"), self._made_with)
        for task in tasks:
            check_spaces(self._made_with, task, self.observation_space)
        episode, latest = with_tasks(tasks)
        blank = episode.reset(np.zeros((self.n, episode.reset_noise)))
        check_like(arrays, {**named_fields(blank), "terminated": self.terminated})
        copies = {name: array.copy() for name, array in arrays.items()}
        self.terminated = copies.pop("terminated")
        self.episode, self.latest = episode, latest
        self.state = with_named_fields(blank, copies)

    def render(self, mode: str, index: int) -> Any:
        """One episode as text ("ansi") or as an RGB image ("rgb_array")."""
        under_way: Any = rows(self._started(), np.array([index]))
        episode, state = self.episode.of_row(under_way)
        task = episode.task
        action = int(state.action[0])
        scene = Scene(
            state=state.task,
            action=action if action < task.n_actions else None,
            reward=float(state.reward[0]),
            steps=int(state.steps[0]),
            terminated=bool(self.terminated[index]),
        )
        return task.ansi(scene) if mode == "ansi" else task.picture(scene)

    def _started(self) -> Any:
        if self.state is None:
            raise RuntimeError("call reset() before anything else")
        return self.state


def check_actions(actions: Any, n: int, n_actions: int) -> npt.NDArray[np.int64]:
    """A copy of the actions as int64, `[N]`.

    :param actions: integers of any type, `[N]`: an array, a list, a tensor on the CPU.
    :param n: number of environments N.
    :param n_actions: number of discrete actions.
    :raises TypeError: for actions that are not integers.
    :raises ValueError: for a wrong shape, or an action out of range.
    """
    given = np.asarray(actions)
    if given.dtype.kind not in "iu":
        raise TypeError(f"actions of dtype {given.dtype} must be integers")
    if given.shape != (n,):
        raise ValueError(f"actions of shape {given.shape} must have shape ({n},)")
    checked = given.astype(np.int64)
    # Seen as unsigned, a negative action is larger than any.
    if checked.view(np.uint64).max() >= n_actions:
        wrong = checked[(checked < 0) | (checked >= n_actions)][0]
        raise ValueError(f"action={wrong} must lie in 0..{n_actions - 1}")
    return checked


def check_render_mode(mode: str | None) -> str | None:
    """Return a render mode.

    :raises ValueError: for one that does not exist; lists those that do.
    """
    if mode is not None and mode not in RENDER_MODES:
        raise ValueError(f"render_mode={mode!r} must be None, {', '.join(map(repr, RENDER_MODES))}")
    return mode
