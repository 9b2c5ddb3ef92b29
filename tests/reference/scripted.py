"""An environment whose episodes are laid down beforehand, and which keeps a record of itself."""

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces

from warmrl.tests.reference.rollout import Step

WIDTH, N_ACTIONS = 3, 3


class Episode(NamedTuple):
    """How long an episode lasts (steps), and how it ends; both at once is legal too."""

    length: int
    terminated: bool
    truncated: bool


class Scripted(gym.Env[Any, Any]):
    """Random observations and rewards, in episodes that come one after the other, over and over.

    :param script: the episodes
    :param seed: of observations and rewards
    """

    observation_space = spaces.Box(-np.inf, np.inf, (WIDTH,), np.float32)
    action_space = spaces.Discrete(N_ACTIONS)

    def __init__(self, script: list[Episode], seed: int) -> None:
        self.script, self.random = script, np.random.default_rng(seed)
        self.record: list[Step] = []
        self.n_episodes = 0

    def _observe(self) -> np.ndarray[Any, Any]:
        self.seen = self.random.normal(size=WIDTH).astype(np.float32)
        return self.seen.copy()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self.episode = self.script[self.n_episodes % len(self.script)]
        self.t = 0
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        before, self.t = torch.from_numpy(self.seen).double(), self.t + 1
        reward = float(np.float32(self.random.normal() + 0.5 * action))
        over = self.t == self.episode.length
        ends = over and self.episode.terminated, over and self.episode.truncated
        following = self._observe()
        after = torch.from_numpy(self.seen).double()
        self.record.append(Step(self.t == 1, before, int(action), reward, after, *ends))
        self.n_episodes += over
        return following, reward, *ends, {}
