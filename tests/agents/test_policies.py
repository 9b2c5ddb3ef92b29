"""Policies: fast sequences with resets, gradients of the shared trunk, priors, save and load."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import Tensor, nn

from warmrl.agents.cells import CELLS
from warmrl.agents.layers import RecurrentStack
from warmrl.agents.policies import MlpRnnPolicy

HIDDEN, LAYERS, WIDTH = 4, 2, 3
BOX = spaces.Box(-1.0, 1.0, (WIDTH,), np.float32)
every_cell = pytest.mark.parametrize("cell", CELLS)


def make_policy(seed: int = 0, action_space: Any = None, **kwargs: Any) -> MlpRnnPolicy:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        settings_ = {"lstm_hidden_size": 8} | kwargs
        return MlpRnnPolicy(BOX, action_space or spaces.Discrete(3), lambda _: 1e-3, **settings_)


def randn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def states(n: int, width: int, shared: bool) -> RNNStates:
    h, c, vf_h, vf_c = randn(4, 1, n, width)
    return RNNStates((h, c), (h, c) if shared else (vf_h, vf_c))


def stepwise(stack: nn.Module, x: Tensor, h: Tensor, c: Tensor, starts: Tensor) -> tuple[Any, ...]:
    """The definition: one step at a time, states multiplied by zero where an episode starts."""
    outputs = []
    for x_t, start in zip(x.swapaxes(0, 1), starts.T, strict=True):  # (n_seq, T, I) -> (n_seq, I)
        keep = 1 - start[None, :, None]
        out, (h, c) = stack(x_t[None], (keep * h, keep * c))
        outputs.append(out[0])
    return torch.stack(outputs, dim=1).flatten(0, 1), h, c


@pytest.mark.parametrize("critic", [{}, {"enable_critic_lstm": True}, {"shared_lstm": False}])
def test_heads_with_a_skip_see_the_features_beside_the_state(critic: dict[str, bool]) -> None:
    policy = make_policy(lstm_hidden_size=4, skip=True, **critic)
    for parameter in policy.lstm_actor.parameters():
        parameter.data.zero_()  # so that its state stays 0
    obs = torch.randn(1, 3, generator=torch.Generator().manual_seed(0))
    zeros = (torch.zeros(1, 1, 4), torch.zeros(1, 1, 4))
    distribution, _ = policy.get_distribution(obs, zeros, torch.ones(1))
    heads = policy.action_net
    expected = heads.bias + heads.weight[:, 4:] @ obs[0]
    want = torch.distributions.Categorical(logits=expected).logits
    torch.testing.assert_close(distribution.distribution.logits[0], want)
    plain = make_policy(lstm_hidden_size=4, **critic)
    assert plain.action_net.in_features == plain.value_net.in_features == 4
    assert heads.in_features == policy.value_net.in_features == 7
    assert make_policy(cell="lstm", lstm_hidden_size=4, **critic).skip


@every_cell
@pytest.mark.parametrize("double", [False, True])
@settings(max_examples=15, deadline=None)
@given(
    resets=arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=8)),
)
def test_fast_sequences_are_a_loop_with_resets(
    cell: str, double: bool, resets: np.ndarray[Any, Any]
) -> None:
    """The golden test of a fast recurrent update: outputs, states and gradients."""
    n_seq, steps = resets.shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stack = RecurrentStack(cell, WIDTH, HIDDEN, LAYERS, double)
    x, h, c = randn(n_seq, steps, WIDTH), *randn(2, LAYERS, n_seq, HIDDEN)
    starts = torch.as_tensor(resets, dtype=torch.float32)
    inputs = [t.requires_grad_() for t in (x, h, c)]
    out, (last_h, last_c) = MlpRnnPolicy._process_sequence(
        x.flatten(0, 1), (h, c), starts.flatten(), stack
    )
    got, want = (out, last_h, last_c), stepwise(stack, x, h, c, starts)
    theirs, theirs_last = RecurrentActorCriticPolicy._process_sequence(
        x.flatten(0, 1), (h, c), starts.flatten(), stack
    )
    for a, b, upstream in zip(got, want, (theirs, *theirs_last), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
        torch.testing.assert_close(a, upstream, rtol=0, atol=1e-5)
    grads = [
        torch.autograd.grad(
            torch.stack([(r * randn(*r.shape, seed=5)).sum() for r in results]).sum(),
            [*inputs, *stack.parameters()],
        )
        for results in (got, want)
    ]
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_fast_sequences_are_upstreams_with_torchs_lstm(randomise: Callable[..., None]) -> None:
    n_seq, steps = 5, 9
    theirs = nn.LSTM(WIDTH, HIDDEN, LAYERS)
    randomise(theirs)
    stack = RecurrentStack("lstm", WIDTH, HIDDEN, LAYERS)
    for name, weight in theirs.state_dict().items():
        kind, depth = name.rsplit("_l", 1)
        getattr(stack.layers[int(depth)], kind).data.copy_(weight)
    starts = (randn(n_seq * steps, seed=7) > 0.8).float()
    assert starts.view(n_seq, steps)[:, 1:].any()
    given_ = (randn(n_seq * steps, WIDTH), tuple(randn(2, LAYERS, n_seq, HIDDEN)), starts)
    ours, last = MlpRnnPolicy._process_sequence(*given_, stack)
    want, want_last = RecurrentActorCriticPolicy._process_sequence(*given_, theirs)
    for a, b in zip((ours, *last), (want, *want_last), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_sequences_without_resets_are_one_call_of_the_trunk() -> None:
    stack = RecurrentStack("gru", WIDTH, HIDDEN)
    state = (torch.zeros(1, 2, HIDDEN),) * 2
    starts = torch.zeros(2, 6)
    starts[:, 0] = 1
    for at, calls in ((None, 1), (3, 2)):
        if at is not None:
            starts[1, at] = 1
        with patch.object(stack, "forward", wraps=stack.forward) as forward:
            MlpRnnPolicy._process_sequence(randn(12, WIDTH), state, starts.flatten(), stack)
        assert forward.call_count == calls


CRITICS = {
    "shared": {"value_gradient": True},
    "shared, blocked": {"value_gradient": False},
    "own": {"enable_critic_lstm": True},
    "without memory": {"shared_lstm": False},
}


@pytest.mark.parametrize("critic", CRITICS)
def test_evaluating_a_rollout_gives_what_was_seen_in_it(critic: str) -> None:
    policy, n, steps = make_policy(**CRITICS[critic]), 3, 6
    obs, first = randn(steps, n, WIDTH), states(n, 8, policy.shared_lstm)
    starts = (randn(steps, n, seed=3) > 0.7).float()
    now, seen = first, []
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for t in range(steps):
            alone = policy.predict_values(obs[t], now.vf, starts[t])
            actions, values, log_prob, now = policy(obs[t], now, starts[t])
            torch.testing.assert_close(alone, values)
            seen.append((actions, values.flatten(), log_prob))
    actions, values, log_probs = (torch.stack(column, dim=1) for column in zip(*seen, strict=True))
    got_values, got_log_probs, entropy = policy.evaluate_actions(
        obs.swapaxes(0, 1).flatten(0, 1), actions.flatten(), first, starts.T.flatten()
    )
    assert entropy is not None
    assert entropy.shape == (n * steps,)
    torch.testing.assert_close(got_values, values.reshape(-1, 1), rtol=0, atol=1e-6)
    torch.testing.assert_close(got_log_probs, log_probs.flatten(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("critic", CRITICS)
def test_where_the_value_gradient_goes(critic: str) -> None:
    policy = make_policy(net_arch={"pi": [4], "vf": [4]}, **CRITICS[critic])
    values, _, _ = policy.evaluate_actions(
        randn(6, WIDTH), torch.zeros(6), states(2, 8, policy.shared_lstm), torch.zeros(6)
    )
    names, weights = zip(*policy.named_parameters(), strict=True)
    grads = torch.autograd.grad(values.sum(), weights, allow_unused=True)
    reached = {n for n, grad in zip(names, grads, strict=True) if grad is not None and grad.any()}
    assert any(name.startswith("value_net") for name in reached)
    assert not any(name.startswith(("action_net", "mlp_extractor.policy")) for name in reached)
    for prefix, owner in (
        ("lstm_actor", "shared"),
        ("lstm_critic", "own"),
        ("critic", "without memory"),
    ):
        assert any(name.startswith(f"{prefix}.") for name in reached) == (critic == owner)


def test_trunks_are_as_asked() -> None:
    shared = make_policy(cell="lstm", double=False, n_lstm_layers=2, lstm_hidden_size=6)
    assert isinstance(shared.lstm_actor, RecurrentStack)
    assert (shared.lstm_actor.num_layers, shared.lstm_actor.hidden_size) == (2, 6)
    assert (shared.shared_lstm, shared.lstm_critic, shared.critic) == (True, None, None)
    own = make_policy(enable_critic_lstm=True)
    assert isinstance(own.lstm_critic, RecurrentStack)
    assert own.lstm_critic is not own.lstm_actor
    assert not own.shared_lstm
    blind = make_policy(shared_lstm=False)
    assert blind.lstm_critic is None
    assert isinstance(blind.critic, nn.Linear)


@pytest.mark.parametrize("critic", CRITICS)
def test_the_optimiser_holds_every_weight_and_no_other(critic: str) -> None:
    policy = make_policy(**CRITICS[critic])
    held = [id(p) for group in policy.optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in policy.parameters())


@pytest.mark.parametrize("n", [1, 3])
def test_actions_follow_the_prior_before_training(n: int) -> None:
    prior = (0.5, 0.3, 0.2)
    policy = make_policy(action_prior=prior)
    zeros = (torch.zeros(1, n, 8),) * 2
    distribution, _ = policy.get_distribution(randn(n, WIDTH), zeros, torch.zeros(n))
    probabilities = cast(Any, distribution.distribution).probs
    torch.testing.assert_close(probabilities, torch.tensor([prior] * n), rtol=0, atol=0.01)


def test_a_prior_needs_discrete_actions() -> None:
    with pytest.raises(ValueError, match=r"action_prior=.*Discrete"):
        make_policy(action_space=BOX, action_prior=(0.2, 0.3, 0.5))


@every_cell
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("critic", CRITICS)
def test_a_policy_of_any_size_is_saved_and_loaded(
    cell: str, double: bool, critic: str, tmp_path: Path
) -> None:
    policy = make_policy(
        cell=cell,
        double=double,
        lstm_hidden_size=7,
        n_lstm_layers=2,
        net_arch={"pi": [5], "vf": [6]},
        action_prior=(0.2, 0.3, 0.5),
        **CRITICS[critic],
    )
    policy.save(str(tmp_path / "policy.pt"))
    loaded = MlpRnnPolicy.load(str(tmp_path / "policy.pt"))
    assert loaded.value_gradient == policy.value_gradient
    for (name, a), (other, b) in zip(
        policy.state_dict().items(), loaded.state_dict().items(), strict=True
    ):
        assert name == other
        assert torch.equal(a, b)
    seen = randn(4, WIDTH).numpy()
    for a, b in zip(
        policy.predict(seen, deterministic=True),
        loaded.predict(seen, deterministic=True),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_adam_is_fused_unless_told_otherwise() -> None:
    assert make_policy().optimizer.defaults["fused"] is True
    plain = make_policy(optimizer_kwargs={"eps": 1e-4})
    assert (plain.optimizer.defaults["fused"], plain.optimizer.defaults["eps"]) == (None, 1e-4)
    other = make_policy(optimizer_class=torch.optim.SGD)
    assert "fused" not in other.optimizer_kwargs


def test_steps_of_a_fused_optimiser_are_counted() -> None:
    policy = make_policy()
    parameters = list(policy.parameters())
    before = [p._version for p in parameters]
    for p in parameters:
        p.grad = torch.ones_like(p)
    policy.optimizer.step()
    assert all(p._version > v for p, v in zip(parameters, before, strict=True))
