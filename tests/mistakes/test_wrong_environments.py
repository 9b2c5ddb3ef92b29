"""Environments that cannot be: tasks, Gymnasium ids, vector environments."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from warmrl.envs import DelayedRecall, MemoryEnv, MemoryVectorEnv, TMaze, make_vec_env
from warmrl.tests.mistakes.wrong import Wrong, check, each

MAZE, RECALL = "warmrl/TMaze-v0", "warmrl/DelayedRecall-v0"
NAN, INF = float("nan"), float("inf")
some: Any = "wrong"  # of a type that the annotations refuse


@each(
    Wrong(lambda: TMaze(1), "length=1 must be at least 2"),
    Wrong(lambda: TMaze(True), "length=True must be an int", TypeError),
    Wrong(lambda: TMaze(some), "length='wrong' must be an int", TypeError),
    Wrong(lambda: TMaze(20.0), "length=20.0 must be an int", TypeError),  # type: ignore[arg-type]
    Wrong(lambda: TMaze((5, 3)), "length=(5, 3) is reversed"),
    Wrong(lambda: TMaze(()), "length=() must be an int or a range"),  # type: ignore[arg-type]
    Wrong(lambda: TMaze((1, 3)), "length[0]=1 must be at least 2"),
    Wrong(lambda: TMaze((2, some)), "length[1]='wrong' must be an int", TypeError),
    Wrong(lambda: TMaze(2**41), "length=2199023255552 must be at most 1099511627776"),
    Wrong(lambda: TMaze(3, -0.1), "stochasticity=-0.1 must be a number from 0 to 1"),
    Wrong(lambda: TMaze(3, NAN), "stochasticity=nan must be a number from 0 to 1"),
    Wrong(lambda: TMaze(3, INF), "stochasticity=inf must be a number from 0 to 1"),
    Wrong(lambda: TMaze(3, True), "stochasticity=True must be a number", TypeError),
    Wrong(lambda: TMaze(3, some), "stochasticity='wrong' must be a number", TypeError),
    Wrong(lambda: TMaze(observe_previous=some), "observe_previous='wrong' must be True", TypeError),
    Wrong(lambda: DelayedRecall(0), "delay=0 must be at least 1"),
    Wrong(lambda: DelayedRecall(some), "delay='wrong' must be an int", TypeError),
    Wrong(lambda: DelayedRecall((4, 2)), "delay=(4, 2) is reversed"),
    Wrong(lambda: DelayedRecall(n_cues=0), "n_cues=0 must be at least 1"),
    Wrong(lambda: DelayedRecall(n_symbols=1), "n_symbols=1 must be at least 2"),
    Wrong(lambda: DelayedRecall(n_symbols=True), "n_symbols=True must be an int", TypeError),
    Wrong(lambda: DelayedRecall(distractor=some), "='wrong' must be one of none, noise, symbol"),
    Wrong(lambda: DelayedRecall(order=some), "order='wrong' must be one of forward, reverse"),
)
def test_tasks(wrong: Wrong) -> None:
    check(wrong)


@each(
    Wrong(lambda: gym.make(MAZE, length=1), "length=1 must be at least 2"),
    Wrong(lambda: gym.make(MAZE, lenght=5), "no argument 'lenght'; it has observe", TypeError),
    Wrong(lambda: gym.make_vec(MAZE, 0), "num_envs=0 must be at least 1"),
    Wrong(lambda: MemoryEnv(some), "task='wrong' must be one of warmrl/TMaze-v0, warmrl/"),
    Wrong(lambda: MemoryEnv(TMaze(), length=3), "length: TMaze(observe_previous=True"),
    Wrong(lambda: MemoryEnv(MAZE, render_mode="human"), "render_mode='human' must be None, 'ansi'"),
    Wrong(
        lambda: MemoryVectorEnv(TMaze(), 2, autoreset_mode="Never"),
        "autoreset_mode='Never' must be one of NextStep, SameStep, Disabled",
    ),
    Wrong(lambda: make_vec_env(MAZE, 0), "n_envs=0 must be at least 1"),
    Wrong(lambda: make_vec_env("CartPole-v1", 0), "n_envs=0 must be at least 1"),
    Wrong(lambda: make_vec_env("CartPole-v1", some), "n_envs='wrong' must be an int", TypeError),
    Wrong(lambda: make_vec_env(MAZE, 1, seed=-1), "seed=-1 must be at least 0"),
    Wrong(lambda: make_vec_env(MAZE, 1, seed=some), "seed='wrong' must be an int", TypeError),
    Wrong(lambda: make_vec_env("CartPole-v1", 1, seed=-1), "seed=-1 must be at least 0"),
    Wrong(lambda: make_vec_env(3, 1), "env_id is of type int; it must be str", TypeError),  # type: ignore[arg-type]
    Wrong(lambda: make_vec_env("", 1), "env_id='' must be one of warmrl/TMaze-v0"),
    Wrong(lambda: make_vec_env("Nothing-v0", 1), "env_id='Nothing-v0' must be one of warmrl/TMaze"),
    Wrong(lambda: make_vec_env("warmrl/Maze-v0", 1), "env_id='warmrl/Maze-v0' must be one of warm"),
    Wrong(lambda: make_vec_env("nowhere:X-v0", 1), "env_id='nowhere:X-v0' must be one of warmrl/"),
    Wrong(lambda: make_vec_env(MAZE, 1, length=1), "length=1 must be at least 2"),
    Wrong(lambda: make_vec_env(MAZE, 1, depth=1), "no argument 'depth'; it has observe", TypeError),
    Wrong(lambda: make_vec_env("CartPole-v1", 1, depth=1), "argument 'depth'", TypeError),
)
def test_environments_by_their_ids(wrong: Wrong) -> None:
    check(wrong)


@pytest.mark.parametrize("action", [4, -1, "up", 0.0, None, np.array([0, 1])])
def test_actions(action: Any) -> None:
    env = MemoryEnv(TMaze())
    env.reset(seed=0)
    with pytest.raises((ValueError, TypeError)) as caught:
        env.step(action)
    assert "\n" not in str(caught.value)
