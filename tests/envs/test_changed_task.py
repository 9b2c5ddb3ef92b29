"""A task that is changed while it is played: a curriculum, from the next episode on."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from warmrl.envs import (
    BakkerTMaze,
    DelayedRecall,
    Denoising,
    MemoryEnv,
    MemoryTask,
    MemoryVecEnv,
    MemoryVectorEnv,
    MovingCorridor,
    PassiveTMaze,
    RepeatPrevious,
    TensorVecEnv,
    TMaze,
    make_vec_env,
)
from warmrl.tests.envs.infos import check_infos
from warmrl.tests.envs.replay import Recorder, as_generator
from warmrl.tests.envs.shared_noise import share_noise

N = 4
CHANGES: list[tuple[MemoryTask, dict[str, Any], dict[str, Any]]] = [
    (TMaze(3), {"length": 6}, {"length": (2, 4)}),
    (TMaze((2, 6)), {"delay": 3}, {"stochasticity": 0.5}),
    (TMaze(4, 0.4), {"length": 2}, {"stochasticity": 0.0}),
    (BakkerTMaze(4), {"noisy": True}, {"noisy": False, "length": 2}),
    (PassiveTMaze(2), {"length": 5}, {"length": (2, 3)}),
    (PassiveTMaze(2, observe_previous=False), {"length": 1}, {"delay": 6}),
    (MovingCorridor((2, 5)), {"length": 7}, {"length": 1}),
    (DelayedRecall(2), {"delay": 6}, {"delay": (1, 3)}),
    (DelayedRecall(2, n_cues=2), {"order": "reverse"}, {"n_cues": 3, "distractor": "symbol"}),
    (Denoising(2, n_cues=1, window=3), {"window": 5}, {"n_cues": 2, "distractor": "none"}),
    (RepeatPrevious(2, n_answers=3), {"delay": 6}, {"delay": (1, 4), "n_answers": 5}),
]
"""A task, and what is changed in it twice."""
by_task = pytest.mark.parametrize(("task", "first", "second"), CHANGES, ids=repr)


def changed(task: MemoryTask, changes: dict[str, Any]) -> MemoryTask:
    given = {task.delay_name if name == "delay" else name: v for name, v in changes.items()}
    return replace(task, **given)


def set_all(env: Any, changes: dict[str, Any]) -> None:
    """As a curriculum would, through `set_attr`."""
    for name, value in changes.items():
        env.set_attr(name, value)


def assert_same(left: Any, right: Any) -> None:
    assert np.array_equal(left, right)


class Row:
    """A row of what a vector environment has drawn, for the single environment in its place."""

    def __init__(self) -> None:
        self.step: Any = None
        self.reset: Any = None
        self.resets = False

    def random(self, size: tuple[int, int]) -> Any:
        given = self.reset if self.resets else self.step
        return given[:, : size[1]]


@by_task
def test_every_environment_is_what_a_single_one_would_be(
    task: MemoryTask, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """In which the same is changed between the same steps, and which is fed the same noise."""
    recorder, env = Recorder(3), MemoryVecEnv(task, N)
    env.np_random = as_generator(recorder)
    feeds, singles = [Row() for _ in range(N)], [MemoryEnv(task) for _ in range(N)]
    for single, feed in zip(singles, feeds, strict=True):
        single.np_random = as_generator(feed)  # type: ignore[arg-type]
    monitors = [Monitor(single) for single in singles]

    def draws(single: int, resets: bool) -> None:
        feeds[single].resets = resets

    observations, rng, ends = env.reset(), np.random.default_rng(11), 0
    for i, monitor in enumerate(monitors):
        feeds[i].reset = recorder.given[0][i : i + 1]
        draws(i, resets=True)
        assert np.array_equal(monitor.reset()[0], observations[i])
    for step in range(150):
        for at, changes in ((5, first), (50, second), (53, first), (100, second)):
            if step == at:
                set_all(env, changes)
                for single in singles:
                    single.task = changed(single.task, changes)
        drawn = env._batch.episode.step_noise > 0
        recorder.given.clear()
        actions = rng.choice(task.n_actions, size=N, p=task.exploration_policy)
        seen, rewards, dones, infos = env.step(actions)
        others = []
        for i, monitor in enumerate(monitors):
            feeds[i].step = recorder.given[0][i : i + 1] if drawn else np.empty((1, 0))
            draws(i, resets=False)
            observation, reward, terminated, truncated, info = monitor.step(actions[i])
            assert rewards[i] == pytest.approx(reward)
            assert dones[i] == (terminated or truncated)
            if dones[i]:
                info |= {"terminal_observation": observation, "TimeLimit.truncated": truncated}
                feeds[i].reset = recorder.given[-1][i : i + 1]
                draws(i, resets=True)
                observation = monitor.reset()[0]
            assert np.array_equal(np.asarray(seen)[i], observation)
            others.append(info)
        ends += check_infos(dones, infos, others, abs=2e-6)
    assert ends >= 3 * N
    assert env.task == changed(changed(changed(changed(task, first), second), first), second)
    assert len(env._batch.episode.tasks) <= N


@by_task
def test_on_tensors_it_is_the_same(
    task: MemoryTask, first: dict[str, Any], second: dict[str, Any]
) -> None:
    tensors, arrays = TensorVecEnv(task, N, "cpu"), MemoryVecEnv(task, N)
    next_step = share_noise(tensors, arrays, seed=3)
    assert np.array_equal(tensors.reset(), arrays.reset())
    rng, ends = np.random.default_rng(11), 0
    for step in range(80):
        for at, changes in ((5, first), (50, second), (53, first), (60, second)):
            if step == at:
                set_all(tensors, changes)
                set_all(arrays, changes)
        next_step()
        actions = rng.choice(task.n_actions, size=N, p=task.exploration_policy)
        ours, theirs = tensors.step(actions), arrays.step(actions)
        for own, other in zip(ours[:3], theirs[:3], strict=True):
            assert np.array_equal(np.asarray(own), np.asarray(other))
        ends += check_infos(ours[2], ours[3], theirs[3], abs=2e-5)
    assert ends >= 3 * N
    assert tensors.task == arrays.task


Change = Callable[[Any, int], None]
WAYS: dict[str, Change] = {
    "set_attr": lambda env, delay: env.set_attr("delay", delay),
    "its own name": lambda env, delay: env.set_attr(env.task.delay_name, delay),
    "task": lambda env, delay: env.set_attr("task", env.task.with_delay(delay)),
    "attribute": lambda env, delay: setattr(env, "delay", delay),
    "method": lambda env, delay: env.set_delay(delay),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("task", [DelayedRecall(2), RepeatPrevious(2, n_answers=2)], ids=repr)
@pytest.mark.parametrize("kind", [MemoryVecEnv, partial(TensorVecEnv, device="cpu")])
def test_episodes_by_hand(kind: Any, task: MemoryTask, way: str) -> None:
    """Two cues or answers, and two steps of delay: 4 steps an episode, and then 11."""
    env = kind(task, N)
    env.reset()
    ends: list[list[int]] = [[], [], [], []]
    for step in range(1, 16):
        if step == 2:
            WAYS[way](env, 9)
            assert env.get_attr("delay") == env.get_attr(task.delay_name) == [9] * N
        dones = env.step(np.zeros(N, dtype=np.int64))[2]
        for i in np.flatnonzero(dones):
            ends[i].append(step)
    assert ends == [[4, 15]] * N
    env.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("mode", "expected"), [("SameStep", [4, 15, 26]), ("NextStep", [4, 16, 28])]
)
def test_gymnasiums_vector_environment_by_hand(mode: str, expected: list[int], way: str) -> None:
    env = MemoryVectorEnv(DelayedRecall(2), 3, autoreset_mode=mode)
    env.reset(seed=0)
    ends = []
    for step in range(1, 30):
        if step == 2:
            WAYS[way](env, 9)
            assert env.get_attr("delay") == env.call("delay") == (9, 9, 9)
        done = env.step(np.zeros(3, dtype=np.int64))[2]
        if done.any():
            assert done.all()
            ends.append(step)
    assert ends == expected


def length_of_episode(env: Any) -> int:
    steps, over = 0, False
    while not over:
        _, _, terminated, truncated, _ = env.step(0)
        steps, over = steps + 1, terminated or truncated
    return steps


SINGLE: dict[str, Change] = {
    "attribute": lambda env, delay: setattr(env.unwrapped, "delay", delay),
    "wrapper attribute": lambda env, delay: env.set_wrapper_attr("delay", delay),
    "attribute of the bare one": lambda env, delay: env.unwrapped.set_wrapper_attr("delay", delay),
    "task": lambda env, delay: setattr(env.unwrapped, "task", env.unwrapped.task.with_delay(delay)),
    "method": lambda env, delay: env.get_wrapper_attr("set_delay")(delay),
}


@pytest.mark.parametrize("way", SINGLE)
@pytest.mark.parametrize("distractor", ["none", "symbol"])
def test_a_single_environment_by_hand(way: str, distractor: str) -> None:
    env = gym.make("warmrl/DelayedRecall-v0", delay=2, distractor=distractor)
    env.reset(seed=0)
    env.step(0)
    SINGLE[way](env, 9)
    assert env.get_wrapper_attr("delay") == 9
    assert length_of_episode(env) == 3
    env.reset()
    assert length_of_episode(env) == 11


def test_a_maze_in_numbers_ends_as_it_began() -> None:
    """Its state is kept in Python's numbers, until it is changed under way."""
    env, plain = MemoryEnv(TMaze(5)), MemoryEnv(TMaze(5))
    for each in (env, plain):
        each.reset(seed=0)
        each.step(0)
    env.set_wrapper_attr("length", 9)
    for _ in range(13):
        ours, theirs = env.step(2), plain.step(2)
        assert np.array_equal(ours[0], theirs[0])
        assert ours[1:] == theirs[1:]
    assert ours[3]
    env.reset()
    assert [env.step(2)[3] for _ in range(26)] == [*[False] * 25, True]


