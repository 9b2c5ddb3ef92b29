"""Ids of the environments, known to Gymnasium once `warmrl.envs` is imported."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium as gym

from .delayed_recall import DelayedRecall
from .task import MemoryTask
from .tmaze import TMaze

TASKS: dict[str, type[MemoryTask]] = {}
"""The task class of every id."""


def register_task(env_id: str, task: type[MemoryTask]) -> None:
    """Make a task known by an id, here and to `gym.make` and `gym.make_vec`.

    :param env_id: "namespace/Name-v0".
    :param task: a class whose arguments become those of `gym.make`.
    :raises ValueError: if the id is taken.
    """
    if env_id in TASKS:
        raise ValueError(f"env_id={env_id!r} is taken by {TASKS[env_id].__name__}")
    TASKS[env_id] = task
    gym.register(
        id=env_id,
        entry_point="warmrl.envs.single:MemoryEnv",
        vector_entry_point="warmrl.envs.gym_vector:MemoryVectorEnv",
        kwargs={"task": env_id},
    )


def make_task(task: MemoryTask | str, **arguments: Any) -> MemoryTask:
    """The task of an id, or a task as it is.

    :param task: one of `TASKS`, or a task.
    :param arguments: the task's arguments; none for a task that exists already.
    :raises ValueError: for an unknown id, or arguments beside a task.
    :raises TypeError: for an argument that the task does not have.
    """
    if isinstance(task, MemoryTask):
        if arguments:
            raise ValueError(f"{', '.join(arguments)}: {task!r} already has its arguments")
        return task
    if task not in TASKS:
        raise ValueError(f"task={task!r} must be one of {', '.join(TASKS)}")
    known = [field.name for field in dataclasses.fields(TASKS[task])]
    for name in arguments:
        if name not in known:
            raise TypeError(f"{task} has no argument {name!r}; it has {', '.join(known)}")
    return TASKS[task](**arguments)


register_task("warmrl/TMaze-v0", TMaze)
register_task("warmrl/DelayedRecall-v0", DelayedRecall)
