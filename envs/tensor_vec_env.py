"""A memory task as a Stable-Baselines3 vector environment on torch tensors, on any device."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.utils import get_device
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from torch import Tensor

from ..checks import check_integer
from .batch import check_actions
from .changing import Episodes, States, change, check_spaces
from .episode import Episode
from .registration import make_task
from .task import MemoryTask
from .task_vec_env import TaskVecEnv


class TensorStep(NamedTuple):
    """One step of N environments, on their device."""

    observation: Tensor
    """what is seen now; of an environment that has finished, at its new start [N, I]"""
    reward: Tensor
    """what the step paid [N]"""
    done: Tensor
    """whether an episode ended with it [N] bool"""
    truncated: Tensor
    """whether it ended because its time was up [N] bool"""
    last_observation: Tensor
    """what is seen now, where nothing has started anew [N, I]"""
    success: Tensor
    """whether an episode ended solved [N] bool"""
    returns: Tensor
    """undiscounted return of the episode, this step included [N]"""
    lengths: Tensor
    """its steps so far [N] int64"""


class TensorVecEnv(TaskVecEnv):
    """N environments of a memory task, stepped together as torch tensors on one device.

    With :meth:`step_tensors`, which ``warmrl.agents.RecurrentPPO`` calls, nothing leaves the
    device, and nothing waits for it. Whoever knows SB3's methods only gets what ``MemoryVecEnv``
    gives, in NumPy arrays. Noise is float32, from a torch generator of the device, so a seed gives
    other episodes than there; an observation is never changed once it is given.

    :param task: a task, or one of `warmrl.envs.TASKS`.
    :param num_envs: number of environments N.
    :param device: where they are: "cpu", "cuda", "auto" or a torch device.
    :param seed: seed of all noise; drawn from the operating system when None.
    :param arguments: the task's arguments, if it is given by its id.
    :raises ValueError: for an unknown task, or no environment.
    """

    render_mode = None

    def __init__(
        self,
        task: MemoryTask | str,
        num_envs: int,
        device: torch.device | str = "auto",
        *,
        seed: int | None = None,
        **arguments: Any,
    ) -> None:
        check_integer("num_envs", num_envs, 1)
        self.device = torch.empty(0, device=get_device(device)).device  # cuda:0, not cuda
        self._latest = Episode(make_task(task, **arguments))
        """the episodes that start from now on"""
        self._episode: Episodes = self._latest
        """those under way"""
        self._random = torch.Generator(self.device)
        low, high = self._latest.observation_bounds
        space = Box(low, high, dtype=np.float32)
        super().__init__(num_envs, space, Discrete(self.task.n_actions))
        self._state: States | None = None
        self._returns = torch.zeros(num_envs, device=self.device)
        self._actions = torch.zeros(num_envs, dtype=torch.int64, device=self.device)
        self._started_at = time.time()
        self.seed(seed)
        self._know_task()

    def reset_tensors(self) -> Tensor:
        """Start every episode; the observations [N, I]."""
        seed = self._seeds[0]
        if seed is not None:
            self._random.manual_seed(seed)
        self._reset_seeds()
        self._reset_options()
        self._returns = torch.zeros_like(self._returns)
        self._episode = self._latest
        self._state = self._episode.reset(self._noise(self._episode.reset_noise))
        observation: Tensor = self._episode.observe(self._state)
        return observation

    def step_tensors(self, actions: Tensor) -> TensorStep:
        """Take one step; episodes that end start anew.

        :param actions: int64 of 0..n_actions-1, which is not checked, on the device [N]
        """
        if self._state is None:
            raise RuntimeError("call reset() before anything else")
        episode: Any = self._episode
        state, reward, terminated, truncated = episode.step(
            self._state, actions, self._noise(episode.step_noise)
        )
        done = terminated | truncated
        last = episode.observe(state)
        returns = self._returns + reward
        fresh = episode.reset(self._noise(episode.reset_noise))
        self._state = episode.restart(state, done, fresh)
        if episode is not self._latest and bool(done.any()):
            self._episode, self._state = episode.settled(self._state, torch.ones_like(done))
        self._returns = torch.where(done, 0.0, returns)
        return TensorStep(
            observation=torch.where(done[:, None], episode.observe(fresh), last),
            reward=reward,
            done=done,
            truncated=truncated,
            last_observation=last,
            success=done & episode.success(state),
            returns=returns,
            lengths=state.steps,
        )

    def reset(self) -> npt.NDArray[np.float32]:
        """Start every episode; the observations, `[N, observation_size]`."""
        return _array(self.reset_tensors())

    def step_async(self, actions: npt.NDArray[Any] | Tensor) -> None:
        """Take the actions, `[N]` integers, of the step that `step_wait` will do.

        :raises TypeError: for actions that are not integers.
        :raises ValueError: for a wrong shape, or an action out of range.
        """
        given = actions.cpu() if isinstance(actions, Tensor) else actions
        checked = check_actions(given, self.num_envs, self.task.n_actions)
        self._actions = torch.as_tensor(checked, device=self.device)

    def step_wait(self) -> VecEnvStepReturn:
        """Take one step; observations, rewards, dones (`[N, ...]`) and N infos."""
        step = self.step_tensors(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        done = _array(step.done)
        if done.any():
            index = np.flatnonzero(done)
            last = _array(step.last_observation)[index]
            numbers = (step.truncated, step.success, step.returns, step.lengths)
            columns = (_array(part)[index].tolist() for part in numbers)
            for i, *ended in zip(index.tolist(), last, *columns, strict=True):
                infos[i] = self._ended(*ended)
        return _array(step.observation), _array(step.reward), done, infos

    def _latest_task(self) -> MemoryTask:
        return self._latest.task

    def _change(self, task: MemoryTask) -> None:
        check_spaces(self.task, task, self.observation_space)
        self._latest = Episode(task)
        self._episode, self._state = change(self._episode, self._state, self._latest)

    def _noise(self, width: int) -> Tensor:
        """Uniform on [0, 1) [N, width]."""
        return torch.rand(self.num_envs, width, generator=self._random, device=self.device)


def _array(values: Tensor) -> npt.NDArray[Any]:
    return values.cpu().numpy()