def test_through_the_vector_environments_of_others() -> None:
    dummy = DummyVecEnv([partial(Monitor, MemoryEnv(TMaze(3))) for _ in "ab"])
    assert dummy.get_attr("length") == [3, 3]
    dummy.env_method("set_delay", 7)
    assert dummy.get_attr("length") == [7, 7]
    sync = SyncVectorEnv([partial(MemoryEnv, TMaze(3))] * 2)
    sync.set_attr("length", [4, 6])
    assert sync.get_attr("delay") == (4, 6)


def test_a_wrapper_on_top_hides_nothing() -> None:
    env = VecNormalize(MemoryVecEnv(TMaze(3), 2, seed=0))
    env.set_attr("length", 7)
    assert env.get_attr("length") == [7, 7]
    assert env.length == 7
    env.env_method("set_delay", (2, 9))
    assert env.task == TMaze((2, 9))


def test_what_changes_nothing_draws_nothing() -> None:
    """Nor does a change that is taken back before an episode has started."""
    env, plain = (MemoryVecEnv(TMaze((2, 5), 0.3), N, seed=0) for _ in "ab")
    rng = np.random.default_rng(0)
    assert np.array_equal(env.reset(), plain.reset())
    for step in range(60):
        if step % 7 == 3:
            env.set_attr("length", 4)
            env.set_attr("length", (2, 5))
        actions = rng.integers(4, size=N)
        assert_same(env.step(actions)[0], plain.step(actions)[0])
    assert env.get_state().keys() == plain.get_state().keys()


