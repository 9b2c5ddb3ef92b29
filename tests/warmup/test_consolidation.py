"""Consolidation: which states it takes, what becomes of them, and what it leaves alone."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env as make_sb3_vec_env

from warmrl.agents import CELLS, MultiInputRnnPolicy
from warmrl.tests.warmup.small_agents import (
    EASILY,
    frozen,
    ours,
    recall,
    upstream,
    weights,
    whatever,
)
from warmrl.warmup import ConsolidationCallback, ConsolidationConfig, ConsolidationResult
from warmrl.warmup.consolidation import Kept
from warmrl.warmup.resting import Resting, Ways
from warmrl.warmup.taken_actions import evaluate_taken
from warmrl.warmup.waits import Waiting


@pytest.fixture
def descents(monkeypatch: pytest.MonkeyPatch) -> list[Waiting]:
    """What would have been descended on."""
    seen: list[Waiting] = []

    def look(_: ConsolidationCallback, kept: Kept) -> ConsolidationResult:
        assert len({len(part) for part in kept.played}) == 1
        seen.append(kept.waiting)
        return ConsolidationResult(0.0, len(kept.waiting.wait), 0.0, 0.0, False, 1.0)

    monkeypatch.setattr(ConsolidationCallback, "_consolidated", look)
    return seen


@pytest.mark.parametrize("make_model", [ours, upstream])
def test_waiting_is_seeing_nothing_new(make_model: Any, descents: list[Waiting]) -> None:
    """A cue, five silent steps and the query: four of seven steps show what the last one showed."""
    model = make_model(recall(n_envs=3))
    model.learn(2 * 16 * 3, callback=ConsolidationCallback())
    (waiting,) = descents  # once, of the last rollout
    # Steps 16 to 31: most of the third episode and of the fifth, and all of the fourth
    per_env = [3, 4, 3]
    assert len(waiting.wait) == 3 * sum(per_env)
    lengths = np.unique(waiting.wait, return_counts=True)[1]
    assert sorted(lengths.tolist()) == sorted(per_env * 3)
    assert not waiting.observations.any()
    assert waiting.actor[0].shape == (1, 30, 8)


def test_a_rollout_that_is_cut_short_leaves_the_last_whole_one(descents: list[Waiting]) -> None:
    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps <= 16 * 3

    ours(recall(n_envs=3)).learn(10_000, callback=[ConsolidationCallback(), Stop()])
    (waiting,) = descents
    assert len(waiting.wait) == 3 * (4 + 4 + 1)  # of the first sixteen steps


@pytest.mark.parametrize(("watch", "waits"), [(slice(None), False), (slice(3, None), True)])
def test_previous_actions_can_be_left_out(
    watch: slice, waits: bool, descents: list[Waiting]
) -> None:
    model = ours(recall(observe_previous=True, n_symbols=2, n_envs=16, delay=2))
    model.learn(16 * 16, callback=ConsolidationCallback(watch=watch))
    n_waits = 16 * 4  # of sixteen steps in episodes of four, one in each shows nothing new
    found = len(descents[0].wait) if descents else 0
    assert found == n_waits if waits else found < 0.8 * n_waits


@pytest.mark.parametrize("cell", CELLS)
def test_states_come_to_rest(cell: str) -> None:
    """Without any learning besides: held for long, what is remembered changes far less."""
    speeds = []
    for n_rounds in (1, 8):
        model = frozen(ours(recall(n_envs=16), cell=cell, lstm_hidden_size=16))
        trunk = model.policy.lstm_actor
        with torch.no_grad():
            for weight in trunk.parameters():
                weight.mul_(3)  # restless
        config = ConsolidationConfig(
            n_rounds,
            20 if n_rounds > 1 else 1,
            learning_rate=1e-2,
            anchor=0.0,
            rehearsal=0.0,
            n_states=16,
        )
        model.learn(16 * 16, callback=whatever(config))
        state = torch.zeros(2, 1, 16, 16).normal_(generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            out, _ = trunk(torch.zeros(400, 16, 4), (state[0].tanh(), state[1]))
        speeds.append((out[-1] - out[-2]).abs().mean().item())
    assert speeds[1] < max(speeds[0] / 3, 1e-4)  # bistable cells are at rest already


def test_it_ends_when_all_is_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def flow(_: Resting, n_steps: int, max_slip: float, reach: float) -> tuple[int, float]:
        assert (max_slip, reach) == (0.5, 0.2)
        rounds.append(n_steps)
        _.goal = _.start
        _.ways = Ways(_.start[0][None], _.start[1][None], torch.ones(1, len(_.x), dtype=torch.bool))
        return (1, 0.0) if len(rounds) == 2 else (0, 1.0 if len(rounds) == 3 else 1e-9)

    monkeypatch.setattr(Resting, "flow", flow)
    config = ConsolidationConfig(6, 1, flow_steps=5, flow_growth=2, max_slip=0.5, rest_speed=1e-8)
    ours(recall()).learn(64, callback=whatever(config))
    assert rounds == [5, 10, 20, 40]  # not in the first round, nor with a slip, nor too fast


def test_the_anchor_holds_the_behaviour() -> None:
    moved = []
    for anchor in (0.0, 100.0):
        model = frozen(ours(recall(n_envs=16), lstm_hidden_size=16))
        with torch.no_grad():
            for weight in model.policy.parameters():
                weight.mul_(3)
        model.learn(16 * 16)
        (batch,) = model.rollout_buffer.get(None)
        config = ConsolidationConfig(2, 25, learning_rate=1e-2, anchor=anchor)
        model.learn(16 * 16, callback=whatever(config))
        _, after, _ = evaluate_taken(
            model.policy,
            batch.observations,
            batch.actions,
            batch.lstm_states,
            batch.episode_starts,
        )
        moved.append((after.detach() - batch.old_log_prob).square().mean().item())
    assert moved[1] < moved[0] / 4


@pytest.mark.parametrize("settings", [{}, EASILY])
@pytest.mark.parametrize("make_model", [ours, upstream])
def test_only_recurrent_layers_change(make_model: Any, settings: dict[str, Any]) -> None:
    model = frozen(make_model(recall()))
    policy = model.policy
    trunks = [policy.lstm_actor] + ([policy.lstm_critic] if policy.lstm_critic is not None else [])
    assert len(trunks) == (1 if make_model is ours else 2)
    before, whole = [weights(trunk) for trunk in trunks], weights(policy)
    model.learn(64, callback=whatever(ConsolidationConfig(1, 2, **settings)))
    after = [weights(trunk) for trunk in trunks]
    changed = [(a != b).sum() for a, b in zip(after, before, strict=True)]
    assert all(n > 0 for n in changed)
    assert (weights(policy) != whole).sum() == sum(changed)


def test_it_waits_until_it_is_asked() -> None:
    asked = 0

    def not_now() -> bool:
        nonlocal asked
        asked += 1
        return False

    results = []
    for callbacks in ([ConsolidationCallback(when=not_now)], []):
        model = ours(recall())
        model.learn(3 * 64, callback=callbacks)
        results.append(weights(model.policy))
    assert asked
    assert torch.equal(*results)


def test_what_is_kept_has_no_gaps(descents: list[Waiting]) -> None:
    """Asked for a while, not asked, and asked again, all in one rollout of sixteen steps."""
    now: list[int] = []

    def when() -> bool:
        now.append(len(now))
        return len(now) <= 4 or len(now) > 8

    ours(recall(n_envs=3)).learn(16 * 3, callback=ConsolidationCallback(when=when))
    (waiting,) = descents
    assert waiting.step.min() >= 0
    assert waiting.step.max() < 16 - 8


def test_same_seed_same_bits() -> None:
    results = []
    for seed in (0, 0, 1):
        model = ours(recall())
        config = ConsolidationConfig(1, 3, seed=seed)
        model.learn(2 * 64, callback=whatever(config))
        results.append(weights(model.policy.lstm_actor))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


class Silence(gym.Env[Any, Any]):
    """Dict observations that change only with the episode."""

    observation_space = spaces.Dict({"a": spaces.Discrete(3), "b": spaces.Box(-1.0, 1.0, (2,))})
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.left, b = 6, self.np_random.uniform(-1, 1, 2).astype(np.float32)
        self.seen = {"a": int(self.np_random.integers(3)), "b": b}
        return self.seen, {}

    def step(self, action: int) -> Any:
        self.left -= 1
        return self.seen, 0.0, self.left == 0, False, {}


def test_dict_observations() -> None:
    model = frozen(ours(make_sb3_vec_env(Silence, 3), MultiInputRnnPolicy))
    before = weights(model.policy.lstm_actor)
    model.learn(16 * 3, callback=whatever(ConsolidationConfig(1, 2)))
    assert not torch.equal(weights(model.policy.lstm_actor), before)


def test_divergence_is_said() -> None:
    class Break(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_training_end(self) -> None:
            with torch.no_grad():
                next(self.model.policy.parameters()).fill_(float("nan"))

    with pytest.raises(FloatingPointError, match="loss nan .* at step 0; weights and inputs must"):
        ours(recall()).learn(64, callback=[Break(), whatever()])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_rounds": 0}, "n_rounds=0 must be at least 1"),
        ({"look_steps": 0}, "look_steps=0 must be at least 1"),
        ({"n_restarts": -1}, "n_restarts=-1 must be at least 0"),
        ({"n_steps": 0}, "n_steps=0 must be at least 1"),
        ({"n_states": 0}, "n_states=0 must be at least 1"),
        ({"flow_steps": 1}, "flow_steps=1 must be at least 2"),
        ({"flow_growth": 0.9}, "flow_growth=0.9 must be a number of at least 1"),
        ({"max_slip": 0.0}, "max_slip=0.0 must be a positive number"),
        ({"max_change": 0.0}, "max_change=0.0 must be a positive number"),
        ({"rest_speed": 0.0}, "rest_speed=0.0 must be a positive number"),
        ({"batch_size": 0}, "batch_size=0 must be at least 1"),
        ({"n_followed": 0}, "n_followed=0 must be at least 1"),
        ({"rehearsal": -1.0}, "rehearsal=-1.0 must be a number of at least 0"),
        ({"anchor": -1.0}, "anchor=-1.0 must be a number of at least 0"),
        ({"noise": -1.0}, "noise=-1.0 must be a number of at least 0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be a positive number"),
        ({"max_hold_steps": 0}, "max_hold_steps=0 must be at least 1"),
        ({"max_drift_steps": -1}, "max_drift_steps=-1 must be at least 0"),
        ({"n_stretch_rounds": -1}, "n_stretch_rounds=-1 must be at least 0"),
        ({"stretch_steps": 0}, "stretch_steps=0 must be at least 1"),
        ({"min_idle": -0.1}, "min_idle=-0.1 must be a number from 0 to 1"),
        ({"max_lost": 1.5}, "max_lost=1.5 must be a number from 0 to 1"),
    ],
)
def test_rejects(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConsolidationConfig(**settings)
