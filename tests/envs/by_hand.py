"""One episode of a task, played with actions written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from warmrl.envs import MemoryTask


class Played(NamedTuple):
    """What one episode showed, the start included, and paid."""

    seen: list[list[float]]
    rewards: list[float]
    ended: list[bool]
    solved: bool


def play(
    task: MemoryTask, start: Sequence[float], actions: Sequence[int], noise: Any = None
) -> Played:
    """Step the task itself.

    :param start: noise of the reset.
    :param noise: noise of the steps, one row each; none if absent.
    """
    state = task.reset(np.array([start]))
    seen, rewards, ended = [task.observe(state)[0].tolist()], [], []
    for step, action in enumerate(actions):
        drawn = np.empty((1, 0)) if noise is None else np.array([noise[step]])
        state, reward, terminated = task.step(state, np.array([action]), drawn)
        seen.append(task.observe(state)[0].tolist())
        rewards.append(float(reward[0]))
        ended.append(bool(terminated[0]))
    return Played(seen, rewards, ended, bool(task.success(state)[0]))
