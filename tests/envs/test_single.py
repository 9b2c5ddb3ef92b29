from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from warmrl.envs import TASKS, MemoryEnv, MemoryTask, TMaze
from warmrl.tests.envs.variants import VARIANTS


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_gymnasiums_checker_finds_nothing(task: MemoryTask, render_mode: str | None) -> None:
    check_env(MemoryEnv(task, render_mode=render_mode), skip_render_check=True)


@pytest.mark.parametrize("env_id", TASKS)
def test_gymnasiums_render_checker_finds_nothing(env_id: str) -> None:
    check_env(gym.make(env_id, render_mode="rgb_array").unwrapped)


def trajectory(env: MemoryEnv, seed: int, steps: int = 60) -> list[Any]:
    rng = np.random.default_rng(7)
    n_actions = env.task.n_actions
    seen: list[Any] = [env.reset(seed=seed)[0].tolist()]
    for _ in range(steps):
        observation, reward, terminated, truncated, info = env.step(rng.integers(n_actions))
        seen.append((observation.tolist(), reward, terminated, truncated, info))
        if terminated or truncated:
            seen.append(env.reset()[0].tolist())
    return seen


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_same_seed_same_trajectory(task: MemoryTask) -> None:
    first = trajectory(MemoryEnv(task), seed=3)
    assert trajectory(MemoryEnv(task), seed=3) == first
    assert trajectory(MemoryEnv(task), seed=4) != first


@pytest.mark.parametrize("env_id", TASKS)
def test_pickling_in_the_middle_of_an_episode(env_id: str) -> None:
    env = MemoryEnv(env_id)
    env.reset(seed=0)
    env.step(0)
    copy = pickle.loads(pickle.dumps(env))
    for action in (0, 1, 1, 0):
        ours, theirs = env.step(action), copy.step(action)
        assert np.array_equal(ours[0], theirs[0])
        assert ours[1:] == theirs[1:]


def test_is_success_comes_with_the_last_step_only() -> None:
    env = MemoryEnv("warmrl/TMaze-v0", length=2)
    observation = env.reset(seed=0)[0]
    turn = 1 if observation[5] else 3
    infos = [env.step(action)[4] for action in (0, 0, turn)]
    assert infos == [{}, {}, {"is_success": True}]
    env.reset()
    infos = [env.step(2)[4] for _ in range(5)]
    assert infos == [{}, {}, {}, {}, {"is_success": False}]


def test_observations_are_never_overwritten() -> None:
    env = MemoryEnv(TMaze(length=3))
    first = env.reset(seed=0)[0]
    kept = first.copy()
    for _ in range(3):
        env.step(0)
    assert np.array_equal(first, kept)


def test_stepping_before_the_first_reset_says_so() -> None:
    with pytest.raises(RuntimeError, match="call reset"):
        MemoryEnv(TMaze()).step(0)
    with pytest.raises(ValueError, match="action=4 must lie in 0..3"):
        MemoryEnv(TMaze()).step(4)
