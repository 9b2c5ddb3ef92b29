from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from warmrl.envs import Episode, TMaze
from warmrl.envs.tmaze_odds import arrival_probability

RIGHT, UP, LEFT, DOWN = range(4)
GOAL_UP, GOAL_DOWN = [[0.25]], [[0.75]]
CUE_UP, CUE_DOWN, CORRIDOR, JUNCTION = np.eye(4)
NO_NOISE = np.empty((1, 0))


def play(
    task: TMaze, cue: list[list[float]], actions: list[int]
) -> list[tuple[npt.NDArray[np.float32], float, bool, bool, bool]]:
    """Own observation, reward, terminated, truncated and success after every action."""
    episode = Episode(task)
    state = episode.reset(np.array(cue))
    steps = []
    for action in actions:
        state, reward, terminated, truncated = episode.step(state, np.array([action]), NO_NOISE)
        seen = task.observe(state.task)[0]
        solved = episode.success(state)
        steps.append(
            (seen, float(reward[0]), bool(terminated[0]), bool(truncated[0]), bool(solved[0]))
        )
    return steps


@pytest.mark.parametrize(("cue", "seen"), [(GOAL_UP, CUE_UP), (GOAL_DOWN, CUE_DOWN)])
def test_cue_is_shown_in_cell_zero_only(cue: list[list[float]], seen: npt.NDArray[Any]) -> None:
    task = TMaze(length=3)
    assert (task.observe(task.reset(np.array(cue)))[0] == seen).all()
    steps = play(task, cue, [RIGHT, LEFT, LEFT, UP, RIGHT, RIGHT, RIGHT])
    expected = [CORRIDOR, seen, seen, seen, CORRIDOR, CORRIDOR, JUNCTION]
    assert np.array_equal([step[0] for step in steps], expected)
    assert [step[1] for step in steps] == pytest.approx([0, 0, -0.1, -0.1, 0, 0, 0])


def test_every_reward_of_a_trajectory_written_by_hand() -> None:
    actions = [UP, DOWN, LEFT, RIGHT, UP, DOWN, RIGHT, RIGHT, RIGHT, RIGHT]
    rewards = [-0.1, -0.1, -0.1, 0, -0.1, -0.1, 0, 0, 0, -0.1]
    cells = [0, 0, 0, 1, 1, 1, 2, 3, 4, 4]
    steps = play(TMaze(length=4), GOAL_UP, actions)
    assert [step[1] for step in steps] == pytest.approx(rewards)
    assert [bool(step[0][3]) for step in steps] == [cell == 4 for cell in cells]
    assert not any(step[2] or step[3] or step[4] for step in steps)


@pytest.mark.parametrize(
    ("cue", "turn", "reward"),
    [(GOAL_UP, UP, 4), (GOAL_UP, DOWN, -0.1), (GOAL_DOWN, DOWN, 4), (GOAL_DOWN, UP, -0.1)],
)
def test_arms_end_the_episode_and_only_the_goal_is_success(
    cue: list[list[float]], turn: int, reward: float
) -> None:
    steps = play(TMaze(length=2), cue, [RIGHT, RIGHT, turn])
    assert [step[2] for step in steps] == [False, False, True]
    assert [step[4] for step in steps] == [False, False, reward > 0]
    assert not any(step[3] for step in steps)
    assert steps[-1][1] == pytest.approx(reward)
    assert np.array_equal(steps[-1][0], JUNCTION)


def test_walking_back_from_the_junction_costs_nothing() -> None:
    steps = play(TMaze(length=3), GOAL_UP, [RIGHT, RIGHT, RIGHT, RIGHT, LEFT, RIGHT, UP])
    assert [step[1] for step in steps] == pytest.approx([0, 0, 0, -0.1, 0, 0, 4])
    assert steps[4][0] @ CORRIDOR == 1


@pytest.mark.parametrize("length", [2, 3, 20])
def test_truncated_after_three_lengths_less_one(length: int) -> None:
    steps = play(TMaze(length), GOAL_UP, [LEFT] * (3 * length - 1))
    assert [step[3] for step in steps] == [False] * (3 * length - 2) + [True]
    assert not any(step[2] for step in steps)


def test_turning_on_the_last_step_terminates_and_is_not_truncated() -> None:
    steps = play(TMaze(length=2), GOAL_UP, [LEFT, LEFT, RIGHT, RIGHT, UP])
    assert steps[-1][1:] == (4.0, True, False, True)


