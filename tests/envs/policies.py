"""Policies that read the state, and those that read the observation only, for every task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from warmrl.envs import DelayedRecall, Denoising, MemoryTask, MovingCorridor, RepeatPrevious, TMaze
from warmrl.envs.repeat_previous import symbol_before
from warmrl.envs.timed_tmaze import TimedTMaze

Integers = npt.NDArray[np.int64]
Policy = Callable[[Any, npt.NDArray[np.float32]], Integers]
"""From a task's state and its own observation to actions `[N]`."""

RIGHT, UP, LEFT, DOWN = range(4)


def perfect_policy(task: MemoryTask) -> Policy:
    if isinstance(task, TMaze):
        return lambda state, seen: np.where(
            state.x == state.length, np.where(state.cue == 0, UP, DOWN), RIGHT
        )
    if isinstance(task, TimedTMaze):
        return lambda state, seen: np.where(
            seen[:, 0] == 1,
            np.where(state.cue == 0, UP, DOWN),
            np.where(state.told == 0, LEFT, RIGHT),
        )
    if isinstance(task, MovingCorridor):
        return lambda state, seen: state.cue
    if isinstance(task, RepeatPrevious):
        return lambda state, seen: symbol_before(state, state.delay)
    assert isinstance(task, DelayedRecall | Denoising)
    order = -1 if getattr(task, "order", "forward") == "reverse" else 1

    def recall(state: Any, seen: npt.NDArray[np.float32]) -> Integers:
        query = np.clip(state.time - task.horizon(state) + task.n_cues, 0, task.n_cues - 1)
        answers: Integers = state.symbols[:, ::order][np.arange(len(query)), query]
        return answers

    return recall


def memoryless_policy(task: MemoryTask) -> Policy:
    if isinstance(task, TMaze):
        junction = task.views[-1]
        return lambda state, seen: np.where((seen == junction).all(axis=1), UP, RIGHT)
    if isinstance(task, TimedTMaze):
        return lambda state, seen: np.where(seen[:, 0] == 1, UP, RIGHT)
    return lambda state, seen: np.zeros(len(seen), dtype=np.int64)


def returns(task: MemoryTask, policy: Policy, n: int, seed: int) -> npt.NDArray[np.float64]:
    """Undiscounted returns of n episodes, stepped in the task itself, truncation included."""
    rng = np.random.default_rng(seed)
    state = task.reset(rng.random((n, task.reset_noise)))
    total, running, step = np.zeros(n), np.ones(n, dtype=bool), 0
    while running.any():
        action = policy(state, task.observe(state))
        state, reward, terminated = task.step(state, action, rng.random((n, task.step_noise)))
        step += 1
        total += reward * running
        running &= ~terminated & (step < task.horizon(state))
    return total
