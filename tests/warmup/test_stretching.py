"""Consolidation: what is lost in longer waits, and how it is found and learned again."""

from typing import Any

import pytest
import torch
from torch import Tensor

from warmrl.tests.warmup.small_agents import (
    EASILY,
    frozen,
    ours,
    recall,
    restless,
    weights,
    whatever,
)
from warmrl.warmup import ConsolidationConfig, consolidation
from warmrl.warmup.resting import Resting, held
from warmrl.warmup.settling import Settling
from warmrl.warmup.stretching import Stretching, doubled


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
        model.learn(16 * 16, callback=whatever(config))
        actor = settlings[-1]._actor
        with torch.no_grad():
            after = held(actor.rnn, actor.x, actor.start, n_drift=0, n_hold=40)
            changes.append(settlings[-1]._sequels.changes(after).mean().item())
    assert changes[1] < changes[0] / 4


def test_what_is_lost_in_longer_waits_is_learned(settlings: list[Watched]) -> None:
    """Nothing else tells it what to do in waits that are ten times as long."""
    changes = []
    for n_steps in (1, 40):
        model = restless(ours(recall(n_envs=16)))
        config = ConsolidationConfig(
            1, n_steps, learning_rate=1e-2, stretch_steps=40, n_stretch_rounds=4, **EASILY
        )
        model.learn(16 * 16, callback=whatever(config))
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
    callback = whatever(ConsolidationConfig(3, 1, **EASILY | settings))
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
    callback = whatever(
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
    model.learn(16 * 16, callback=whatever(config))
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
    callback = whatever(ConsolidationConfig(2, 1, **EASILY))
    model.learn(16 * 16, callback=callback)
    assert settlings[0].started == 0
    assert callback.result is not None
    assert not callback.result.stretched


def test_it_says_what_it_came_to() -> None:
    """As what it looked at acts before and after, each wait held for longer."""
    model = restless(ours(recall(n_envs=16)))
    config = ConsolidationConfig(2, 30, learning_rate=1e-2, max_change=1e-2, flow_steps=10)
    callback = whatever(config)
    model.learn(16 * 16, callback=callback)
    result = callback.result
    assert result is not None
    assert 0 < result.lost_before <= 1
    assert result.lost_after < result.lost_before
    assert (result.n_waits, result.learning_rate) == (32, 1e-2)
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
    callback = whatever(ConsolidationConfig(1, 1, stretch_steps=25, **EASILY))
    model.learn(16 * 16, callback=callback)
    assert asked == [10, 10, 20, 25]
