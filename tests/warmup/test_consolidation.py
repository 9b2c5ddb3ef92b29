"""Consolidation: which states it takes, what becomes of them, and what it leaves alone."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO as UpstreamRecurrentPPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env as make_sb3_vec_env
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from warmrl.agents import CELLS, MlpRnnPolicy, MultiInputRnnPolicy, RecurrentPPO
from warmrl.envs import make_vec_env
from warmrl.warmup import (
    ConsolidationCallback,
    ConsolidationConfig,
    ConsolidationResult,
    consolidation,
)
from warmrl.warmup.resting import Resting, Ways, held
from warmrl.warmup.sequels import Played
from warmrl.warmup.settling import Settling, _log_probs
from warmrl.warmup.stretching import Stretching, doubled
from warmrl.warmup.waits import Waiting

SMALL: dict[str, Any] = {"n_steps": 16, "batch_size": 32, "n_epochs": 1, "seed": 0, "device": "cpu"}


def recall(n_envs: int = 4, **kwargs: Any) -> VecEnv:
    arguments = {"delay": 5, "n_symbols": 2, "observe_previous": False} | kwargs
    return make_vec_env("warmrl/DelayedRecall-v0", n_envs, seed=0, **arguments)


def ours(env: VecEnv, policy: Any = MlpRnnPolicy, **kwargs: Any) -> Any:
    settings = {"lstm_hidden_size": 8} | kwargs
    return RecurrentPPO(policy, env, policy_kwargs=settings, **SMALL)


def upstream(env: VecEnv) -> Any:
    return UpstreamRecurrentPPO(
        "MlpLstmPolicy", env, policy_kwargs={"lstm_hidden_size": 8}, **SMALL
    )


class Watched(Settling):
    """Counts how often it starts again."""

    started = 0

    def _start_again(self, trunks: list[Resting], forget: bool = False) -> None:
        self.started += 1
        super()._start_again(trunks, forget)


@pytest.fixture
def settlings(monkeypatch: pytest.MonkeyPatch) -> list[Watched]:
    """The descents that there were."""
    made: list[Watched] = []

    class Kept(Watched):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(consolidation, "Settling", Kept)
    return made


def weights(module: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(module.parameters()).detach().clone()


@pytest.fixture
def descents(monkeypatch: pytest.MonkeyPatch) -> list[Waiting]:
    """What would have been descended on."""
    seen: list[Waiting] = []

    def look(
        _: ConsolidationCallback, waiting: Waiting, played: Played, batches: list[Any], rate: float
    ) -> ConsolidationResult:
        assert batches
        assert len({len(part) for part in played}) == 1
        assert rate == ConsolidationConfig.learning_rate
        seen.append(waiting)
        return ConsolidationResult(0.0, len(waiting.wait), 0.0, 0.0, False, rate)

    monkeypatch.setattr(ConsolidationCallback, "_descend", look)
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


def frozen(model: Any) -> Any:
    """A model that PPO does not change."""
    model.learning_rate, model.lr_schedule = 0.0, lambda _: 0.0
    return model


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
        model.learn(16 * 16, callback=ConsolidationCallback(config))
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
    ours(recall()).learn(64, callback=ConsolidationCallback(config))
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
        model.learn(16 * 16, callback=ConsolidationCallback(config))
        after = _log_probs(model.policy, batch).detach()
        moved.append((after - batch.old_log_prob).square().mean().item())
    assert moved[1] < moved[0] / 4


def test_what_followed_a_wait_is_rehearsed_after_longer_ones(settlings: list[Watched]) -> None:
    """What is done at the query then is what was done, though all else is left alone."""
    changes = []
    for rehearsal in (0.0, 10.0):
        model = frozen(ours(recall(n_envs=16)))
        with torch.no_grad():
            for weight in model.policy.parameters():
                weight.mul_(3)
        config = ConsolidationConfig(
            4, 25, learning_rate=1e-2, anchor=0.0, rehearsal=rehearsal, n_states=16
        )
        model.learn(16 * 16, callback=ConsolidationCallback(config))
        actor = settlings[-1]._actor
        with torch.no_grad():
            after = held(actor.rnn, actor.x, actor.start, n_drift=0, n_hold=40)
            changes.append(settlings[-1]._sequels.changes(after).mean().item())
    assert changes[1] < changes[0] / 4


def restless(model: Any) -> Any:
    """A model that PPO does not change, whose states move a lot in waits, and actions with them."""
    with torch.no_grad():
        for weight in model.policy.parameters():
            weight.mul_(3)
        model.policy.action_net.weight.mul_(30)
    return frozen(model)


EASILY: dict[str, Any] = {"max_change": 1e-3, "max_lost": 0.0, "n_states": 16, "flow_steps": 10}


def test_what_is_lost_in_longer_waits_is_learned(settlings: list[Watched]) -> None:
    """Nothing else tells it what to do in waits that are ten times as long."""
    changes = []
    for n_steps in (1, 40):
        model = restless(ours(recall(n_envs=16)))
        config = ConsolidationConfig(
            1, n_steps, learning_rate=1e-2, stretch_steps=40, n_stretch_rounds=4, **EASILY
        )
        model.learn(16 * 16, callback=ConsolidationCallback(config))
        with torch.no_grad():
            changes.append(settlings[-1]._longer.changes(40).mean().item())
    assert changes[1] < changes[0] / 4


@pytest.mark.parametrize(
    ("settings", "started"),
    [
        ({"n_restarts": 0}, 3 + 1),
        ({"n_stretch_rounds": 0, "n_restarts": 1}, 1 + 3 + 1),
        ({"n_stretch_rounds": 0, "n_restarts": 0}, 1),
        ({"max_lost": 1.0}, 1),
        ({"max_change": 1e9}, 1),
    ],
)
def test_it_starts_again_only_where_much_is_lost(
    settings: dict[str, Any], started: int, settlings: list[Watched]
) -> None:
    """Before each of three rounds; otherwise only to see whether anything is lost in the end."""
    model = restless(ours(recall(n_envs=16)))
    callback = ConsolidationCallback(ConsolidationConfig(3, 1, **EASILY | settings))
    model.learn(16 * 16, callback=callback)
    assert settlings[0].started == started
    assert callback.result is not None
    assert callback.result.stretched == (started == 3 + 1)


@pytest.mark.parametrize(
    ("shares", "kept"),
    [([0.02], 0), ([0.5, 0.02], 1), ([0.5, 0.3, 0.2], 2), ([0.5, 0.5], 0), ([0.5, 0.3, 0.4], 1)],
)
def test_what_is_lost_in_the_end_begins_anew(
    shares: list[float], kept: int, settlings: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice at most, and what makes nothing better is taken back."""
    asked: list[tuple[Tensor, int]] = []
    trunks: list[Tensor] = []
    restless(model := ours(recall(n_envs=16)))

    def share_lost(settling: Settling, n_steps: int) -> float:
        asked.append((settling._actor.start[0], n_steps))
        trunks.append(weights(model.policy.lstm_actor))
        return [0.01, *shares][len(asked) - 1]

    monkeypatch.setattr(Settling, "_share_lost", share_lost)
    callback = ConsolidationCallback(
        ConsolidationConfig(2, 1, learning_rate=1e-2, flow_steps=10, flow_growth=2, look_steps=70)
    )
    model.learn(16 * 16, callback=callback)
    assert [n_steps for _, n_steps in asked] == [100] + len(shares) * [70]
    assert not torch.equal(asked[0][0], asked[1][0])
    assert settlings[0].started == 1 + (len(shares) - 1) * (2 + 1)
    result = callback.result
    assert result is not None
    assert (result.lost_before, result.stretched) == (0.01, kept > 0)
    assert result.lost_after == shares[kept]
    assert torch.equal(weights(model.policy.lstm_actor), trunks[1 + kept])


