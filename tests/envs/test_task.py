"""What every registered task promises."""

from __future__ import annotations

import doctest
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import warmrl.envs.episode
from warmrl.envs import DelayedRecall, Denoising, Episode, MemoryTask, PassiveTMaze, TMaze
from warmrl.envs.recall_task import RecallTask
from warmrl.tests.abstract_classes import check_needed
from warmrl.tests.envs.policies import memoryless_policy, perfect_policy, returns
from warmrl.tests.envs.variants import DEFAULTS, VARIANTS, WITH_CUES


@pytest.mark.parametrize("task", [*DEFAULTS, *VARIANTS], ids=repr)
def test_a_perfect_policy_reaches_the_stated_optimum(task: MemoryTask) -> None:
    earned = returns(task, perfect_policy(task), n=1000, seed=0)
    error = earned.std() / np.sqrt(len(earned))
    assert earned.mean() == pytest.approx(task.optimal_return, abs=4 * error + 1e-6)


@pytest.mark.parametrize("task", [*DEFAULTS, *VARIANTS], ids=repr)
def test_a_memoryless_policy_gets_the_stated_return(task: MemoryTask) -> None:
    earned = returns(task, memoryless_policy(task), n=1000, seed=1)
    error = earned.std() / np.sqrt(len(earned))
    assert earned.mean() == pytest.approx(task.memoryless_return, abs=4 * error)
    assert task.memoryless_return < task.optimal_return


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_exploration_policy_is_a_distribution_over_the_actions(task: MemoryTask) -> None:
    assert len(task.exploration_policy) == task.n_actions == len(task.action_names)
    assert sum(task.exploration_policy) == pytest.approx(1)


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_tasks_are_values(task: MemoryTask) -> None:
    Episode(task)
    copy = pickle.loads(pickle.dumps(task))
    assert copy == task
    assert np.array_equal(copy.views, task.views)
    assert hash(copy) == hash(task)


@pytest.mark.parametrize(
    ("task", "lowest", "highest"),
    [(TMaze(5), -0.1, 4), (DelayedRecall(5, n_cues=4), 0, 0.25), (PassiveTMaze(4), -0.25, 1)],
)
def test_the_reward_that_is_seen_has_its_bounds(
    task: MemoryTask, lowest: float, highest: float
) -> None:
    low, high = Episode(task).observation_bounds
    seen = task.n_actions  # after the previous action
    assert [low[seen], high[seen]] == pytest.approx([lowest, highest])


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_nothing_is_solved_before_the_first_step(task: MemoryTask) -> None:
    noise = np.random.default_rng(0).random((50, task.reset_noise))
    assert not task.success(task.reset(noise)).any()


