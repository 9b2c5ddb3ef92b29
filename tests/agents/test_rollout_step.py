"""A step of a rollout against ``policy.forward``."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from warmrl.agents.cells import CELLS
from warmrl.agents.overrides import linear_heads
from warmrl.agents.policies import MlpRnnPolicy
from warmrl.agents.rollout_step import RolloutStep

BOX = spaces.Box(-1.0, 1.0, (3,), np.float32)
DISCRETE = spaces.Discrete(3)


def make_policy(action_space: spaces.Space[Any] = DISCRETE, **kwargs: Any) -> MlpRnnPolicy:
    return MlpRnnPolicy(BOX, action_space, lambda _: 1e-3, lstm_hidden_size=7, **kwargs)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "kwargs",
    [{}, {"n_lstm_layers": 2, "net_arch": [4], "double": False}, {"enable_critic_lstm": True}],
)
def test_it_does_what_forward_does(
    cell: str, kwargs: dict[str, Any], randomise: Callable[..., None]
) -> None:
    policy = make_policy(cell=cell, **kwargs)
    randomise(policy)
    policy.set_training_mode(False)
    step, n = RolloutStep(policy), 50
    assert RolloutStep.fits(policy)
    generator = torch.Generator().manual_seed(0)
    zeros = torch.zeros(policy.lstm_hidden_state_shape[0], n, 7)
    states = RNNStates((zeros, zeros), (zeros, zeros))
    for t in range(6):
        obs = torch.randn(n, 3, generator=generator)
        starts = torch.rand(n, generator=generator) < 0.3
        results = []
        for act, kind in ((step, torch.bool), (policy, torch.float32)):
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                torch.manual_seed(t)
                results.append(act(obs, states, starts.to(kind)))
        ours, theirs = results
        assert torch.equal(ours[0], theirs[0])
        for a, b in zip(ours[1:3], theirs[1:3], strict=True):
            assert a.shape == b.shape
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
        for pair, wanted in zip(ours[3], theirs[3], strict=True):
            for a, b in zip(pair, wanted, strict=True):
                torch.testing.assert_close(a, b, rtol=0, atol=1e-6)
        states = theirs[3]
        with torch.no_grad():
            expected = policy.predict_values(obs, states.vf, torch.zeros(n))
        torch.testing.assert_close(step.values(obs, states.vf), expected, rtol=0, atol=1e-5)


class Other(MlpRnnPolicy):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return super().forward(*args, **kwargs)


def test_other_policies_keep_their_own_forward() -> None:
    assert not RolloutStep.fits(make_policy(BOX))
    assert not RolloutStep.fits(
        make_policy(enable_critic_lstm=True, share_features_extractor=False)
    )
    assert not RolloutStep.fits(make_policy(shared_lstm=False))
    assert not RolloutStep.fits(Other(BOX, DISCRETE, lambda _: 1e-3))


def orthogonal_weights(policy: MlpRnnPolicy) -> None:
    parametrizations.orthogonal(policy.action_net)


def own_layers(policy: MlpRnnPolicy) -> None:
    class Halved(MlpExtractor):
        def forward_actor(self, features: Tensor) -> Tensor:
            return 0.5 * features

    policy.mlp_extractor = Halved(7, [], nn.Tanh)


def no_bias(policy: MlpRnnPolicy) -> None:
    policy.value_net.register_parameter("bias", None)


@pytest.mark.parametrize("change", [orthogonal_weights, own_layers, no_bias])
def test_heads_of_ones_own_are_used(change: Callable[[MlpRnnPolicy], None]) -> None:
    policy = make_policy(cell="gru")
    assert linear_heads(policy)
    change(policy)
    assert not linear_heads(policy)
    step, n = RolloutStep(policy), 20
    obs, zeros = torch.randn(n, 3), torch.zeros(1, n, 7)
    states = RNNStates((zeros, zeros), (zeros, zeros))
    with torch.no_grad():
        actions, values, log_probs, _ = step(obs, states, torch.ones(n, dtype=torch.bool))
        wanted, taken, _ = policy.evaluate_actions(obs, actions, states, torch.ones(n))
    torch.testing.assert_close(values, wanted)
    torch.testing.assert_close(log_probs, taken)