def test_observation_starts_with_previous_action_and_reward() -> None:
    episode = Episode(TMaze(length=2))
    state = episode.reset(np.array(GOAL_DOWN))
    assert np.array_equal(episode.observe(state), [[0, 0, 0, 0, 0, 0, 1, 0, 0]])
    state = episode.step(state, np.array([UP]), NO_NOISE)[0]
    expected = np.array([[0, 1, 0, 0, -0.1, 0, 1, 0, 0]], dtype=np.float32)
    assert np.array_equal(episode.observe(state), expected)
    assert episode.observe(state).dtype == np.float32


def test_observation_without_the_previous_step_is_the_tasks_own() -> None:
    episode = Episode(TMaze(length=2, observe_previous=False))
    state = episode.reset(np.array(GOAL_DOWN))
    assert np.array_equal(episode.observe(state), [CUE_DOWN])
    assert episode.observation_size == 4


def test_a_range_gives_every_episode_its_own_length_and_horizon() -> None:
    task = TMaze(length=(3, 5))
    noise = np.column_stack([np.zeros(6), [0.0, 0.32, 0.34, 0.65, 0.67, 0.999]])
    state = task.reset(noise)
    assert state.length.tolist() == [3, 3, 4, 4, 5, 5]
    assert task.horizon(state).tolist() == [8, 8, 11, 11, 14, 14]


def test_slips_have_the_stated_frequency_and_the_reward_of_the_chosen_action() -> None:
    n, chance = 40_000, 0.4
    task = TMaze(length=100, stochasticity=chance)
    rng = np.random.default_rng(0)
    state = task.reset(rng.random((n, 1)))
    state = state._replace(x=state.x + 5, place=state.place + 2)
    for action, reward in ((RIGHT, 0.0), (UP, -0.1), (LEFT, 0.0), (DOWN, -0.1)):
        after, rewards, terminated = task.step(state, np.full(n, action), rng.random((n, 1)))
        assert np.allclose(rewards, reward)
        assert not terminated.any()
        moved = {step: float(np.mean(after.x == 5 + step)) for step in (-1, 0, 1)}
        expected = {-1: chance / 4, 0: chance / 2, 1: chance / 4}
        expected[{RIGHT: 1, LEFT: -1}.get(action, 0)] += 1 - chance
        assert moved == pytest.approx(expected, abs=0.01)  # 4 standard errors


def test_no_slips_at_the_junction() -> None:
    task = TMaze(length=2, stochasticity=1.0)
    state = task.reset(np.full((50, 1), 0.25))
    noise = np.random.default_rng(1).random((200, 50, 1))
    for step in range(200):
        at_junction = state.x == state.length
        state, reward, terminated = task.step(state, np.full(50, UP), noise[step])
        assert np.array_equal(terminated, at_junction)
        assert np.allclose(reward, np.where(at_junction, 4.0, -0.1))


def test_infinite_corridor_keeps_exact_cells() -> None:
    task = TMaze(length=2**40)
    state = task.reset(np.array(GOAL_UP))
    assert task.horizon(state).tolist() == [3 * 2**40 - 1]
    assert task.optimal_return == 4.0


def brute_force_arrival(length: int, chance: float) -> float:
    """Sum over every sequence of moves, with the probability of each."""
    moves = {1: 1 - 0.75 * chance, -1: chance / 4, 0: chance / 2}
    total = 0.0
    for path in itertools.product(moves, repeat=3 * length - 2):
        x = 0
        for move in path:
            x = max(x + move, 0)
            if x == length:
                total += float(np.prod([moves[step] for step in path]))
                break
    return total


@pytest.mark.parametrize("chance", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("length", [2, 3])
def test_arrival_probability_is_the_sum_over_all_paths(length: int, chance: float) -> None:
    assert arrival_probability(length, chance) == pytest.approx(brute_force_arrival(length, chance))


def test_arrival_probability_has_the_limits_of_the_law_of_large_numbers() -> None:
    assert [arrival_probability(10**6, chance) for chance in (0.0, 0.6, 2 / 3, 0.7)] == [
        1.0, 1.0, 0.5, 0.0,
    ]  # fmt: skip
    assert arrival_probability(600, 0.6) > 0.99
    assert arrival_probability(600, 0.75) < 0.01


def test_optimum_of_a_range_is_the_mean_over_it() -> None:
    chances = [arrival_probability(length, 0.5) for length in (2, 3, 4)]
    task = TMaze(length=(2, 4), stochasticity=0.5)
    assert task.optimal_return == pytest.approx(4 * np.mean(chances))
    assert task.memoryless_return == pytest.approx(1.95 * np.mean(chances))


def test_exploration_policy_is_the_published_one() -> None:
    assert TMaze().exploration_policy == (1 / 2, 1 / 6, 1 / 6, 1 / 6)
