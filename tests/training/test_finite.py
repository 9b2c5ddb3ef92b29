"""The check on other people's numbers."""

from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecEnv

from warmrl.command_line import UserError
from warmrl.tests.training.strangers import ID
from warmrl.training import TrainConfig, build_env


def noise(n_envs: int = 2, **arguments: Any) -> VecEnv:
    return build_env(TrainConfig(env=ID, n_envs=n_envs, env_kwargs=arguments))


def run(env: VecEnv, steps: int) -> None:
    env.reset()
    for _ in range(steps):
        env.step(np.zeros(env.num_envs, np.int64))


@pytest.mark.parametrize("seen", ["vector", "number", "dict"])
def test_finite_numbers_pass_unchanged(seen: str) -> None:
    env = noise(seen=seen)
    bare: Any = noise(seen=seen).unwrapped
    bare.reset()
    env.reset()
    for _ in range(25):
        got, expected = env.step(np.ones(2, np.int64)), bare.step(np.ones(2, np.int64))
        np.testing.assert_equal(got[:3], expected[:3])


@pytest.mark.parametrize(
    ("fault", "after", "message"),
    [
        ("reward", 4, "reward nan at step 5 of an episode in environment 0"),
        ("reward", 12, "reward nan at step 3 of an episode in environment 0"),
        ("observation", 4, "observation nan at step 5 of an episode in environment 0"),
        ("observation", 9, "observation nan at step 0 of an episode in environment 0"),
        ("terminal", 15, "observation nan at step 10 of an episode in environment 0"),
    ],
)
def test_a_fault_is_found_and_named(fault: str, after: int, message: str) -> None:
    env = noise(fault=fault, after=after)
    with pytest.raises(UserError, match=message):
        run(env, 30)


def test_a_fault_at_the_very_start() -> None:
    env = noise(fault="observation", after=-1)
    with pytest.raises(UserError, match=f"env='{ID}': observation nan at step 0"):
        env.reset()


def test_the_environment_at_fault_is_named() -> None:
    env = noise(3)
    env.env_method("set_wrapper_attr", "fault", "reward", indices=[2])
    with pytest.raises(UserError, match="reward nan at step 1 of an episode in environment 2"):
        run(env, 5)


def test_infinity_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    env = noise(seen="dict")
    bad = {"vector": np.array([[0.0, 0.0], [0.0, np.inf]]), "number": np.zeros(2, np.int64)}
    monkeypatch.setattr(env.unwrapped, "reset", lambda: bad)
    with pytest.raises(UserError, match="observation 'vector' inf at step 0 .* environment 1"):
        env.reset()
