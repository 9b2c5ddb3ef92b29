"""The compiled loss against the one that torch differentiates."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from warmrl.agents import MlpRnnPolicy, RecurrentPPO, ppo_loss
from warmrl.agents.kernels import Coefficients, Heads, Taken, wanted
from warmrl.agents.kernels import loss as discrete_loss
from warmrl.agents.kernels.discrete_loss import DiscreteLoss
from warmrl.agents.ppo_loss import Losses, PPOLoss
from warmrl.envs import make_vec_env

INFINITE = float("inf")


def descended(
    model: RecurrentPPO, loss: PPOLoss, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[Losses, list[Tensor]]:
    """The losses of a minibatch, and the gradients of all parameters."""
    calls: list[bool] = []
    apply = DiscreteLoss.apply
    monkeypatch.setattr(DiscreteLoss, "apply", lambda *args: calls.append(True) or apply(*args))  # type: ignore[func-returns-value, no-untyped-call]
    if not compiled:
        monkeypatch.setattr(ppo_loss, "_compiled", lambda *_: False)
    model.rollout_buffer.random = np.random.default_rng(0)
    minibatch = next(model.rollout_buffer.minibatches(40, 25))
    assert len(minibatch) > 1
    model.policy.zero_grad()
    losses = loss.descend(model.policy, minibatch)
    assert len(calls) == (len(minibatch) if compiled else 0)
    monkeypatch.undo()
    return losses, [p.grad for p in model.policy.parameters() if p.grad is not None]


@pytest.mark.skipif(not wanted(), reason="counts calls of what WARMRL_KERNELS=off replaces")
@pytest.mark.parametrize(
    "policy_kwargs",
    [
        {"cell": "gru"},
        {"cell": "lstm", "value_gradient": True},
        {"cell": "lstm", "skip": False, "enable_critic_lstm": True},
        {"cell": "mgu", "shared_lstm": False, "enable_critic_lstm": False},
    ],
)
@pytest.mark.parametrize(
    "loss",
    [
        PPOLoss(0.2, None, True, 0.0, 0.5),
        PPOLoss(0.02, 0.01, True, 0.3, 0.7),
        PPOLoss(0.02, 0.3, False, 0.01, 0.0),
    ],
)
def test_it_says_what_torch_says(
    policy_kwargs: dict[str, Any], loss: PPOLoss, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make_vec_env("warmrl/TMaze-v0", 6, seed=0, length=4)
    settings: dict[str, Any] = {
        "n_steps": 16,
        "batch_size": 24,
        "learning_rate": 0.03,
        "seed": 0,
        "device": "cpu",
    }
    small = {"lstm_hidden_size": 8} | policy_kwargs
    model = RecurrentPPO("MlpRnnPolicy", env, policy_kwargs=small, **settings)
    model.learn(16 * 6)  # its update leads away from the policy of the rollout
    losses, gradients = descended(model, loss, True, monkeypatch)
    wanted, wanted_gradients = descended(model, loss, False, monkeypatch)
    assert 0 < wanted.clip_fraction < 1
    for name, got in losses._asdict().items():
        torch.testing.assert_close(got, getattr(wanted, name), rtol=1e-5, atol=1e-6, msg=name)
    assert len(gradients) == len(wanted_gradients) > 8
    for got, gradient in zip(gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(got, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("clip_range_vf", [INFINITE, 0.3])
def test_gradcheck(clip_range_vf: float) -> None:
    rng = torch.Generator().manual_seed(0)

    def draw(*size: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(*size, generator=rng, dtype=torch.float64)

    n, width, n_actions = 12, 5, 3
    latents = [draw(n, width).requires_grad_() for _ in range(2)]
    heads = Heads(draw(n_actions, width), draw(n_actions), draw(1, width), draw(1))
    taken = Taken(
        torch.randint(n_actions, (n,), generator=rng),
        -torch.rand(n, generator=rng, dtype=torch.float64),
        *(draw(n) for _ in range(3)),
    )
    coefficients = Coefficients(0.2, clip_range_vf, 0.1, 0.5)

    def total(*inputs: Tensor) -> Any:
        return discrete_loss(inputs[0], inputs[1], taken, coefficients, Heads(*inputs[2:]))[0]

    inputs = (*latents, *(weight.requires_grad_() for weight in heads))
    assert torch.autograd.gradcheck(total, inputs)
    # Asked for again, and as a part of something larger, it is the same.
    loss = total(*inputs)
    once = torch.autograd.grad(loss, inputs, retain_graph=True)
    twice = torch.autograd.grad(2 * loss, inputs)
    for a, b in zip(once, twice, strict=True):
        torch.testing.assert_close(2 * a, b)


class Own(MlpRnnPolicy):
    def evaluate_actions(self, *args: Any) -> Any:
        values, log_probs, entropy = super().evaluate_actions(*args)
        return values + 100, log_probs, entropy


def test_policies_that_evaluate_actions_themselves_are_asked() -> None:
    env = make_vec_env("warmrl/TMaze-v0", 2, seed=0, length=3)
    assert isinstance(env.action_space, spaces.Discrete)
    settings: dict[str, Any] = {"n_steps": 8, "batch_size": 16, "seed": 0, "device": "cpu"}
    small = {"lstm_hidden_size": 4}
    model = RecurrentPPO(Own, env, policy_kwargs=small, learning_rate=0.0, **settings)
    model.learn(16)
    assert model.logger.name_to_value["train/value_loss"] > 9_000
