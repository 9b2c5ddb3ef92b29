"""A memory task as a native Stable-Baselines3 vector environment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from ..named_arrays import Arrays, check_like
from ..random_stream import set_stream_state, stream_state
from .batch import RENDER_FPS, Batch, check_render_mode
from .registration import make_task
from .task import MemoryTask
from .task_vec_env import TaskVecEnv


class MemoryVecEnv(TaskVecEnv):
    """N environments of a memory task, stepped together in NumPy arrays.

    An environment that finishes restarts in the same step, and its info has what
    `DummyVecEnv` over `Monitor` gives: `terminal_observation`, `TimeLimit.truncated`, `episode`
    (`r`, `l`, `t`) and `is_success`. The infos of all others are empty.

    :param task: a task, or one of `warmrl.envs.TASKS`.
    :param num_envs: number of environments N.
    :param seed: seed of all noise; drawn from the operating system when None.
    :param render_mode: None, "ansi" or "rgb_array".
    :param arguments: the task's arguments, if it is given by its id.
    :raises ValueError: for an unknown task or render mode.
    """

    def __init__(
        self,
        task: MemoryTask | str,
        num_envs: int,
        *,
        seed: int | None = None,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        self.render_mode = check_render_mode(render_mode)
        self.np_random = np.random.default_rng(seed)
        self._batch = Batch(make_task(task, **arguments), num_envs)
        self._returns = np.zeros(num_envs)
        self._started_at = time.time()
        super().__init__(num_envs, self._batch.observation_space, self._batch.action_space)
        speed: dict[str, Any] = {"render_fps": RENDER_FPS}
        self.metadata = self.metadata | speed
        self._know_task()

    def reset(self) -> npt.NDArray[np.float32]:
        """Start every episode; the observations, `[N, observation_size]`."""
        if self._seeds[0] is not None:
            self.np_random = np.random.default_rng(self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0
        return self._batch.reset(self.np_random)

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the actions, `[N]` integers, of the step that `step_wait` will do.

        :raises TypeError: for actions that are not integers.
        :raises ValueError: for a wrong shape, or an action out of range.
        """
        self._batch.actions = self._batch.check_actions(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Take one step; observations, rewards, dones (`[N, ...]`) and N infos."""
        batch = self._batch
        reward, terminated, truncated = batch.step(batch.actions, self.np_random)
        done = terminated | truncated
        np.add(self._returns, reward, out=self._returns)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if done.any():
            self._finish(np.flatnonzero(done), truncated, infos)
            batch.restart(done, self.np_random)
        return batch.observe(), reward, done, infos

    def get_state(self) -> Arrays:
        """All that episodes and noise go on from, as arrays by name; take it between two steps.

        Nothing of it changes as the environment is stepped on.
        """
        return {
            "random": stream_state(self.np_random),
            "returns": self._returns.copy(),
            "elapsed": np.array(time.time() - self._started_at),
            **self._batch.get_state(),
        }

    def set_state(self, state: Arrays) -> None:
        """Go on exactly where another environment of this task was; no reset is needed.

        A seed that waits for the next reset is forgotten.

        :param state: what its `get_state` returned.
        :raises ValueError: for arrays of another task or number of environments.
        """
        own: Arrays = {
            "random": stream_state(self.np_random),
            "returns": self._returns,
            "elapsed": np.array(0.0),
        }
        check_like({name: a for name, a in state.items() if name in own}, own)
        self._batch.set_state({name: a for name, a in state.items() if name not in own})
        set_stream_state(self.np_random, state["random"])
        self._returns = state["returns"].copy()
        self._started_at = time.time() - float(state["elapsed"])
        self._reset_seeds()
        self._reset_options()

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """Every episode as an RGB image."""
        return [self._batch.render("rgb_array", i) for i in range(self.num_envs)]

    def _rendered(self, index: int) -> Any:
        mode = self.render_mode
        return mode and self._batch.render(mode, index)

    def _finish(
        self,
        index: npt.NDArray[np.int64],
        truncated: npt.NDArray[np.bool_],
        infos: list[dict[str, Any]],
    ) -> None:
        """Write the infos of the environments that have finished."""
        batch = self._batch
        for i, *ended in zip(
            index.tolist(),
            batch.observe_rows(index),
            truncated[index].tolist(),
            batch.success()[index].tolist(),
            self._returns[index].tolist(),
            batch.steps()[index].tolist(),
            strict=True,
        ):
            infos[i] = self._ended(*ended)
        self._returns[index] = 0
