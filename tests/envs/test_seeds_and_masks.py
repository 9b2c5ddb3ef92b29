"""Seeds of single environments, and resets of some: as Gymnasium's `SyncVectorEnv`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from warmrl.envs import MemoryEnv, MemoryTask, MemoryVectorEnv, TMaze
from warmrl.tests.envs.variants import VARIANTS

N = 4
some: Any = "wrong"  # of a type that the annotations refuse


def check_same(ours: Any, theirs: Any) -> None:
    """Check that steps, infos and observations are equal, but for the type of rewards."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for name in theirs:
            check_same(ours[name], theirs[name])
    elif isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for part, other in zip(ours, theirs, strict=True):
            check_same(part, other)
    elif theirs.dtype == object:
        for part, other in zip(ours, theirs, strict=True):
            assert (part is None) == (other is None)
            assert other is None or np.array_equal(part, other)
    else:
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_equals_sync_vector_env_step_by_step(task: MemoryTask, mode: AutoresetMode) -> None:
    """Also where some environments are reset between steps, with seeds and without."""
    env = MemoryVectorEnv(task, N, autoreset_mode=mode)
    sync = SyncVectorEnv([partial(MemoryEnv, task)] * N, autoreset_mode=mode)
    check_same(env.reset(seed=[7, 1, 7, 3]), sync.reset(seed=[7, 1, 7, 3]))
    rng = np.random.default_rng(11)
    ended, ends = np.zeros(N, dtype=np.bool_), 0
    horizon = int(task.horizon(task.reset(np.zeros((1, task.reset_noise))))[0])
    for step in range(50 + min(80, horizon)):
        mask = (rng.random(N) < 0.1) & (np.arange(N) < N // 2)  # the others come to their ends
        if mode is AutoresetMode.DISABLED:
            mask |= ended
        if mask.any():
            seed: Any = [None, [step, None, None, 2], step][step % 3]
            ours = env.reset(seed=seed, options={"reset_mask": mask})
            check_same(ours, sync.reset(seed=seed, options={"reset_mask": mask.copy()}))
        actions = rng.choice(task.n_actions, size=N, p=task.exploration_policy)
        ours_step, theirs = env.step(actions), sync.step(actions)
        check_same(ours_step, theirs)
        ended = theirs[2] | theirs[3]
        ends += int(ended.sum())
    assert ends > 0
    check_same(env.reset(seed=[None, 5, None, None]), sync.reset(seed=[None, 5, None, None]))
    check_same(env.reset(), sync.reset())


def observations(env: MemoryVectorEnv, steps: int = 12) -> Any:
    rng = np.random.default_rng(0)
    return np.stack([env.step(rng.integers(4, size=env.num_envs))[0] for _ in range(steps)])


def test_an_environment_does_not_depend_on_the_seeds_of_others() -> None:
    task = TMaze((2, 5), stochasticity=0.3)
    first, second = MemoryVectorEnv(task, 3), MemoryVectorEnv(task, 3)
    first.reset(seed=[1, 2, 3])
    second.reset(seed=[9, 2, 4])
    assert np.array_equal(observations(first)[:, 1], observations(second)[:, 1])


def test_one_seed_is_one_stream_of_all() -> None:
    task = TMaze((2, 5), stochasticity=0.3)
    env, plain = MemoryVectorEnv(task, 3), MemoryVectorEnv(task, 3)
    env.reset(seed=[1, 2, 3])
    observations(env)
    assert np.array_equal(env.reset(seed=6)[0], plain.reset(seed=np.int64(6))[0])  # type: ignore[arg-type]
    assert np.array_equal(observations(env), observations(plain))
    env.reset(seed=[1, 2, 3])
    env.np_random = np.random.default_rng(8)
    plain.np_random = np.random.default_rng(8)
    assert np.array_equal(env.reset()[0], plain.reset()[0])
    assert np.array_equal(observations(env), observations(plain))


def test_where_there_was_one_stream_those_without_a_seed_get_their_own_of_it() -> None:
    def seen(seed: int) -> Any:
        env = MemoryVectorEnv(TMaze((2, 50)), 3)
        env.reset(seed=seed)
        env.reset(seed=[None, 4, None])
        return np.stack([env.reset()[0], *observations(env, 100)])

    assert np.array_equal(seen(1), seen(1))
    different = seen(1) != seen(2)
    assert different[:, 0].any()
    assert not different[:, 1].any()
    assert different[:, 2].any()
    env, plain = MemoryVectorEnv(TMaze((2, 50)), 3), MemoryVectorEnv(TMaze((2, 50)), 3)
    env.reset(seed=1)
    plain.reset(seed=1)
    assert np.array_equal(env.reset(seed=[None] * 3)[0], plain.reset()[0])


def test_the_mask_of_the_caller_is_left_alone() -> None:
    env = MemoryVectorEnv(TMaze(3), 2)
    env.reset(seed=0)
    options = {"reset_mask": np.array([True, False])}
    env.reset(options=options)
    assert options["reset_mask"].tolist() == [True, False]


def test_episodes_that_are_not_reset_go_on() -> None:
    env = MemoryVectorEnv(TMaze(5), 3)
    env.reset(seed=0)
    env.step(np.zeros(3, dtype=np.int64))
    shown = env.reset(options={"reset_mask": np.array([False, True, False])})[0]
    assert shown[:, 7].tolist() == [1, 0, 1]  # in the corridor
    assert shown[:, 5:7].sum(1).tolist() == [0, 1, 0]  # at the start


def test_without_autoreset_what_has_ended_has_to_be_reset() -> None:
    env = MemoryVectorEnv(TMaze(2), 2, autoreset_mode="Disabled")
    env.reset(seed=0)
    for actions in ([2, 2], [2, 2], [2, 0], [2, 0]):
        ended = env.step(np.array(actions))
    assert not (ended[2] | ended[3]).any()
    ended = env.step(np.array([2, 2]))
    assert ended[3].tolist() == [True, True]
    assert ended[4]["_is_success"].tolist() == [True, True]
    env.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded, match=r"environments \[1\] have ended; reset them, with opt"):
        env.step(np.zeros(2, dtype=np.int64))
    env.reset()
    env.step(np.zeros(2, dtype=np.int64))


