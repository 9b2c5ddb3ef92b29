"""A memory task as a native Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from .batch import RENDER_MODES, Batch, check_render_mode
from .registration import make_task
from .shell import TaskShell
from .task import MemoryTask

Observations = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
_AUTORESETS = (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP)


class MemoryVectorEnv(TaskShell, VectorEnv[Observations, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """N environments of a memory task, stepped together in NumPy arrays.

    `infos["is_success"]` (with its mask `_is_success`) is there on steps that end an episode.
    With same-step reset those also have `infos["final_obs"]` and `infos["final_info"]`, as in
    Gymnasium's own vector environments.

    :param task: a task, or one of `warmrl.envs.TASKS`.
    :param num_envs: number of environments N.
    :param autoreset_mode: "NextStep" (the step after an episode's end ignores its action and
        starts the next episode) or "SameStep".
    :param render_mode: None, "ansi" or "rgb_array".
    :param arguments: the task's arguments, if it is given by its id.
    :raises ValueError: for an unknown task, autoreset mode or render mode.
    """

    def __init__(
        self,
        task: MemoryTask | str,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        known = {mode.value: mode for mode in _AUTORESETS}
        mode = getattr(autoreset_mode, "value", autoreset_mode)
        if mode not in known:
            raise ValueError(f"autoreset_mode={mode!r} must be one of {', '.join(known)}")
        self.autoreset_mode = known[mode]
        self.render_mode = check_render_mode(render_mode)
        self.metadata = {
            "render_modes": list(RENDER_MODES),
            "render_fps": 4,
            "autoreset_mode": self.autoreset_mode,
        }
        self._batch = Batch(make_task(task, **arguments), num_envs)
        self.num_envs = num_envs
        self.single_observation_space = self._batch.observation_space
        self.single_action_space = self._batch.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._ended = np.zeros(num_envs, dtype=np.bool_)

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> tuple[Observations, dict[str, Any]]:
        """Start every episode.

        :param seed: one seed for all noise; a sequence of N is mixed into one.
        :param options: not used.
        """
        if seed is not None:
            self.np_random = np.random.default_rng(seed)
            if isinstance(seed, int):
                self._np_random_seed = seed
        self._ended = np.zeros(self.num_envs, dtype=np.bool_)
        return self._batch.reset(self.np_random), {}

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Observations, npt.NDArray[np.float32], Flags, Flags, dict[str, Any]]:
        """Take one step in every environment.

        :param actions: `[N]` integers.
        :raises TypeError: for actions that are not integers.
        :raises ValueError: for a wrong shape, or an action out of range.
        """
        batch = self._batch
        reward, terminated, truncated = batch.step(batch.check_actions(actions), self.np_random)
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            infos = self._restart_same_step(terminated | truncated)
            return batch.observe(), reward, terminated, truncated, infos
        started = self._ended
        if started.any():
            batch.restart(started, self.np_random)
            reward, terminated, truncated = (
                np.where(started, np.zeros_like(field), field)
                for field in (reward, terminated, truncated)
            )
        self._ended = terminated | truncated
        infos = self._success(self._ended)
        return batch.observe(), reward, terminated, truncated, infos

    def render(self) -> tuple[Any, ...] | None:
        """Every episode as text or as an image; None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._batch.render(self.render_mode, i) for i in range(self.num_envs))

    def _success(self, done: Flags) -> dict[str, Any]:
        if not done.any():
            return {}
        return {"is_success": self._batch.success() & done, "_is_success": done}

    def _restart_same_step(self, done: Flags) -> dict[str, Any]:
        if not done.any():
            return {}
        index = np.flatnonzero(done)
        final = np.full(self.num_envs, None, dtype=object)
        for i, observation in zip(index, self._batch.observe_rows(index), strict=True):
            final[i] = observation
        infos: dict[str, Any] = {"final_obs": final, "_final_obs": done}
        infos |= {"final_info": self._success(done), "_final_info": done}
        self._batch.restart(done, self.np_random)
        return infos
