"""Environments that go on in another process, exactly where they were."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from warmrl.envs import MemoryTask, MemoryVecEnv, TMaze
from warmrl.envs.alone import Alone
from warmrl.named_arrays import Arrays
from warmrl.tests.envs.variants import VARIANTS

N = 5


def actions(task: MemoryTask, steps: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return rng.choice(task.n_actions, size=(steps, N), p=task.exploration_policy)


def same(left: Any, right: Any) -> bool:
    """Equality of what a step returns, but for the time that an episode took."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            same(left[k], right[k]) for k in left.keys() - "t"
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, np.ndarray) and left.dtype == object:
        return same(left.tolist(), right.tolist())
    return type(left) is type(right) and np.array_equal(left, right)


def copied(state: Arrays) -> Arrays:
    return {name: array.copy() for name, array in state.items()}


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_the_sb3_environment_goes_on(task: MemoryTask) -> None:
    env, other = MemoryVecEnv(task, N, seed=3), MemoryVecEnv(task, N, seed=4)
    env.reset()
    for action in actions(task, 40, 0):
        env.step(action)
    state = env.get_state()
    before = copied(state)
    other.set_state(state)
    for action in actions(task, 60, 1):
        assert same(env.step(action), other.step(action))
    assert same(state, before)
    assert same(env.reset(), other.reset())


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_an_episode_of_its_own_goes_on(task: MemoryTask) -> None:
    episode, other = Alone(task), Alone(task)
    source, same_source = np.random.default_rng(0), np.random.default_rng(0)
    episode.reset(source)
    other.reset(np.random.default_rng(1))
    for action in (0, 1):
        episode.advance(action, source)
        other.advance(0, same_source)
    same_source.bit_generator.state = source.bit_generator.state
    state = episode.get_state()
    before = copied(state)
    other.set_state(state)
    for action in (0, 0, 1):
        assert same(
            tuple(episode.advance(action, source)), tuple(other.advance(action, same_source))
        )
    assert same(state, before)


def test_an_episode_keeps_its_clock() -> None:
    env, other = (MemoryVecEnv(TMaze(length=4), 1, seed=0) for _ in "ab")
    env.reset()
    state = env.get_state()
    state["elapsed"] = np.array(1000.0)
    other.set_state(state)
    other.step(np.zeros(1, dtype=np.int64))
    assert 1000 <= other.get_state()["elapsed"] < 2000


def test_a_state_before_the_first_reset() -> None:
    with pytest.raises(RuntimeError, match="call reset"):
        MemoryVecEnv(TMaze(), 2).get_state()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("returns", None, "returns: missing"),
        ("returns", np.zeros(3), "returns is float64 of shape (3,); it must be float64 of shape"),
        ("state.steps", np.zeros(2), "state.steps is float64 of shape (2,); it must be int64 of"),
        ("state.task.x", None, "state.task.x: missing"),
        ("state.task.y", np.zeros(2), "state.task.y: unknown"),
        ("random", np.zeros(6), "random is float64 of shape (6,); it must be uint64 of shape (6,)"),
    ],
)
def test_a_state_of_something_else_changes_nothing(name: str, value: Any, words: str) -> None:
    env = MemoryVecEnv(TMaze(), 2, seed=0)
    env.reset()
    wrong, before = env.get_state(), env.get_state()
    wrong |= {"returns": np.ones(2), "state.reward": np.ones(2, np.float32), name: value}
    if value is None:
        del wrong[name]
    with pytest.raises(ValueError, match=re.escape(words)):
        env.set_state(wrong)
    after = env.get_state()
    assert all(same(before[key], after[key]) for key in before.keys() - {"elapsed"})