def test_before_the_first_reset_all_episodes_are_of_the_new_task() -> None:
    env, plain = MemoryVecEnv(TMaze(3), 2, seed=0), MemoryVecEnv(TMaze(5), 2, seed=0)
    env.set_attr("length", 5)
    assert np.array_equal(env.reset(), plain.reset())
    for _ in range(14):
        assert np.array_equal(env.step(np.full(2, 2))[2], plain.step(np.full(2, 2))[2])


def test_reset_starts_all_anew() -> None:
    env = MemoryVecEnv(TMaze(3), 2, seed=0)
    env.reset()
    env.set_attr("length", 2)
    env.reset()
    assert env._batch.episode.tasks == (TMaze(2),)
    assert [env.step(np.full(2, 2))[2].all() for _ in range(5)] == [*[False] * 4, True]


def test_many_changes_keep_no_more_tasks_than_environments() -> None:
    env = MemoryVecEnv(TMaze(3), N, seed=0)
    env.reset()
    rng = np.random.default_rng(0)
    for step in range(60):
        env.set_attr("length", 3 + step)
        assert len(env._batch.episode.tasks) <= N + 1
        env.step(rng.choice(4, size=N, p=env.task.exploration_policy))
    assert env.get_attr("length") == [62] * N


def test_a_picture_is_of_the_episodes_own_task() -> None:
    env = MemoryVecEnv(DelayedRecall(2, n_cues=2), 2, seed=0, render_mode="ansi")
    env.reset()
    before = env.env_method("render")
    env.set_attr("order", "reverse")
    assert env.env_method("render") == before