@pytest.mark.parametrize(
    ("last", "lengths"), [(100, [25, 50, 100]), (122, [25, 50, 100, 122]), (25, [25]), (10, [10])]
)
def test_lengths_are_doubled(last: int, lengths: list[int]) -> None:
    assert doubled(25, last) == lengths


@pytest.mark.parametrize(
    ("length", "at_rest", "share", "looked_at"),
    [(10, 99, 0.5, 90), (40, 99, 0.5, 90), (90, 99, 0.5, 90), (15, 99, 0, 90), (90, 40, 0, 40)],
)
def test_what_is_lost_and_found_again_is_lost(
    length: int,
    at_rest: int,
    share: float,
    looked_at: int,
    settlings: list[Watched],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of the waits are, at one length only; what is at rest is not held any longer."""
    model = restless(ours(recall(n_envs=16)))
    config = ConsolidationConfig(1, 1, **EASILY)
    model.learn(16 * 16, callback=ConsolidationCallback(config))
    (settling,) = settlings
    held_for = 0

    def led(_: Any, x: Tensor, state: Any, n_steps: int) -> Any:
        nonlocal held_for
        held_for += n_steps
        return tuple(part + (held_for < at_rest) for part in state)

    def changes(_: Any) -> Tensor:
        half = torch.arange(len(settling._actor.x)) % 2 == 0
        return half.float() * (held_for == length)

    monkeypatch.setattr("warmrl.warmup.settling.led", led)
    monkeypatch.setattr(settling._sequels, "changes", changes)
    assert settling._share_lost(90) == share
    assert held_for == looked_at


def test_where_no_episode_begins_there_is_nothing_to_stretch(settlings: list[Watched]) -> None:
    model = restless(ours(recall(n_envs=16, delay=30)))
    callback = ConsolidationCallback(ConsolidationConfig(2, 1, **EASILY))
    model.learn(16 * 16, callback=callback)
    assert settlings[0].started == 0
    assert callback.result is not None
    assert not callback.result.stretched


def test_it_says_what_it_came_to() -> None:
    """As what it looked at acts before and after, each wait held for longer."""
    model = restless(ours(recall(n_envs=16)))
    config = ConsolidationConfig(2, 30, learning_rate=1e-2, max_change=1e-2, flow_steps=10)
    callback = ConsolidationCallback(config)
    model.learn(16 * 16, callback=callback)
    result = callback.result
    assert result is not None
    assert 0 < result.lost_before <= 1
    assert result.lost_after < result.lost_before
    assert (result.n_waits, result.learning_rate) == (32, 1e-2)
    logged = model.logger.name_to_value
    assert logged["consolidation/lost_before"] == result.lost_before
    assert logged["consolidation/lost_after"] == result.lost_after
    callback.when = lambda: False
    model.learn(16 * 16, callback=callback)
    assert callback.result is None


def test_stretching_goes_farther_and_farther(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for: as long as it is not kept the same, then twice as much, then the most."""
    asked: list[int] = []
    kept = {10: 2, 20: 1, 25: 1}  # how often each must be asked for

    def keeps(_: Stretching, n_more: int) -> bool:
        asked.append(n_more)
        return asked.count(n_more) >= kept[n_more]

    monkeypatch.setattr(Stretching, "_keeps", keeps)
    model = restless(ours(recall(n_envs=16)))
    callback = ConsolidationCallback(ConsolidationConfig(1, 1, stretch_steps=25, **EASILY))
    model.learn(16 * 16, callback=callback)
    assert asked == [10, 10, 20, 25]


@pytest.mark.parametrize("settings", [{}, EASILY])
@pytest.mark.parametrize("make_model", [ours, upstream])
def test_only_recurrent_layers_change(make_model: Any, settings: dict[str, Any]) -> None:
    model = frozen(make_model(recall()))
    policy = model.policy
    trunks = [policy.lstm_actor] + ([policy.lstm_critic] if policy.lstm_critic is not None else [])
    assert len(trunks) == (1 if make_model is ours else 2)
    before, whole = [weights(trunk) for trunk in trunks], weights(policy)
    model.learn(64, callback=ConsolidationCallback(ConsolidationConfig(1, 2, **settings)))
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
        model.learn(2 * 64, callback=ConsolidationCallback(config))
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
    model.learn(16 * 3, callback=ConsolidationCallback(ConsolidationConfig(1, 2)))
    assert not torch.equal(weights(model.policy.lstm_actor), before)


def test_divergence_is_said() -> None:
    model = ours(recall())
    model.learn(64)
    batches = list(model.rollout_buffer.get(None))
    with torch.no_grad():
        next(model.policy.lstm_actor.parameters()).fill_(float("nan"))
    callback = ConsolidationCallback()
    callback.init_callback(model)
    zeros = torch.zeros(1, 6, 8)
    observations = np.zeros((6, *model.observation_space.shape), np.float32)
    none = np.zeros(6, np.int64)
    waiting = Waiting(observations, (zeros, zeros), (zeros, zeros), none, none)
    played = Played([observations], [none], [none > 0])
    with pytest.raises(FloatingPointError, match="loss nan .* at step 0; weights and inputs must"):
        callback._descend(waiting, played, batches, 1e-3)


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
        ({"max_lost": 1.5}, "max_lost=1.5 must be a number from 0 to 1"),
    ],
)
def test_rejects(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConsolidationConfig(**settings)
