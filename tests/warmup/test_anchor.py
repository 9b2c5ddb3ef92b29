"""The anchor: the actions of a rollout, each of them once, as likely as they were."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from warmrl.agents import MultiInputRnnPolicy
from warmrl.tests.warmup.small_agents import frozen, ours, recall, upstream
from warmrl.warmup import ConsolidationCallback, ConsolidationResult
from warmrl.warmup.anchor import Anchor
from warmrl.warmup.consolidation import Kept

N, T = 3, 16
ACTIONS = {
    "discrete": spaces.Discrete(3),
    "box": spaces.Box(-1.0, 1.0, (2,)),
    "multi": spaces.MultiDiscrete([2, 3]),
}


class Steps(gym.Env[Any, Any]):
    """Episodes of 5 to 9 steps, in which every third observation is the last one once more."""

    def __init__(self, action_space: spaces.Space[Any], parts: bool) -> None:
        self.action_space = action_space
        box = spaces.Box(-1.0, 1.0, (2,))
        self.observation_space = spaces.Dict({"a": box, "b": spaces.Discrete(4)}) if parts else box

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.observation_space.seed(int(self.np_random.integers(1000)))
        self.t, self.length = 0, int(self.np_random.integers(5, 10))
        self.seen = self.observation_space.sample()
        return self.seen, {}

    def step(self, action: Any) -> Any:
        self.t += 1
        if self.t % 3:
            self.seen = self.observation_space.sample()
        return self.seen, 0.0, self.t == self.length, False, {}


def steps(action_space: spaces.Space[Any], parts: bool = False) -> VecEnv:
    env = DummyVecEnv([lambda: Steps(action_space, parts) for _ in range(N)])
    env.seed(0)
    return env


def kept_of(model: Any, patch: pytest.MonkeyPatch, n_rollouts: int = 2) -> Kept:
    """What is kept of the last rollout of a model that does not change."""
    seen: list[Kept] = []

    def look(_: ConsolidationCallback, kept: Kept) -> ConsolidationResult:
        seen.append(kept)
        return ConsolidationResult(0.0, 1, 0.0, 0.0, False, 1.0)

    patch.setattr(ConsolidationCallback, "_consolidated", look)
    frozen(model).learn(n_rollouts * N * T, callback=ConsolidationCallback())
    return seen[-1]


def all_of(anchor: Anchor) -> Any:
    with torch.no_grad():
        found = torch.cat([anchor.log_probs(i) for i in range(len(anchor))])
    return np.sort(found.numpy())


@pytest.mark.parametrize("n_rollouts", [1, 2])
@pytest.mark.parametrize("batch_size", [None, 20, 1])
@pytest.mark.parametrize(
    "case", ["ours", "upstream", "lstm", "parts", *(name for name in ACTIONS if name != "discrete")]
)
def test_actions_are_as_likely_as_when_they_were_taken(
    case: str, batch_size: int | None, n_rollouts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them once, in whatever minibatches; in the second rollout episodes go on."""
    if case == "upstream":
        model = upstream(steps(ACTIONS["discrete"]))
    elif case == "lstm":
        model = ours(recall(N), cell="lstm", n_lstm_layers=2, enable_critic_lstm=True)
    elif case == "parts":
        model = ours(steps(ACTIONS["discrete"], parts=True), MultiInputRnnPolicy)
    else:
        model = ours(steps(ACTIONS.get(case, ACTIONS["discrete"])))
    kept = kept_of(model, monkeypatch, n_rollouts)
    model.policy.set_training_mode(False)
    generator = torch.Generator().manual_seed(0)
    anchor = Anchor(model.policy, kept.begun, kept.played, batch_size, generator)
    (batch,) = model.rollout_buffer.get(None)
    expected = np.sort(batch.old_log_prob[batch.mask > 0].numpy())
    assert len(expected) == N * T
    np.testing.assert_allclose(all_of(anchor), expected, rtol=0, atol=1e-5)
    if batch_size is None:
        assert len(anchor) == 1
    else:
        n_episodes = sum(d.sum() for d in kept.played.dones[:-1]) + N
        assert len(anchor) == min(round(N * T / batch_size), n_episodes)


def test_the_change_is_the_mean_square(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ours(recall(N))
    kept = kept_of(model, monkeypatch)
    anchor = Anchor(model.policy, kept.begun, kept.played, 20, torch.Generator())
    for i in range(len(anchor)):
        before = anchor.log_probs(i).detach()
        assert anchor.change(i).item() == 0
        with torch.no_grad():
            model.policy.action_net.bias[0] += 0.1
        after = anchor.log_probs(i)
        expected = (after - before).square().mean()
        assert expected > 0
        assert anchor.change(i).item() == pytest.approx(expected.item())
        with torch.no_grad():
            model.policy.action_net.bias[0] -= 0.1


def test_minibatches_are_drawn_from_its_own_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ours(recall(N))
    kept = kept_of(model, monkeypatch)
    before = torch.get_rng_state()
    made = []
    for seed in (0, 0, 1):
        generator = torch.Generator().manual_seed(seed)
        anchor = Anchor(model.policy, kept.begun, kept.played, 20, generator)
        made.append([anchor.log_probs(i).tolist() for i in range(len(anchor))])
    assert made[0] == made[1]
    assert made[0] != made[2]
    assert torch.equal(torch.get_rng_state(), before)
