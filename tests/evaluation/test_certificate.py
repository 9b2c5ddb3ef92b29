"""Certificates against brute force, on agents whose behaviour is known by hand."""

import numpy as np
import numpy.typing as npt
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from warmrl.agents import Agent, MlpRnnPolicy
from warmrl.envs import DelayedRecall, Episode, TMaze
from warmrl.evaluation import CannotCertify, certify
from warmrl.tests.evaluation.automaton import (
    AutomatonAgent,
    first_right,
    right_delays,
    tmaze_automaton,
)

RIGHT, UP, LEFT, DOWN = range(4)
Entries = dict[tuple[int, str], tuple[int, int]]

PERFECT: Entries = {
    (0, "up"): (1, RIGHT),
    (0, "down"): (2, RIGHT),
    (1, "corridor"): (1, RIGHT),
    (2, "corridor"): (2, RIGHT),
    (1, "junction"): (1, UP),
    (2, "junction"): (2, DOWN),
}


def test_perfect_agent_is_certified_from_the_shortest_corridor() -> None:
    certificate = certify(tmaze_automaton(3, PERFECT), TMaze())
    assert (certificate.holds, certificate.from_delay) == (True, 2)
    assert certificate.cycle_length == 1
    assert certificate.reason == ""


def test_agent_that_forgets_one_cue_is_not_certified() -> None:
    certificate = certify(tmaze_automaton(3, PERFECT | {(2, "junction"): (2, UP)}), TMaze())
    assert (certificate.holds, certificate.from_delay) == (False, None)
    assert "for cue 2 of 2" in certificate.reason


def counter(n: int, period: int, wrong: set[int]) -> AutomatonAgent:
    """Counts corridor steps up to n, then goes round the last `period` counts; wrong on some."""
    entries: Entries = {}
    for cue, arm, other in ((0, UP, DOWN), (1, DOWN, UP)):
        first = 1 + cue * n
        entries[0, ("up", "down")[cue]] = (first, RIGHT)
        for count in range(n):
            after = count + 1 if count + 1 < n else n - period
            entries[first + count, "corridor"] = (first + after, RIGHT)
            entries[first + count, "junction"] = (first, other if count in wrong else arm)
    return tmaze_automaton(1 + 2 * n, entries)


@pytest.mark.parametrize(
    ("wrong", "from_delay"),
    # The count at the junction of length L is L - 1 until it goes round.
    [(set[int](), 2), ({1}, 3), ({99}, 101), ({1, 50}, 52), ({100}, None), ({106}, None)],
)
def test_transient_then_cycle(wrong: set[int], from_delay: int | None) -> None:
    agent = counter(107, 7, wrong)
    certificate = certify(agent, TMaze())
    assert certificate.from_delay == from_delay
    assert certificate.holds == (from_delay is not None)
    assert certificate.cycle_length == 7
    assert first_right(right_delays(agent, 2, 300), 2) == from_delay


def test_agent_trapped_in_the_corridor_is_not_certified() -> None:
    agent = tmaze_automaton(3, PERFECT | {(1, "corridor"): (1, UP)})
    certificate = certify(agent, TMaze())
    assert not certificate.holds
    assert "never gets beyond 1" in certificate.reason


def test_agent_trapped_between_start_and_corridor_is_not_certified() -> None:
    agent = tmaze_automaton(1, {(0, "up"): (0, RIGHT), (0, "corridor"): (0, LEFT)})
    assert "never gets beyond 1" in certify(agent, TMaze()).reason


def test_agent_that_waits_at_the_junction_is_not_certified() -> None:
    agent = tmaze_automaton(3, PERFECT | {(1, "junction"): (1, RIGHT)})
    assert "it is wrong for the delays 64, 65" in certify(agent, TMaze()).reason


def dithering(rights: int, lefts: int) -> AutomatonAgent:
    """Goes some steps right, then some left, then right again, and so on."""
    n = rights + lefts
    entries: Entries = {}
    for cue, arm in enumerate((UP, DOWN)):
        first = 1 + cue * n
        entries[0, ("up", "down")[cue]] = (first, RIGHT)
        for phase in range(n):
            action = RIGHT if phase < rights else LEFT
            entries[first + phase, "corridor"] = (first + (phase + 1) % n, action)
            entries[first + phase, "junction"] = (first, arm)
    return tmaze_automaton(1 + 2 * n, entries)


@pytest.mark.parametrize(
    ("rights", "lefts", "holds"),
    # Two right, one left: three steps a cell, which the horizon 3 L - 1 just allows.
    [(3, 1, True), (2, 1, True), (4, 2, True), (5, 3, False), (3, 2, False), (1, 1, False)],
)
def test_dithering_agent_needs_to_keep_the_horizon(rights: int, lefts: int, holds: bool) -> None:
    agent = dithering(rights, lefts)
    certificate = certify(agent, TMaze())
    assert certificate.holds == holds
    assert certificate.from_delay == first_right(right_delays(agent, 2, 300), 2)


