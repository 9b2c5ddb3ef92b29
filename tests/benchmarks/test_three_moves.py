"""MiniGrid with three of its actions."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from warmrl.benchmarks.three_moves import ThreeMoves

pytest.importorskip("minigrid", reason="needs the extra: pip install 'warmrl[minigrid]'")


def test_the_others_do_nothing_in_memory() -> None:
    env = gym.make("MiniGrid-MemoryS7-v0")
    rng = np.random.default_rng(0)
    before: Any = env.reset(seed=0)[0]
    for _ in range(40):
        for action in range(3, 7):
            after, reward, *_ = env.step(action)
            assert np.array_equal(after["image"], before["image"])
            assert after["direction"] == before["direction"]
            assert reward == 0
        before, _, terminated, truncated, _ = env.step(int(rng.integers(3)))
        if terminated or truncated:
            before = env.reset()[0]


def test_turns_and_steps_are_minigrids() -> None:
    env, whole = ThreeMoves(gym.make("MiniGrid-MemoryS7-v0")), gym.make("MiniGrid-MemoryS7-v0")
    assert env.action_space == gym.spaces.Discrete(3)
    seen, seen_by_whole = env.reset(seed=1)[0], whole.reset(seed=1)[0]
    for action in (0, 1, 2, 1, 1, 2):
        assert np.array_equal(seen["image"], seen_by_whole["image"])
        seen, seen_by_whole = env.step(action)[0], whole.step(action)[0]
    assert np.array_equal(seen["image"], seen_by_whole["image"])
