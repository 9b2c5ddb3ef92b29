from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from warmrl.envs import TASKS, MemoryEnv, MemoryTask, MemoryVectorEnv, TMaze
from warmrl.tests.envs.replay import Feed, Recorder, as_generator
from warmrl.tests.envs.variants import VARIANTS

N = 4


class Singles:
    """N single environments that are fed the rows of a vector environment's noise."""

    def __init__(self, task: MemoryTask) -> None:
        self.envs = [MemoryEnv(task) for _ in range(N)]
        self.feeds = [Feed() for _ in range(N)]
        for env, feed in zip(self.envs, self.feeds, strict=True):
            env.np_random = as_generator(feed)

    def reset(self, index: int, noise: Any) -> Any:
        self.feeds[index].next = [noise[index : index + 1]]
        return self.envs[index].reset()[0]

    def step(self, index: int, action: Any, noise: Any) -> Any:
        self.feeds[index].next = [noise[index : index + 1]]
        return self.envs[index].step(action)


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_vector_environment_equals_single_ones_step_by_step(task: MemoryTask, mode: str) -> None:
    recorder, singles = Recorder(5), Singles(task)
    env = MemoryVectorEnv(task, N, autoreset_mode=mode)
    env.np_random = as_generator(recorder)
    observations = env.reset()[0]
    for i in range(N):
        assert np.array_equal(singles.reset(i, recorder.given[0]), observations[i])
    rng = np.random.default_rng(11)
    ended, ends = np.zeros(N, dtype=bool), 0
    for _ in range(150):
        recorder.given.clear()
        actions = rng.choice(task.n_actions, size=N, p=task.exploration_policy)
        observations, rewards, terminated, truncated, infos = env.step(actions)
        noise = recorder.given[0] if task.step_noise else np.empty((N, 0))
        for i in range(N):
            if mode == "NextStep" and ended[i]:
                expected = singles.reset(i, recorder.given[-1])
                outcome = (0.0, False, False)
            else:
                expected, *outcome_of_step, info = singles.step(i, actions[i], noise)
                outcome = tuple(outcome_of_step)
                if info:
                    final = infos["final_info"] if mode == "SameStep" else infos
                    assert final["_is_success"][i]
                    assert final["is_success"][i] == info["is_success"]
                    ends += 1
                if info and mode == "SameStep":
                    assert np.array_equal(infos["final_obs"][i], expected)
                    expected = singles.reset(i, recorder.given[-1])
            assert np.array_equal(observations[i], expected)
            assert (rewards[i], terminated[i], truncated[i]) == outcome
        ended = terminated | truncated
    assert ends > 0


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_same_seed_same_trajectory(mode: str) -> None:
    def run(seed: int | list[int]) -> Any:
        env = MemoryVectorEnv(TMaze((2, 5), stochasticity=0.3), 3, autoreset_mode=mode)
        seen = [env.reset(seed=seed)[0]]
        rng = np.random.default_rng(0)
        seen += [env.step(rng.integers(4, size=3))[0] for _ in range(40)]
        return np.stack(seen)

    assert np.array_equal(run(1), run(1))
    assert np.array_equal(run([1, 2, 3]), run([1, 2, 3]))
    assert not np.array_equal(run(1), run(2))


@pytest.mark.parametrize("env_id", TASKS)
def test_make_vec_gives_the_native_environment(env_id: str) -> None:
    for mode in (None, "vector_entry_point"):
        env = gym.make_vec(env_id, num_envs=3, vectorization_mode=mode)
        assert isinstance(env.unwrapped, MemoryVectorEnv)
        assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
        assert env.spec is not None
        assert env.spec.id == env_id
        observations, infos = env.reset(seed=0)
        assert observations.shape == env.observation_space.shape
        assert observations in env.observation_space
        assert infos == {}
        env.action_space.seed(0)
        assert env.step(env.action_space.sample())[0] in env.observation_space


def test_make_vec_passes_arguments_on() -> None:
    env = gym.make_vec("warmrl/TMaze-v0", num_envs=2, length=7, autoreset_mode="SameStep")
    assert isinstance(env.unwrapped, MemoryVectorEnv)
    assert env.unwrapped.task == TMaze(7)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


def test_gymnasiums_episode_statistics_work() -> None:
    env = gym.wrappers.vector.RecordEpisodeStatistics(MemoryVectorEnv(TMaze(2), 2))
    env.reset(seed=0)
    for _ in range(5):
        infos = env.step(np.array([2, 2]))[4]
    assert infos["episode"]["l"].tolist() == [5, 5]
    assert infos["episode"]["r"] == pytest.approx([-0.5, -0.5])


@pytest.mark.parametrize(
    ("actions", "error", "message"),
    [
        ([0, 0, 0], ValueError, r"shape \(3,\) must have shape \(2,\)"),
        ([[0], [0]], ValueError, r"shape \(2, 1\) must have shape \(2,\)"),
        ([0.0, 1.0], TypeError, "dtype float64 must be integers"),
        ([0, 4], ValueError, "action=4 must lie in 0..3"),
        ([-1, 0], ValueError, "action=-1 must lie in 0..3"),
    ],
)
def test_bad_actions_are_named(actions: Any, error: type[Exception], message: str) -> None:
    env = MemoryVectorEnv(TMaze(), 2)
    env.reset(seed=0)
    with pytest.raises(error, match=message):
        env.step(np.array(actions))


def test_actions_may_be_reused_by_the_caller() -> None:
    env = MemoryVectorEnv(TMaze(), 1)
    env.reset(seed=0)
    actions = np.array([0])
    env.step(actions)
    actions[0] = 1
    assert env.step(np.array([0]))[0][0, 0] == 1


def test_a_vector_environment_has_one_unless_told_otherwise() -> None:
    assert MemoryVectorEnv("warmrl/TMaze-v0").num_envs == 1


def test_the_seed_is_told_and_asking_for_it_changes_nothing() -> None:
    env = MemoryVectorEnv(TMaze(), 2)
    env.reset(seed=5)
    assert env.np_random_seed == 5
    env.reset()
    assert env.np_random_seed == 5
    env.reset(seed=[1, 2])
    before = env.np_random
    assert env.np_random_seed == -1  # Gymnasium's word for one that is not known
    assert env.np_random is before


def test_frames_are_played_at_a_speed_to_follow() -> None:
    for kind in (MemoryEnv, MemoryVectorEnv):
        assert kind("warmrl/TMaze-v0").metadata["render_fps"] == 4