def late_starter(waits: int) -> AutomatonAgent:
    """Bumps into the wall for some steps, then goes right for ever."""
    entries: Entries = {}
    for cue, arm in enumerate((UP, DOWN)):
        first = 1 + cue * (waits + 1)
        entries[0, ("up", "down")[cue]] = (first, RIGHT)
        for count in range(waits):
            entries[first + count, "corridor"] = (first + count + 1, UP)
        entries[first + waits, "corridor"] = (first + waits, RIGHT)
        for count in range(waits + 1):
            entries[first + count, "junction"] = (first, arm)
    return tmaze_automaton(1 + 2 * (waits + 1), entries)


@pytest.mark.parametrize("waits", [0, 1, 2, 3, 40, 150, 151])
def test_late_starter_is_certified_from_where_time_suffices(waits: int) -> None:
    # L + 1 + waits <= 3 L - 1.
    agent = late_starter(waits)
    certificate = certify(agent, TMaze())
    assert certificate.from_delay == max(2, -(-(waits + 2) // 2))
    assert certificate.from_delay == first_right(right_delays(agent, 2, 300), 2)


def test_undecided_agent_is_not_certified() -> None:
    certificate = certify(counter(107, 7, set()), TMaze(), max_steps=50)
    assert (certificate.holds, certificate.cycle_length) == (False, None)
    assert "not decided within 50 steps" in certificate.reason


N_STATES = 6
MOVES = hnp.arrays(
    np.int64,
    (N_STATES, 4, 2),
    elements=st.integers(0, N_STATES - 1),
).map(lambda moves: np.stack([moves[..., 0], moves[..., 1] % 4], axis=-1))


@settings(deadline=None, max_examples=40)
@given(moves=MOVES, hint=st.booleans())
def test_certificate_is_brute_force(moves: npt.NDArray[np.int64], hint: bool) -> None:
    if hint:  # most random automata are wrong: make these go right and remember the cue's parity
        moves = moves.copy()
        moves[0, 0], moves[0, 1] = (1, RIGHT), (2, RIGHT)
        moves[:, 2, 1] = np.where(np.arange(N_STATES) == 5, moves[:, 2, 1], RIGHT)
        moves[1::2, 2, 0] |= 1
        moves[2::2, 2, 0] &= 6
        moves[1::2, 3, 1], moves[2::2, 3, 1] = UP, DOWN
        moves[..., 0] = np.minimum(moves[..., 0], N_STATES - 1)
    agent = AutomatonAgent(moves)
    certificate = certify(agent, TMaze(), max_steps=2000)
    # Everything shorter than the margin is played, a period is at most 24, and a transient less.
    right = right_delays(agent, 2, 64 + 3 * 24)
    assert certificate.from_delay == first_right(right, 2)


def test_delayed_recall_automaton() -> None:
    task = DelayedRecall(delay=3, n_symbols=3)
    moves = np.zeros((7, 5, 2), dtype=np.int64)  # observation: 3 symbols, cue flag, query flag
    # argmax: a cue shows its symbol first; silence is all zeros and looks like symbol 0.
    for state in range(7):
        for seen in range(5):
            moves[state, seen] = (state, (state - 1) % 3)
    moves[0, :3, 0] = [1, 2, 3]
    moves[3, 0, 0], moves[6, 0, 0] = 6, 3  # the third symbol's state alternates
    agent = AutomatonAgent(moves, task)
    certificate = certify(agent, task)
    assert (certificate.holds, certificate.from_delay, certificate.cycle_length) == (True, 1, 2)
    assert right_delays(agent, 1, 100).all()
    moves[6, 4, 1] = 0  # wrong in every second phase
    wrong = AutomatonAgent(moves, task)
    assert not certify(wrong, task).holds
    assert first_right(right_delays(wrong, 1, 100), 1) != 1


@pytest.mark.parametrize(
    "task",
    [TMaze(stochasticity=0.1), DelayedRecall(distractor="symbol"), DelayedRecall(n_cues=5)],
)
def test_what_cannot_be_certified(task: TMaze | DelayedRecall) -> None:
    agent = AutomatonAgent(np.zeros((1, task.observation_size, 2), dtype=np.int64), task)
    with pytest.raises(CannotCertify, match="cannot certify"):
        certify(agent, task)


def test_range_of_delays_is_certified_like_a_delay() -> None:
    agent = tmaze_automaton(3, PERFECT)
    assert certify(agent, TMaze(length=(2, 9))) == certify(agent, TMaze(length=7))


def test_agent_of_another_task_is_refused() -> None:
    low, high = Episode(TMaze(observe_previous=False)).observation_bounds
    policy = MlpRnnPolicy(spaces.Box(low, high), spaces.Discrete(4), lambda _: 0.0)
    with pytest.raises(ValueError, match="observation space"):
        certify(Agent(policy), TMaze())
