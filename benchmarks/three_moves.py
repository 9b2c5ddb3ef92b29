"""The moves of MiniGrid's mazes."""

from typing import Any

import gymnasium as gym
from gymnasium import spaces


class ThreeMoves(gym.ActionWrapper[Any, Any, Any]):
    """The first three of MiniGrid's seven actions: turn left, turn right, go forward.

    In its Memory environments the others do nothing but let time pass, and an agent that tries all
    alike seldom turns round to look.

    :param env: one of MiniGrid's environments.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.action_space = spaces.Discrete(3)

    def action(self, action: Any) -> Any:
        """The same action, see ``gymnasium.ActionWrapper``."""
        return action
