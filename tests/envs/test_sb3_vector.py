from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from warmrl.envs import DelayedRecall, MemoryEnv, MemoryTask, MemoryVecEnv, TMaze
from warmrl.tests.envs.infos import check_infos
from warmrl.tests.envs.replay import Feed, Recorder, as_generator
from warmrl.tests.envs.variants import VARIANTS

N = 4


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_equals_dummy_vec_env_over_monitor(task: MemoryTask) -> None:
    recorder = Recorder(3)
    env = MemoryVecEnv(task, N)
    env.np_random = as_generator(recorder)
    feeds = [Feed() for _ in range(N)]
    singles = [MemoryEnv(task) for _ in range(N)]
    for single, feed in zip(singles, feeds, strict=True):
        single.np_random = as_generator(feed)
    dummy = DummyVecEnv([partial(Monitor, single) for single in singles])

    def feed_all() -> None:
        """Every environment gets its row of what the vector environment has drawn."""
        for row, feed in enumerate(feeds):
            feed.next = [noise[row : row + 1] for noise in recorder.given]
        recorder.given.clear()

    observations = env.reset()
    feed_all()
    assert np.array_equal(observations, np.asarray(dummy.reset()))
    rng = np.random.default_rng(11)
    ends = 0
    for _ in range(150):
        actions = rng.choice(task.n_actions, size=N, p=task.exploration_policy)
        seen, rewards, dones, infos = env.step(actions)
        feed_all()
        others = dummy.step(actions)
        assert np.array_equal(np.asarray(seen), np.asarray(others[0]))
        assert np.array_equal(rewards, others[1])
        assert rewards.dtype == others[1].dtype
        assert np.array_equal(dones, others[2])
        ends += check_infos(dones, infos, others[3], abs=2e-6)
    assert ends > 0


def test_truncation_is_told_from_termination() -> None:
    env = MemoryVecEnv(TMaze(2), 2, seed=0)
    observations = env.reset()
    turn = 1 if observations[1, 5] else 3
    plan = [[2, 2], [2, 2], [2, 0], [2, 0], [2, turn]]
    for actions in plan:
        _, _, dones, infos = env.step(np.array(actions))
    assert dones.tolist() == [True, True]
    assert [info["TimeLimit.truncated"] for info in infos] == [True, False]
    assert [info["is_success"] for info in infos] == [False, True]
    assert infos[0]["episode"]["r"] == pytest.approx(-0.5)
    assert infos[1]["episode"]["r"] == pytest.approx(4 - 0.2)
    assert infos[0]["terminal_observation"][:5] == pytest.approx([0, 0, 1, 0, -0.1])
    assert infos[1]["terminal_observation"][8] == 1


def run(env: MemoryVecEnv, steps: int = 40) -> Any:
    rng = np.random.default_rng(0)
    seen = [env.reset()]
    for _ in range(steps):
        seen.append(np.asarray(env.step(rng.integers(4, size=env.num_envs))[0]))
    return np.stack(seen)


def test_seeding_by_constructor_and_by_seed() -> None:
    task = TMaze((2, 5), stochasticity=0.3)
    first = run(MemoryVecEnv(task, 3, seed=1))
    assert np.array_equal(run(MemoryVecEnv(task, 3, seed=1)), first)
    assert not np.array_equal(run(MemoryVecEnv(task, 3, seed=2)), first)
    env = MemoryVecEnv(task, 3)
    assert env.seed(1) == [1, 2, 3]
    assert np.array_equal(run(env), first)
    assert not np.array_equal(run(env), first)
    assert env.seed() != env.seed()


def test_pickling_in_the_middle_of_an_episode() -> None:
    env = MemoryVecEnv(DelayedRecall(3, distractor="symbol"), 3, seed=0)
    run(env, 7)
    copy = pickle.loads(pickle.dumps(env))
    assert np.array_equal(run(env), run(copy))


def test_returned_arrays_are_never_overwritten() -> None:
    env = MemoryVecEnv(TMaze(2), 2, seed=0)
    env.reset()
    kept = [env.step(np.array([0, 2])) for _ in range(6)]
    copies = [pickle.dumps(step) for step in kept]
    run(env, 10)
    assert [pickle.dumps(step) for step in kept] == copies


def test_attributes_and_methods_are_those_of_the_task() -> None:
    task = TMaze(7, stochasticity=0.1)
    env = MemoryVecEnv(task, 3)
    assert env.get_attr("task") == [task] * 3
    assert env.get_attr("optimal_return", [0, 2]) == [task.optimal_return] * 2
    assert env.get_attr("exploration_policy", 1) == [task.exploration_policy]
    assert env.get_attr("length") == [7, 7, 7]
    assert env.env_method("with_delay", 9, indices=0) == [TMaze(9, stochasticity=0.1)]
    assert not env.has_attr("action_masks")
    assert env.env_is_wrapped(Monitor) == [True] * 3
    with pytest.raises(AttributeError):
        env.env_method("fly")
    assert env.reset_infos == [{}, {}, {}]


def test_bad_actions_are_named() -> None:
    env = MemoryVecEnv(TMaze(), 2)
    env.reset()
    with pytest.raises(ValueError, match=r"shape \(3,\) must have shape \(2,\)"):
        env.step(np.zeros(3, dtype=np.int64))
    with pytest.raises(ValueError, match="action=9 must lie in 0..3"):
        env.step(np.array([9, 0]))


def test_rendering_tiles_the_environments() -> None:
    env = MemoryVecEnv(TMaze(3), 4, render_mode="rgb_array")
    env.reset()
    single = env.env_method("render", indices=0)[0]
    image = env.render()
    assert image is not None
    assert image.shape == (2 * single.shape[0], 2 * single.shape[1], 3)


def test_normalisation_keeps_terminal_observations() -> None:
    env = VecNormalize(MemoryVecEnv(TMaze(2), 8, seed=0))
    env.reset()
    ends = 0
    for _ in range(20):
        observations, _, dones, infos = env.step(np.full(8, 2))
        for i in np.flatnonzero(dones):
            ends += 1
            final = infos[i]["terminal_observation"]
            assert final.shape == np.asarray(observations)[i].shape
            assert np.abs(final).max() <= env.clip_obs
    assert ends == 32


def test_vec_monitor_agrees_with_the_statistics_already_there() -> None:
    inner = MemoryVecEnv(TMaze(2), 2, seed=0)
    with pytest.warns(UserWarning, match="already wrapped"):
        env = VecMonitor(inner)
    env.reset()
    for _ in range(5):
        infos = env.step(np.array([2, 2]))[3]
    assert infos[0]["episode"]["l"] == 5
    assert infos[0]["episode"]["r"] == pytest.approx(-0.5)


def test_ppo_learns_on_it() -> None:
    env = MemoryVecEnv(DelayedRecall(1, n_symbols=2), 8, seed=0)
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=64, n_epochs=2, seed=0, device="cpu")
    model.learn(512)
    assert model.ep_info_buffer is not None
    assert len(model.ep_info_buffer) > 50
    assert {episode["l"] for episode in model.ep_info_buffer} == {3}
    mean, _ = evaluate_policy(model, env, n_eval_episodes=16)
    assert isinstance(mean, float)
    assert 0 <= mean <= 1
