from __future__ import annotations

import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import warmrl.envs
from warmrl.envs import TASKS, DelayedRecall, MemoryEnv, MemoryVecEnv, TMaze, make_vec_env
from warmrl.envs.registration import register_task


def test_gym_make_needs_no_import() -> None:
    code = (
        "import gymnasium as gym; "
        "env = gym.make('warmrl.envs:warmrl/TMaze-v0', length=7); "
        "print(env.unwrapped.task.delay, env.spec.max_episode_steps)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["7", "None"]


@pytest.mark.parametrize("env_id", TASKS)
def test_gym_make_gives_the_task_of_the_id(env_id: str) -> None:
    env = gym.make(env_id)
    assert isinstance(env.unwrapped, MemoryEnv)
    assert env.unwrapped.task == TASKS[env_id]()
    assert env.spec is not None
    assert gym.make(env.spec).spec == env.spec


def test_public_names_exist() -> None:
    for name in warmrl.envs.__all__:
        assert hasattr(warmrl.envs, name)


def test_make_vec_env_is_native_for_our_ids() -> None:
    env = make_vec_env("warmrl/TMaze-v0", 3, seed=0, length=5, render_mode="rgb_array")
    assert isinstance(env, MemoryVecEnv)
    assert env.task == TMaze(5)
    assert env.render_mode == "rgb_array"
    prefixed = make_vec_env("warmrl.envs:warmrl/DelayedRecall-v0", 2, n_cues=2)
    assert isinstance(prefixed, MemoryVecEnv)
    assert prefixed.task == DelayedRecall(n_cues=2)


def test_make_vec_env_falls_back_on_gymnasium() -> None:
    env = make_vec_env("CartPole-v1", 2, seed=0, sutton_barto_reward=True)
    assert np.asarray(env.reset()).shape == (2, 4)
    assert env.get_attr("spec")[0].kwargs["sutton_barto_reward"] is True
    assert env.render_mode == "rgb_array"  # which its class, named in a string, says it has


class Picky(gym.Wrapper[Any, Any, Any, Any]):
    """Goes around nothing."""

    error: Exception

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TypeError("no box"), "no box"),
        (ValueError("no image"), "no image"),
        (AssertionError(), "AssertionError()"),
    ],
)
def test_a_wrapper_that_does_not_fit_is_named(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Picky, "error", error, raising=False)
    with pytest.raises(ValueError, match=r"env_wrapper=.*Picky cannot go around .*: ") as refused:
        make_vec_env("CartPole-v1", 1, env_wrapper=f"{__name__}.Picky")
    assert str(refused.value).endswith(f": {reason}")


def test_an_id_is_registered_once() -> None:
    with pytest.raises(ValueError, match="env_id='warmrl/TMaze-v0' is taken by TMaze"):
        register_task("warmrl/TMaze-v0", TMaze)
