"""A user's own Gymnasium environment, in processes of its own.

::

    python examples/own_environment.py
"""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

from warmrl.agents import RecurrentPPO
from warmrl.warmup import WarmupCallback

Observation = NDArray[np.float32]


class Remember(gym.Env[Observation, Any]):
    """A sign, +1 or -1, is seen once; after some steps of nothing it must be named.

    :param delay: steps from the sign to the question
    """

    observation_space = spaces.Box(-1, 1, (2,))  # the sign, and whether it is asked for
    action_space = spaces.Discrete(2)

    def __init__(self, delay: int = 20) -> None:
        self.delay = delay

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> tuple[Observation, dict[str, Any]]:
        """Draw and show the sign."""
        super().reset(seed=seed)
        self.answer = int(self.np_random.integers(2))
        self.waited = 0
        return np.array([2 * self.answer - 1, 0], np.float32), {}

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Wait, or name the sign."""
        asked = self.waited == self.delay
        self.waited += 1
        reward = float(action == self.answer) if asked else 0.0
        seen = np.array([0, self.waited == self.delay], np.float32)
        return seen, reward, asked, False, {}


def main(total_timesteps: int = 200_000, n_envs: int = 4) -> None:
    """Train.

    :param total_timesteps: environment steps
    :param n_envs: processes
    """
    torch.set_num_threads(1)
    env = make_vec_env(Remember, n_envs, seed=0, vec_env_cls=SubprocVecEnv)
    model = RecurrentPPO(
        "MlpRnnPolicy",
        env,
        learning_rate=1e-3,
        n_steps=256,
        batch_size=256,
        n_epochs=4,
        ent_coef=0.01,
        seed=0,
        verbose=1,
    )
    model.learn(total_timesteps, callback=WarmupCallback(n_episodes=256))
    env.close()


if __name__ == "__main__":
    tyro.cli(main)