def test_a_mask_before_the_first_reset() -> None:
    with pytest.raises(RuntimeError, match="call reset"):
        MemoryVectorEnv(TMaze(3), 2).reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        ([1, 2], ValueError, r"seed=\[1, 2\] has 2 seeds; it must have one for each of 3"),
        ([1, 2, 3, 4], ValueError, "has 4 seeds"),
        ([1, -2, 3], ValueError, r"seed\[1\]=-2 must be at least 0"),
        ([1, 2, 3.5], TypeError, r"seed\[2\]=3.5 must be an int"),
        (-1, ValueError, "seed=-1 must be at least 0"),
        (1.5, TypeError, "seed=1.5 must be an int"),
        (True, TypeError, "seed=True must be an int"),
    ],
)
def test_wrong_seeds(seed: Any, error: type[Exception], message: str) -> None:
    env = MemoryVectorEnv(TMaze(3), 3)
    env.reset(seed=0)
    with pytest.raises(error, match=message):
        env.reset(seed=seed)


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        ([True, False, False], TypeError, "is a list; it must be a NumPy array of bools"),
        (np.array([1, 0, 0]), TypeError, "is a int64 array; it must be a NumPy array of bools"),
        (np.array([True]), ValueError, r"of shape \(1,\) must have shape \(3,\)"),
        (np.zeros(3, dtype=bool), ValueError, "must be True for at least one environment"),
        (None, TypeError, "is a NoneType; it must be"),
    ],
)
def test_wrong_masks(mask: Any, error: type[Exception], message: str) -> None:
    env = MemoryVectorEnv(TMaze(3), 3)
    before = env.reset(seed=0)[0]
    with pytest.raises(error, match=message):
        env.reset(options={"reset_mask": mask})
    assert np.array_equal(env._batch.observe(), before)
