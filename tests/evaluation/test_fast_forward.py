"""Corridors skipped: the same results as if every step were taken."""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st

from warmrl.agents import CELLS, MlpRnnPolicy
from warmrl.agents.policy_step import PolicyStep
from warmrl.envs import Episode, MemoryTask, TMaze
from warmrl.evaluation.fast_forward import MARGIN, FastForward
from warmrl.evaluation.play import EpisodeNoise, Played, play
from warmrl.tests.envs.variants import WITH_CUES


def agent(task: MemoryTask, cell: str, seed: int, scale: float) -> PolicyStep:
    """An untrained one; its actions differ from state to state the more, the larger the scale."""
    size = Episode(task).observation_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = MlpRnnPolicy(
            gym.spaces.Box(-5, 5, (size,)),
            gym.spaces.Discrete(task.n_actions),
            lambda _: 1e-3,
            cell=cell,
            lstm_hidden_size=4,
            net_arch=[],
        )
        with torch.no_grad():
            for weight in policy.parameters():
                weight.mul_(scale)
            bias = policy.action_net.bias
            bias[0] += 1.0  # to the right, where there is a right
    return PolicyStep(policy)


def played(step: PolicyStep, task: MemoryTask, skip: bool) -> tuple[Played, int]:
    skipped: list[int] = []
    cues = task.cues()
    forward = FastForward(Episode(task), task.delay, lambda _, n: skipped.append(n))  # type: ignore[arg-type]
    played = play(step, task, cues, EpisodeNoise(0, len(cues)), forward=forward if skip else None)
    return played, sum(skipped)


@settings(max_examples=15, deadline=None)
@given(
    task=st.sampled_from([task for task in WITH_CUES if len(task.cues()) < 20]),
    cell=st.sampled_from(sorted(CELLS)),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([0.5, 1.0, 3.0]),
    delay=st.integers(300, 420),
)
def test_results_are_those_of_walking_it_all(
    task: MemoryTask, cell: str, seed: int, scale: float, delay: int
) -> None:
    task = task.with_delay(delay)
    step = agent(task, cell, seed, scale)
    walked, _ = played(step, task, skip=False)
    found, skipped = played(step, task, skip=True)
    event(f"skipped: {skipped > 0}")
    assert np.array_equal(found.solved, walked.solved)
    assert np.array_equal(found.lengths, walked.lengths)
    np.testing.assert_allclose(found.returns, walked.returns, rtol=0, atol=1e-6)


class Walker:
    """Right for two steps in three, and up in the third."""

    period = 3

    def initial_state(self, n: int) -> Any:
        return torch.zeros(1, n, 1), torch.zeros(1, n, 1)

    def __call__(self, seen: Any, memory: Any, deterministic: bool = True) -> Any:
        h, c = memory
        turn = (h[0, :, 0] % self.period).long()
        at_end = torch.as_tensor(seen)[:, -1] > 0
        action = torch.where((turn == self.period - 1) | at_end, 1, 0)
        return action, ((h + 1) % self.period, c)


def test_almost_all_of_a_long_corridor_is_skipped() -> None:
    task = TMaze(length=100_000)
    walker: Any = Walker()
    found, skipped = played(walker, task, skip=True)
    assert found.lengths.tolist() == [150_000, 150_000]  # 100 000 to the right, 50 000 up
    assert found.solved.tolist() == [True, False]
    bumps = 50_000 - 1
    np.testing.assert_allclose(found.returns, [4 - 0.1 * bumps, -0.1 * (bumps + 1)], rtol=1e-6)
    assert 150_000 - 2 * MARGIN < skipped < 150_000


def test_who_stands_still_is_skipped_to_the_end_of_time() -> None:
    walker: Any = Walker()
    walker.period = 1  # up for ever
    found, skipped = played(walker, TMaze(length=1000), skip=True)
    assert found.lengths.tolist() == [2999, 2999]
    assert skipped == 0  # in cell 0, which is not like the others


def test_short_corridors_are_walked() -> None:
    walker: Any = Walker()
    assert played(walker, TMaze(length=4 * MARGIN), skip=True)[1] == 0
