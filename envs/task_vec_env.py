"""What Stable-Baselines3 vector environments of one task have in common."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from ..checks import check_integer
from .shell import TaskShell


class TaskVecEnv(TaskShell, VecEnv):
    """N environments of one task, which are rows of arrays.

    Attributes and methods are therefore those of this object and of its task.
    """

    _started_at: float
    """when it was made, of `time.time`"""

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed all noise from the next reset on; one seed serves all environments.

        :param seed: at least 0; drawn from the operating system when None.
        :return: the seed and its successors, one per environment, as SB3 reports them.
        """
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        return super().seed(check_integer("seed", seed, 0))

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of this object, else of its task, once per environment asked for.

        :raises AttributeError: when neither has it.
        :raises IndexError: for an environment that there is not.
        """
        owner = self if hasattr(self, attr_name) else self.task
        return [getattr(owner, attr_name)] * len(self._chosen(indices))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an argument of the task, from the next episode of each environment on.

        So can the whole `task` be set, and attributes that were added to this object; see
        `TaskShell`. All environments share them.

        :raises AttributeError: for anything else, of which nothing would come.
        :raises ValueError: for a value that the task does not have, or that would change the
            spaces; for some of the environments only.
        """
        self._check_settable(attr_name)
        self._check_all(attr_name, indices)
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Call "render", "set_delay", or a method of the task, once per environment asked for.

        :raises AttributeError: when the task has no such method.
        :raises ValueError: when a delay is set for some of the environments only.
        """
        chosen = self._chosen(indices)
        if method_name == "render":
            return [self._rendered(i) for i in chosen]
        if method_name == "set_delay":
            self._check_all(method_name, indices)
            self.set_delay(*method_args, **kwargs)
            return [None] * self.num_envs
        method = getattr(self.task, method_name)
        return [method(*method_args, **kwargs) for _ in chosen]

    def env_is_wrapped(
        self,
        wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]],
        indices: VecEnvIndices = None,
    ) -> list[bool]:
        """Nothing is wrapped; True for `Monitor`, whose statistics are already in the infos."""
        monitored = issubclass(wrapper_class, Monitor)
        return [monitored] * len(self._chosen(indices))

    def _chosen(self, indices: VecEnvIndices) -> list[int]:
        """The environments asked for, which count from the end if they are negative."""
        asked: Any = indices
        one = isinstance(asked, np.integer)
        return [
            range(self.num_envs)[index] for index in self._get_indices(int(asked) if one else asked)
        ]

    def _check_all(self, name: str, indices: VecEnvIndices) -> None:
        if set(self._chosen(indices)) != set(range(self.num_envs)):
            raise ValueError(
                f"{name}: indices={indices!r} must be None, environments share attributes"
            )

    def _ended(
        self,
        observation: npt.NDArray[np.float32],
        truncated: bool,
        solved: bool,
        total: float,
        steps: int,
    ) -> dict[str, Any]:
        """The info of an episode that has just ended."""
        elapsed = round(time.time() - self._started_at, 6)
        return {
            "terminal_observation": observation,
            "TimeLimit.truncated": truncated,
            "is_success": solved,
            "episode": {"r": round(total, 6), "l": steps, "t": elapsed},
        }

    def _rendered(self, index: int) -> Any:  # noqa: ARG002
        """One episode as the render mode says; nothing without one."""
        return None
