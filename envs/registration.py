"""Ids of the environments, known to Gymnasium once `warmrl.envs` is imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from .active_tmaze import ActiveTMaze
from .bakker_tmaze import BakkerTMaze
from .delayed_recall import DelayedRecall
from .denoising import Denoising
from .moving_corridor import MovingCorridor
from .passive_tmaze import PassiveTMaze
from .repeat_previous import RepeatPrevious
from .task import MemoryTask
from .tmaze import TMaze


@dataclass(frozen=True)
class RegisteredTask:
    """What an id stands for: a task class, and arguments that differ from its defaults."""

    task: type[MemoryTask]
    arguments: Mapping[str, Any]

    def __call__(self, **arguments: Any) -> MemoryTask:
        """The task with its registered arguments, unless others are given."""
        return self.task(**{**self.arguments, **arguments})

    @property
    def delay_name(self) -> str:
        """Name of the argument that is the delay."""
        return self.task.delay_name


TASKS: dict[str, RegisteredTask] = {}
"""What every id stands for; call one to make its task."""


def register_task(env_id: str, task: type[MemoryTask], **arguments: Any) -> None:
    """Make a task known by an id, here and to `gym.make` and `gym.make_vec`.

    :param env_id: "namespace/Name-v0".
    :param task: a class whose arguments become those of `gym.make`.
    :param arguments: the id's own defaults, where they differ from those of the class.
    :raises ValueError: if the id is taken.
    """
    if env_id in TASKS:
        raise ValueError(f"env_id={env_id!r} is taken by {TASKS[env_id].task.__name__}")
    TASKS[env_id] = RegisteredTask(task, arguments)
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
    known = [field.name for field in dataclasses.fields(TASKS[task].task)]
    for name in arguments:
        if name not in known:
            raise TypeError(f"{task} has no argument {name!r}; it has {', '.join(known)}")
    return TASKS[task](**arguments)


register_task("warmrl/TMaze-v0", TMaze)
register_task("warmrl/BakkerTMaze-v0", BakkerTMaze)
register_task("warmrl/NoisyBakkerTMaze-v0", BakkerTMaze, noisy=True)
register_task("warmrl/PassiveTMaze-v0", PassiveTMaze)
register_task("warmrl/ActiveTMaze-v0", ActiveTMaze)
register_task("warmrl/MovingCorridor-v0", MovingCorridor)
register_task("warmrl/DelayedRecall-v0", DelayedRecall)
register_task("warmrl/CopyFirst-v0", DelayedRecall, delay=50, distractor="symbol")
register_task(
    "warmrl/ReverseRecall-v0", DelayedRecall, delay=1, n_cues=52, n_symbols=4, order="reverse"
)
register_task("warmrl/Denoising-v0", Denoising)
register_task("warmrl/RepeatPrevious-v0", RepeatPrevious)