def test_pickling_and_copying_in_the_middle_of_a_change() -> None:
    env = MemoryVecEnv(TMaze((2, 4), 0.3), N, seed=0)
    env.reset()
    env.set_attr("length", 6)
    for other in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):
        assert other.get_attr("length") == [6] * N
        same = copy.deepcopy(env)
        for _ in range(40):
            assert_same(other.step(np.ones(N, int))[0], same.step(np.ones(N, int))[0])
        other.set_attr("length", 7)
        assert (other.task.delay, same.task.delay, env.task.delay) == (7, 6, 6)


@by_task
@pytest.mark.parametrize("steps", [0, 2])
def test_a_state_says_how_the_task_was_changed(
    task: MemoryTask, first: dict[str, Any], second: dict[str, Any], steps: int
) -> None:
    env, other = MemoryVecEnv(task, N, seed=3), MemoryVecEnv(task, N, seed=4)
    rng = np.random.default_rng(0)
    env.reset()
    for changes in (first, second):
        set_all(env, changes)
        for _ in range(steps):
            env.step(rng.choice(task.n_actions, size=N, p=task.exploration_policy))
    other.set_state(env.get_state())
    assert other.task == env.task
    for _ in range(60):
        actions = rng.choice(task.n_actions, size=N, p=task.exploration_policy)
        ours, theirs = other.step(actions), env.step(actions)
        for own, expected in zip(ours[:3], theirs[:3], strict=True):
            assert np.array_equal(np.asarray(own), np.asarray(expected))
    assert np.array_equal(other.reset(), env.reset())


def test_a_state_without_a_change_takes_one_back() -> None:
    env, plain = MemoryVecEnv(TMaze(3), 2, seed=0), MemoryVecEnv(TMaze(3), 2, seed=0)
    plain.reset()
    env.set_attr("length", 9)
    env.set_state(plain.get_state())
    assert env.task == TMaze(3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "tasks are none of TMaze: there is not one"),
        ("{}", "tasks are none of TMaze: there is not one"),
        ("[3]", "tasks are none of TMaze: "),
        ("nothing", "tasks are none of TMaze: "),
        ('[{"depth": 3}]', "tasks are none of TMaze: .*'depth'"),
        ('[{"length": 1}]', "tasks are none of TMaze: length=1 must be at least 2"),
        ('[{"observe_previous": false}]', "observe_previous=False would change the spaces"),
        ('[{"length": 5}, {"length": 6}]', "state.action, state.reward, .*: unknown"),
    ],
)
def test_a_state_of_other_tasks_changes_nothing(text: str, message: str) -> None:
    env = MemoryVecEnv(TMaze(3), 2, seed=0)
    env.reset()
    wrong, before = env.get_state(), env.get_state()
    wrong["tasks"] = np.frombuffer(text.encode(), np.uint8)
    with pytest.raises(ValueError, match=message):
        env.set_state(wrong)
    after = env.get_state()
    assert env.task == TMaze(3)
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[name], before[name]) for name in after.keys() - {"elapsed"})


def test_a_curriculum_on_what_make_vec_env_makes() -> None:
    env = make_vec_env("warmrl/DelayedRecall-v0", 4, seed=0, delay=2)
    env.reset()
    env.set_attr("delay", 40)
    lengths = []
    for _ in range(46):
        lengths += [info["episode"]["l"] for info in env.step(np.zeros(4, int))[3] if info]
    assert lengths == [4] * 4 + [42] * 4
