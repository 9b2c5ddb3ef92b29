from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from warmrl.envs import MemoryTask, MemoryVecEnv, TensorVecEnv, TMaze, make_vec_env
from warmrl.tests.envs.infos import check_infos
from warmrl.tests.envs.shared_noise import share_noise
from warmrl.tests.envs.variants import VARIANTS

N = 4


@pytest.mark.parametrize("task", VARIANTS, ids=repr)
def test_equals_the_numpy_environment(task: MemoryTask) -> None:
    tensors, arrays = TensorVecEnv(task, N, "cpu"), MemoryVecEnv(task, N)
    next_step = share_noise(tensors, arrays, seed=3)
    assert np.array_equal(tensors.reset(), arrays.reset())
    rng = np.random.default_rng(11)
    ends = 0
    for _ in range(150):
        next_step()
        actions = rng.choice(task.n_actions, size=N, p=task.exploration_policy)
        ours, theirs = tensors.step(actions), arrays.step(actions)
        for own, other in zip(ours[:3], theirs[:3], strict=True):
            first, second = np.asarray(own), np.asarray(other)
            assert np.array_equal(first, second)
            assert first.dtype == second.dtype
        ends += check_infos(ours[2], ours[3], theirs[3], abs=2e-5)
    assert ends > 0


def test_a_step_says_how_an_episode_ended() -> None:
    env = TensorVecEnv(TMaze(2), 2, "cpu", seed=0)
    cues = env.reset_tensors()
    turn = 1 if cues[1, 5] else 3
    for actions in ([2, 2], [2, 2], [2, 0], [2, 0], [2, turn]):
        step = env.step_tensors(torch.tensor(actions))
    assert step.done.tolist() == [True, True]
    assert step.truncated.tolist() == [True, False]
    assert step.success.tolist() == [False, True]
    assert step.lengths.tolist() == [5, 5]
    assert step.returns.tolist() == pytest.approx([-0.5, 4 - 0.2])
    assert step.last_observation[1, 8] == 1  # at the junction's arm
    assert step.observation[:, 5:7].sum(1).tolist() == [1, 1]  # a new cue


def test_one_seed_gives_the_same_episodes() -> None:
    def played(env: TensorVecEnv) -> Tensor:
        seen = [env.reset_tensors()]
        seen += [env.step_tensors(torch.full((8,), i % 4)).observation for i in range(40)]
        return torch.stack(seen)

    first = TensorVecEnv("warmrl/TMaze-v0", 8, "cpu", seed=5, length=3, stochasticity=0.3)
    second = TensorVecEnv("warmrl/TMaze-v0", 8, "cpu", seed=6, length=3, stochasticity=0.3)
    expected, other = played(first), played(second)
    assert not torch.equal(expected, other)
    second.seed(5)
    assert torch.equal(expected, played(second))


def test_what_is_given_never_changes() -> None:
    env = TensorVecEnv(TMaze(2), 2, "cpu", seed=0)
    steps = [env.reset_tensors()]
    kept = [steps[0].clone()]
    for _ in range(9):
        step = env.step_tensors(torch.zeros(2, dtype=torch.int64))
        steps += [step.observation, step.last_observation]
        kept += [step.observation.clone(), step.last_observation.clone()]
    assert all(map(torch.equal, steps, kept))


def test_it_has_to_be_reset() -> None:
    env = TensorVecEnv(TMaze(2), 2, "cpu")
    with pytest.raises(RuntimeError, match="call reset"):
        env.step(np.zeros(2, dtype=np.int64))


def test_attributes_are_those_of_the_task() -> None:
    env = TensorVecEnv(TMaze(2), 2, "cpu")
    assert env.get_attr("optimal_return") == [4.0, 4.0]
    assert env.env_method("render") == [None, None]
    assert env.num_envs == 2


def test_on_the_cpu_environments_are_in_numpy() -> None:
    assert isinstance(make_vec_env("warmrl/TMaze-v0", 2, device="cpu"), MemoryVecEnv)


def test_elsewhere_they_are_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmrl.envs.vec_env.get_device", lambda _: torch.device("cuda"))
    env = make_vec_env("warmrl/TMaze-v0", 2, device="cpu", seed=0, length=7)
    assert isinstance(env, TensorVecEnv)
    assert env.task == TMaze(7)


@pytest.mark.parametrize("n", [0, -1])
def test_there_has_to_be_an_environment(n: int) -> None:
    with pytest.raises(ValueError, match=f"num_envs={n} must be at least 1"):
        TensorVecEnv(TMaze(2), n, "cpu")
