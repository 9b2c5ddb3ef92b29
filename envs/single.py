"""A memory task as a Gymnasium environment."""

from __future__ import annotations

import operator
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from .alone import Alone
from .batch import RENDER_FPS, RENDER_MODES, check_render_mode
from .registration import make_task
from .shell import TaskShell
from .task import MemoryTask


class MemoryEnv(TaskShell, gym.Env[npt.NDArray[np.float32], np.integer[Any]]):
    """One environment of a memory task; what it is, the task's own docstring says.

    The environment truncates itself, and reports `is_success` in the info of an episode's last
    step.

    :param task: a task, or one of `warmrl.envs.TASKS`.
    :param render_mode: None, "ansi" or "rgb_array".
    :param arguments: the task's arguments, if it is given by its id.
    :raises ValueError: for an unknown task or render mode.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS}  # noqa: RUF012

    def __init__(
        self, task: MemoryTask | str, *, render_mode: str | None = None, **arguments: Any
    ) -> None:
        self.render_mode = check_render_mode(render_mode)
        self._batch: Alone = Alone(make_task(task, **arguments))
        self.observation_space = self._batch.observation_space
        self.action_space = self._batch.action_space
        self._n_actions = self.task.n_actions
        self._know_task()

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start an episode; `options` are not used."""
        super().reset(seed=seed, options=options)
        return self._batch.reset(self.np_random)[0], {}

    def step(
        self, action: int | np.integer[Any]
    ) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take one step.

        :param action: an int in 0..n_actions-1.
        :raises TypeError: for an action that is not an integer.
        :raises ValueError: for an action out of range.
        """
        index = operator.index(action)
        if not 0 <= index < self._n_actions:
            raise ValueError(f"action={action!r} must lie in 0..{self._n_actions - 1}")
        observation, reward, ended, cut, solved = self._batch.advance(index, self.np_random)
        info = {"is_success": solved} if ended or cut else {}
        return observation, reward, ended, cut, info

    def set_wrapper_attr(self, name: str, value: Any, *, force: bool = True) -> bool:
        """Set an attribute, the task's from the next episode on (see `TaskShell`).

        :raises AttributeError: for one that there is not.
        """
        if force and not hasattr(self, name):
            self._check_settable(name)
        return super().set_wrapper_attr(name, value, force=force)

    def render(self) -> Any:
        """The episode as text or as an image; None without a render mode."""
        return self._batch.render(self.render_mode, 0) if self.render_mode else None
