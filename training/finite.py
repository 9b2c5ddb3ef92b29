"""A check on other people's environments: every number finite."""

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from ..command_line import UserError


class FiniteVecEnv(VecEnvWrapper):
    """Stops at the first observation or reward that is NaN or infinite.

    :param venv: the environments
    :param env_id: their name in the message
    :raises UserError: when stepped or reset, naming the environment and the step of its episode
    """

    def __init__(self, venv: VecEnv, env_id: str) -> None:
        super().__init__(venv)
        self.env_id = env_id
        self._steps = np.zeros(venv.num_envs, dtype=np.int64)

    def reset(self) -> VecEnvObs:
        """Start every episode."""
        observation = self.venv.reset()
        self._steps[:] = 0
        self._check("observation", observation)
        return observation

    def step_wait(self) -> VecEnvStepReturn:
        """Take one step."""
        observation, rewards, dones, infos = self.venv.step_wait()
        self._steps += 1
        self._check("reward", rewards)
        for i in np.flatnonzero(dones):
            self._check("observation", infos[i].get("terminal_observation"), int(i))
        self._steps[dones] = 0
        self._check("observation", observation)
        return observation, rewards, dones, infos

    def _check(self, name: str, values: Any, env: int | None = None) -> None:
        """Check a batch of values, or those of one environment."""
        if isinstance(values, dict):
            for key, part in values.items():
                self._check(f"{name} {key!r}", part, env)
            return
        array = np.asarray(values)
        if array.dtype.kind != "f" or np.isfinite(array).all():
            return
        at = tuple(np.argwhere(~np.isfinite(array))[0])
        i = at[0] if env is None else env
        raise UserError(
            f"env={self.env_id!r}: {name} {array[at]} at step {self._steps[i]} of an episode in "
            f"environment {i}; it must be finite"
        )
