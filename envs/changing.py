"""Episodes under way while their task is changed: each ends under the task it started with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device

from .arrays import Array, select
from .episode import Episode, EpisodeState
from .task import MemoryTask


class ChangingState(NamedTuple):
    """N episodes, each of which is a row of one of two states; the other has a filler there."""

    before: Any
    """the episodes of earlier tasks: an `EpisodeState`, or a state like this one"""
    after: EpisodeState
    """the episodes of the latest task"""
    changed: Array
    """which episodes are of the latest task, `[N]` bool"""

    @property
    def steps(self) -> Array:
        """Steps since each episode's start, `[N]` int64."""
        xp = array_namespace(self.changed)
        steps: Array = xp.where(self.changed, self.after.steps, self.before.steps)
        return steps


class ChangingEpisode:
    """What `Episode` is, for episodes of which some started under an earlier task.

    All rows are stepped under both tasks, and each takes what its own task says. That costs twice
    the time, until the last episode of the earlier task has ended.

    :param before: the episodes that are under way.
    :param after: those that start from now on; they have the same observations and actions.
    """

    def __init__(self, before: Episodes, after: Episode) -> None:
        self.before, self.after = before, after
        self.task = after.task
        self.tasks: tuple[MemoryTask, ...] = (*before.tasks, after.task)
        self.reset_noise = after.reset_noise
        self.step_noise: int = max(before.step_noise, after.step_noise)

    def reset(self, noise: Array) -> ChangingState:
        """Start N episodes, all of the latest task (see `Episode.reset`)."""
        xp = array_namespace(noise)
        changed = xp.ones(noise.shape[:1], dtype=xp.bool, device=device(noise))
        return ChangingState(_filler(self.before, noise), self.after.reset(noise), changed)

    def step(
        self, state: ChangingState, action: Array, noise: Array
    ) -> tuple[ChangingState, Array, Array, Array]:
        """Advance N episodes by one step (see `Episode.step`)."""
        xp, changed = array_namespace(noise), state.changed
        # A filler that went on would come past the end of its episode.
        before = select(changed, _filler(self.before, noise), state.before)
        after = select(changed, state.after, _filler(self.after, noise))
        before, *old = self.before.step(before, action, noise[:, : self.before.step_noise])
        after, *new = self.after.step(after, action, noise[:, : self.after.step_noise])
        reward, terminated, truncated = (
            xp.where(changed, ours, theirs) for ours, theirs in zip(new, old, strict=True)
        )
        return ChangingState(before, after, changed), reward, terminated, truncated

    def restart(self, state: ChangingState, done: Array, fresh: ChangingState) -> ChangingState:
        """Replace the rows that are done (`[N]` bool) by those of a fresh state."""
        return select(done, fresh, state)

    def observe(self, state: ChangingState) -> Array:
        """What the agent sees, `[N, observation_size]` float32; always a new array."""
        xp = array_namespace(state.changed)
        before, after = self.before.observe(state.before), self.after.observe(state.after)
        return xp.where(state.changed[:, None], after, before)

    def success(self, state: ChangingState) -> Array:
        """Whether each episode has ended solved, `[N]` bool."""
        xp = array_namespace(state.changed)
        before, after = self.before.success(state.before), self.after.success(state.after)
        return xp.where(state.changed, after, before)

    def of_row(self, state: ChangingState) -> tuple[Episode, EpisodeState]:
        """The episode that a state of one row is of, and its own state."""
        if bool(state.changed[0]):
            return self.after, state.after
        return self.before.of_row(state.before)

    def settled(self, state: ChangingState, needed: Array) -> tuple[Episodes, States]:
        """The same episodes without the tasks of which none is left, the latest included.

        :param state: a state of N rows.
        :param needed: which rows count, `[N]` bool; at least one does.
        """
        xp = array_namespace(needed)
        earlier = needed & ~state.changed
        if not bool(xp.any(earlier)):
            return self.after, state.after
        before, below = self.before.settled(state.before, earlier)
        if not bool(xp.any(needed & state.changed)):
            return before, below
        return ChangingEpisode(before, self.after), state._replace(before=below)


