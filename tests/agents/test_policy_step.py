"""One step of a policy, against the policy itself."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from warmrl.agents.cells import CELLS
from warmrl.agents.policies import MlpRnnPolicy
from warmrl.agents.policy_step import PolicyStep

BOX = spaces.Box(-1.0, 1.0, (3,), np.float32)
DISCRETE = spaces.Discrete(3)
every_cell = pytest.mark.parametrize("cell", CELLS)
every_width = pytest.mark.parametrize("double", [False, True])


def make_policy(randomise: Callable[..., None], action_space: Any, **kwargs: Any) -> MlpRnnPolicy:
    settings = {"lstm_hidden_size": 7, "n_lstm_layers": 2} | kwargs
    policy = MlpRnnPolicy(BOX, action_space, lambda _: 1e-3, **settings)
    randomise(policy)
    policy.set_training_mode(False)
    return policy


@every_cell
@every_width
@pytest.mark.parametrize("action_space", [DISCRETE, BOX], ids=["discrete", "box"])
def test_a_step_is_the_policys(
    cell: str, double: bool, action_space: Any, randomise: Callable[..., None]
) -> None:
    policy = make_policy(randomise, action_space, cell=cell, double=double, net_arch=[4])
    step, n = PolicyStep(policy), 5
    state = theirs = step.initial_state(n)
    assert state[0].shape == state[1].shape == (2, n, 7)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        obs = torch.randn(n, 3, generator=generator)
        actions, state = step(obs, state)
        with torch.no_grad():
            distribution, theirs = policy.get_distribution(obs, theirs, torch.zeros(n))
        for a, b in zip(state, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
        wanted = distribution.get_actions(deterministic=True)
        torch.testing.assert_close(actions, wanted, rtol=0, atol=1e-5)


@every_cell
@every_width
def test_weights_are_a_snapshot(cell: str, double: bool, randomise: Callable[..., None]) -> None:
    policy = make_policy(randomise, DISCRETE, cell=cell, double=double)
    step = PolicyStep(policy)
    obs, state = torch.ones(2, 3), PolicyStep(policy).initial_state(2)
    features = step.features(obs)
    before, _ = step.advance(features, state)
    randomise(policy.lstm_actor, seed=9)
    assert torch.equal(step.advance(features, state)[0], before)
    assert not torch.equal(PolicyStep(policy).advance(features, state)[0], before)


def test_a_step_needs_no_gradient_and_leaves_the_state_alone(
    randomise: Callable[..., None],
) -> None:
    step = PolicyStep(make_policy(randomise, DISCRETE))
    state = step.initial_state(2)
    actions, following = step(torch.ones(2, 3), state)
    assert actions.shape == (2,)
    assert not following[0].requires_grad
    assert not any(part.any() for part in state)


def test_sampled_actions_follow_the_distribution(randomise: Callable[..., None]) -> None:
    policy = make_policy(randomise, DISCRETE)
    step, n = PolicyStep(policy), 4000
    obs, state = torch.ones(n, 3), step.initial_state(n)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        actions, _ = step(obs, state, deterministic=False)
    distribution, _ = policy.get_distribution(obs[:1], step.initial_state(1), torch.zeros(1))
    probabilities: Any = distribution.distribution
    share = torch.bincount(actions, minlength=3) / n
    torch.testing.assert_close(share, probabilities.probs[0].detach(), rtol=0, atol=0.03)
