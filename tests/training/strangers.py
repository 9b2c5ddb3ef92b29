"""Environments as other people write them, behind ids that Gymnasium knows."""

import copy
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

ID = "warmrl.tests.training.strangers:strange/Noise-v0"
SEEN: dict[str, spaces.Space[Any]] = {
    "vector": spaces.Box(-1, 1, (3,), np.float32),
    "image": spaces.Box(0, 255, (36, 40, 3), np.uint8),
    "channels first": spaces.Box(0, 255, (3, 36, 40), np.uint8),
    "small image": spaces.Box(0, 255, (7, 9, 3), np.uint8),
    "no image": spaces.Box(0, 1, (40, 40, 3), np.float32),
    "number": spaces.Discrete(5),
    "bits": spaces.MultiBinary(3),
    "dict": spaces.Dict(
        {
            "image": spaces.Box(0, 255, (36, 36, 3), np.uint8),
            "number": spaces.Discrete(5),
            "vector": spaces.Box(-1, 1, (2,), np.float32),
        }
    ),
    "small dict": spaces.Dict({"image": spaces.Box(0, 255, (7, 7, 3), np.uint8)}),
    "nested": spaces.Dict({"inner": spaces.Dict({"bits": spaces.MultiBinary(3)})}),
    "pair": spaces.Tuple([spaces.Discrete(5), spaces.Discrete(2)]),
    "from one": spaces.Discrete(5, start=1),
    "numbers": spaces.MultiDiscrete([3, 4]),
    "one-hot image": spaces.Box(0, 255, (7, 9, 20), np.uint8),
    "mission": spaces.Dict({"bits": spaces.MultiBinary(3), "mission": spaces.Text(9)}),
    "text": spaces.Text(9),
    "sequence": spaces.Sequence(spaces.Discrete(3)),
}
DONE: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(2),
    "box": spaces.Box(-1, 1, (2,), np.float32),
    "boundless": spaces.Box(-np.inf, np.inf, (2,), np.float32),
    "pair": spaces.Tuple([spaces.Discrete(2), spaces.Discrete(2)]),
    "numbers": spaces.MultiDiscrete([2, 3]),
    "from one": spaces.Discrete(2, start=1),
}


class Noise(gymnasium.Env[Any, Any]):
    """Random observations in episodes of ten steps, and a fault after so many.

    :param seen: which observations, of ``SEEN``
    :param done: which actions, of ``DONE``
    :param fault: "observation" or "reward" becomes NaN, "terminal" the observation that ends an
        episode; "interrupt" presses Ctrl-C, "crash" raises
    :param after: steps of all episodes without the fault
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(
        self,
        seen: str = "vector",
        done: str = "discrete",
        fault: str = "",
        after: int = 0,
        render_mode: str | None = None,
    ) -> None:
        self.observation_space = copy.deepcopy(SEEN[seen])
        self.action_space = copy.deepcopy(DONE[done])
        self.fault, self.after, self.render_mode = fault, after, render_mode
        self.total = 0
        self.steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.steps = 0
        return self._observe("observation"), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        self.total += 1
        if self._faulty("interrupt"):
            raise KeyboardInterrupt
        if self._faulty("crash"):
            raise RuntimeError("the environment is broken")
        over = self.steps == 10
        reward = float("nan") if self._faulty("reward") else 1.0
        return self._observe("terminal" if over else "observation"), reward, over, False, {}

    def _faulty(self, fault: str) -> bool:
        return self.fault == fault and self.total > self.after

    def _observe(self, kind: str) -> Any:
        observation = self.observation_space.sample()
        if self._faulty(kind):
            observation[1] = np.nan
        return observation


class Stating(gymnasium.Wrapper[Any, Any, Any, Any]):
    """States an exploration policy, and that every episode succeeds."""

    exploration_policy = (0.25, 0.75)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, info | {"is_success": terminated}


class Demanding(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Goes around nothing."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        raise AssertionError("there is no such environment")


gymnasium.register("strange/Noise-v0", f"{__name__}:Noise", disable_env_checker=True)