Episodes: TypeAlias = "Episode | ChangingEpisode"
States: TypeAlias = EpisodeState | ChangingState


def change(episodes: Episodes, state: Any, after: Episode) -> tuple[Episodes, States | None]:
    """Episodes that go on as they are, while those that start from now on are of another task.

    :param episodes: what is under way.
    :param state: its state, None if nothing is.
    :param after: episodes of the other task.
    """
    if state is None:
        return after, None
    xp, where = array_namespace(state.steps), device(state.steps)
    n = state.steps.shape[0]
    episodes, state = episodes.settled(state, xp.ones((n,), dtype=xp.bool, device=where))
    if episodes.tasks == after.tasks:
        return after, state
    noise = xp.zeros((n, after.reset_noise), dtype=xp.float32, device=where)
    unchanged = xp.zeros((n,), dtype=xp.bool, device=where)
    return ChangingEpisode(episodes, after), ChangingState(state, after.reset(noise), unchanged)


def with_tasks(tasks: Sequence[MemoryTask]) -> tuple[Episodes, Episode]:
    """Episodes of several tasks, the earliest first; and those of the latest of them alone."""
    latest = Episode(tasks[0])
    episodes: Episodes = latest
    for task in tasks[1:]:
        latest = Episode(task)
        episodes = ChangingEpisode(episodes, latest)
    return episodes, latest


def write_tasks(tasks: Sequence[MemoryTask]) -> npt.NDArray[np.uint8]:
    """Tasks of one class as bytes: JSON of their arguments."""
    data = [{name: getattr(task, name) for name in arguments_of(task)} for task in tasks]
    text = json.dumps(data, default=lambda number: number.item())  # NumPy's
    return np.frombuffer(text.encode(), dtype=np.uint8)


def read_tasks(data: npt.NDArray[Any], like: MemoryTask) -> list[MemoryTask]:
    """The tasks of `write_tasks`, at least one.

    :param data: the bytes.
    :param like: a task of the same class.
    :raises ValueError: if they are no such tasks.
    """
    try:
        given: list[dict[str, Any]] = [
            {name: tuple(v) if isinstance(v, list) else v for name, v in arguments.items()}
            for arguments in json.loads(data.astype(np.uint8).tobytes())
        ]
        tasks = [dataclasses.replace(like, **arguments) for arguments in given]
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"tasks are none of {type(like).__name__}: {error}") from error
    if not tasks:
        raise ValueError(f"tasks are none of {type(like).__name__}: there is not one")
    return tasks


def arguments_of(task: MemoryTask) -> tuple[str, ...]:
    """The names of a task's arguments."""
    return tuple(field.name for field in dataclasses.fields(task) if field.init)


def check_spaces(task: MemoryTask, other: MemoryTask, space: Any) -> None:
    """Check that episodes of another task have the observations and actions of an environment.

    :param task: the environment's task.
    :param other: the other one.
    :param space: the environment's observation space, a `Box`.
    :raises ValueError: if they have not.
    """
    low, high = Episode(other).observation_bounds
    if low.shape != space.shape or other.n_actions != task.n_actions:
        raise ValueError(
            f"{_difference(task, other)} would change the spaces of observations or actions; make "
            f"other environments for it"
        )
    outside = np.flatnonzero((low < space.low) | (high > space.high))
    if outside.size:
        i = outside[0]
        raise ValueError(
            f"{_difference(task, other)} would lead out of the observation space: what is seen at "
            f"index {i} would lie in {low[i]:g}..{high[i]:g}, not in {space.low[i]:g}.."
            f"{space.high[i]:g}; make other environments for it"
        )


def _difference(task: MemoryTask, other: MemoryTask) -> str:
    values = ((name, getattr(other, name)) for name in arguments_of(other))
    return ", ".join(f"{name}={v!r}" for name, v in values if v != getattr(task, name))


def _filler(episodes: Episodes, noise: Array) -> Any:
    """A state of rows that nobody looks at, as many as of some noise and where that is."""
    xp = array_namespace(noise)
    shape = (noise.shape[0], episodes.reset_noise)
    return episodes.reset(xp.zeros(shape, dtype=noise.dtype, device=device(noise)))