@settings(max_examples=40, deadline=None)
@given(
    task=st.sampled_from(VARIANTS),
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 5),
    steps=st.integers(1, 25),
)
def test_numpy_and_torch_give_the_same_trajectories(
    task: MemoryTask, seed: int, n: int, steps: int
) -> None:
    rng = np.random.default_rng(seed)
    episode = Episode(task)
    noise = rng.random((n, episode.reset_noise))
    state, twin = episode.reset(noise), episode.reset(torch.from_numpy(noise))
    for _ in range(steps):
        action = rng.integers(task.n_actions, size=n)
        noise = rng.random((n, episode.step_noise))
        fresh = rng.random((n, episode.reset_noise))
        state, *outcome = episode.step(state, action, noise)
        twin, *twins = episode.step(twin, torch.from_numpy(action), torch.from_numpy(noise))
        for ours, theirs in zip(outcome, twins, strict=True):
            assert np.array_equal(ours, theirs.numpy())
            assert ours.dtype == theirs.numpy().dtype
        assert np.array_equal(episode.success(state), episode.success(twin).numpy())
        done = outcome[1] | outcome[2]
        state = episode.restart(state, done, episode.reset(fresh))
        twin = episode.restart(twin, torch.from_numpy(done), episode.reset(torch.from_numpy(fresh)))
        seen, twins_seen = episode.observe(state), episode.observe(twin)
        assert seen.dtype == np.float32
        assert twins_seen.dtype == torch.float32
        np.testing.assert_allclose(seen, twins_seen.numpy(), rtol=1e-6, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(task=st.sampled_from(VARIANTS), seed=st.integers(0, 2**32 - 1))
def test_steps_leave_their_arguments_unchanged(task: MemoryTask, seed: int) -> None:
    rng = np.random.default_rng(seed)
    episode = Episode(task)
    state = episode.reset(rng.random((3, episode.reset_noise)))
    before = pickle.dumps(state)
    action = rng.integers(task.n_actions, size=3)
    episode.observe(episode.step(state, action, rng.random((3, episode.step_noise)))[0])
    episode.observe(state)
    assert pickle.dumps(state) == before


@settings(max_examples=80, deadline=None)
@given(
    task=st.sampled_from(WITH_CUES),
    seed=st.integers(0, 2**32 - 1),
    waited=st.integers(0, 12),
    tail=st.integers(0, 12),
)
def test_branching_off_an_endless_corridor_is_a_real_episode(
    task: MemoryTask, seed: int, waited: int, tail: int
) -> None:
    """Same observations, rewards and ends as an episode that had this delay from the start."""
    rng = np.random.default_rng(seed)
    endless = Episode(task.with_delay(2**40))
    cues = endless.task.cues()
    n = len(cues)
    state = endless.reset(cues)
    history: list[Any] = []
    reached = endless.corridor_delay(state) * 0
    for _ in range(waited):
        action = np.full(n, rng.choice(task.n_actions, p=task.exploration_policy))
        reached = np.maximum(reached, endless.corridor_delay(state))
        history.append(action)
        state = endless.step(state, action, np.empty((n, 0)))[0]
    delays = endless.corridor_delay(state)
    assert len(set(delays.tolist())) == 1
    delay = int(delays[0])
    first_arrival = bool((delays > reached).all())
    if delay < task.minimum_delay or not first_arrival:
        return
    real = Episode(task.with_delay(delay))
    twin = real.reset(real.task.cues())
    if waited >= int(real.task.horizon(twin.task)[0]):
        return
    for action in history:
        twin, _, terminated, truncated = real.step(twin, action, np.empty((n, 0)))
        assert not (terminated | truncated).any()
    state = endless.corridor_end(state)
    for _ in range(tail):
        assert np.array_equal(endless.observe(state), real.observe(twin))
        action = rng.integers(task.n_actions, size=n)
        state, *outcome = endless.step(state, action, np.empty((n, 0)))
        twin, *twins = real.step(twin, action, np.empty((n, 0)))
        for ours, theirs in zip(outcome, twins, strict=True):
            assert np.array_equal(ours, theirs)
        assert np.array_equal(endless.success(state), real.success(twin))


@pytest.mark.parametrize("task", WITH_CUES, ids=repr)
def test_cues_are_all_there_once(task: MemoryTask) -> None:
    fixed = task.with_delay(5)
    assert ((fixed.cues() >= 0) & (fixed.cues() < 1)).all()  # as what is drawn
    state = fixed.reset(fixed.cues())
    starts = np.column_stack([field.reshape(len(field), -1) for field in state])
    expected = 2
    if isinstance(task, DelayedRecall | Denoising):
        expected = task.n_symbols**task.n_cues
    if isinstance(task, Denoising):
        expected *= math.comb(task.window, task.n_cues)
    assert len(np.unique(starts, axis=0)) == len(starts) == expected


@pytest.mark.parametrize("task", WITH_CUES, ids=repr)
def test_every_cue_has_a_name(task: MemoryTask) -> None:
    """Names differ where what has to be remembered does."""
    names = task.cue_names()
    assert len(names) == len(task.cues())
    assert len(set(names)) == task.n_decisions()


def test_names_of_cues() -> None:
    assert TMaze().cue_names() == ["up", "down"]
    assert DelayedRecall(n_cues=2, n_symbols=2).cue_names() == ["0 0", "0 1", "1 0", "1 1"]


TO_DEFINE = {
    MemoryTask: {
        *("reset", "step", "success", "view", "horizon", "reset_noise", "step_noise"),
        *("n_actions", "action_names", "exploration_policy", "observation_bounds"),
        *("reward_range", "optimal_return", "memoryless_return", "deterministic"),
        *("ansi", "picture"),
    },
    RecallTask: {"reset", "reset_noise", "_window", "_cue"},
}


@pytest.mark.parametrize(("base", "names"), TO_DEFINE.items())
def test_a_task_that_lacks_something_is_told_what(base: type[Any], names: set[str]) -> None:
    check_needed(base, names)


def test_too_many_cues_are_refused() -> None:
    assert len(DelayedRecall(n_cues=4).cues()) == 4096
    with pytest.raises(ValueError, match="make 32768 cues: at most 4096"):
        DelayedRecall(n_cues=5).cues()


@pytest.mark.parametrize("method", ["corridor_end", "corridor_delay", "cues"])
@pytest.mark.parametrize("task", [task for task in VARIANTS if not task.deterministic], ids=repr)
def test_only_deterministic_tasks_have_corridors(task: MemoryTask, method: str) -> None:
    state = task.reset(np.full((1, task.reset_noise), 0.5))
    with pytest.raises(ValueError, match=f"{method} needs a deterministic task"):
        getattr(task, method)(*(() if method == "cues" else (state,)))


def test_with_delay_keeps_everything_else() -> None:
    task = DelayedRecall(delay=(2, 5), n_cues=2, n_symbols=3, distractor="noise", order="reverse")
    expected = DelayedRecall(delay=9, n_cues=2, n_symbols=3, distractor="noise", order="reverse")
    assert task.with_delay(9) == expected
    assert task.with_delay(9).delay == 9
    assert TMaze(stochasticity=0.2, observe_previous=False).with_delay((3, 4)) == TMaze(
        (3, 4), 0.2, observe_previous=False
    )
    with pytest.raises(ValueError, match="length=1 must be at least 2"):
        TMaze().with_delay(1)


def test_the_example_on_torch_tensors_runs() -> None:
    results = doctest.testmod(warmrl.envs.episode)
    assert results.attempted > 5
    assert results.failed == 0
