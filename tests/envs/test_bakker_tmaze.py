from __future__ import annotations

import numpy as np
import pytest

from warmrl.envs import TASKS, BakkerTMaze, Episode, TMaze
from warmrl.tests.envs.by_hand import play

RIGHT, UP, LEFT, DOWN = range(4)
GOAL_UP, GOAL_DOWN = [0.25], [0.75]


def test_every_cell_has_its_three_bits() -> None:
    seen = play(BakkerTMaze(3), GOAL_UP, [RIGHT, LEFT, RIGHT, RIGHT, RIGHT, UP]).seen
    up, corridor, junction = [0, 1, 1], [1, 0, 1], [0, 1, 0]
    assert seen == [up, corridor, up, corridor, corridor, junction, junction]
    assert play(BakkerTMaze(3), GOAL_DOWN, []).seen == [[1, 1, 0]]


def test_noise_is_shown_in_the_corridor_only_as_it_was_drawn() -> None:
    noise = [[0.25, 0.5], [0.125, 0.75], [0.5, 0.5], [0.375, 0.0]]
    seen = play(BakkerTMaze(2, noisy=True), GOAL_DOWN, [UP, RIGHT, RIGHT, DOWN], noise).seen
    assert seen == [[1, 1, 0], [1, 1, 0], [0.125, 0, 0.75], [0, 1, 0], [0, 1, 0]]


def test_slips_and_noise_do_not_share_their_numbers() -> None:
    task = BakkerTMaze(5, stochasticity=1.0, noisy=True)
    assert task.step_noise == 3
    seen = play(task, GOAL_UP, [LEFT, LEFT], [[0.1, 0.5, 0.25], [0.1, 0.75, 0.5]]).seen
    assert seen[1:] == [[0.5, 0, 0.25], [0.75, 0, 0.5]]  # slipped to the right, twice


@pytest.mark.parametrize("noisy", [False, True])
def test_it_is_the_maze_of_tmaze_but_for_what_it_shows(noisy: bool) -> None:
    rng = np.random.default_rng(0)
    maze, bits = Episode(TMaze((2, 6))), Episode(BakkerTMaze((2, 6), noisy=noisy))
    start = rng.random((50, 2))
    state, twin = maze.reset(start), bits.reset(start)
    for _ in range(30):
        action = rng.choice(4, size=50, p=maze.task.exploration_policy)
        state, *outcome = maze.step(state, action, np.empty((50, 0)))
        twin, *twins = bits.step(twin, action, rng.random((50, bits.step_noise)))
        for ours, theirs in zip(outcome, twins, strict=True):
            assert np.array_equal(ours, theirs)
        assert np.array_equal(state.task.x, twin.task.x)


def test_ids_and_arguments() -> None:
    assert TASKS["warmrl/NoisyBakkerTMaze-v0"](length=7) == BakkerTMaze(7, noisy=True)
    assert TASKS["warmrl/NoisyBakkerTMaze-v0"](noisy=False) == BakkerTMaze()
    assert BakkerTMaze().deterministic
    assert not BakkerTMaze(noisy=True).deterministic
    with pytest.raises(TypeError, match="noisy=1 must be True or False"):
        BakkerTMaze(noisy=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="length=1 must be at least 2"):
        BakkerTMaze(1)
