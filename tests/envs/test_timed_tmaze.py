from __future__ import annotations

import pytest

from warmrl.envs import ActiveTMaze, PassiveTMaze
from warmrl.tests.envs.by_hand import play

RIGHT, UP, LEFT, DOWN = range(4)
GOAL_UP, GOAL_DOWN = [0.25], [0.75]
UP_CUE, DOWN_CUE, NOTHING, JUNCTION, ARM_UP, ARM_DOWN = (
    [0, 1], [0, -1], [0, 0], [1, 0], [1, 1], [1, -1],
)  # fmt: skip


@pytest.mark.parametrize(
    ("goal", "cue", "turn", "arm", "reward"),
    [
        (GOAL_UP, UP_CUE, UP, ARM_UP, 1),
        (GOAL_UP, UP_CUE, DOWN, ARM_DOWN, 0),
        (GOAL_DOWN, DOWN_CUE, DOWN, ARM_DOWN, 1),
        (GOAL_DOWN, DOWN_CUE, UP, ARM_UP, 0),
    ],
)
def test_passive_shortest_way(
    goal: list[float], cue: list[int], turn: int, arm: list[int], reward: int
) -> None:
    played = play(PassiveTMaze(3), goal, [RIGHT, RIGHT, RIGHT, turn])
    assert played.seen == [cue, NOTHING, NOTHING, JUNCTION, arm]
    assert played.rewards == [0, 0, 0, reward]
    assert played.ended == [False, False, False, True]
    assert played.solved is (reward == 1)


def test_passive_cue_is_shown_on_the_first_step_only_and_being_late_costs() -> None:
    played = play(PassiveTMaze(4), GOAL_UP, [LEFT, RIGHT, LEFT, RIGHT, UP])
    assert played.seen == [UP_CUE, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING]
    assert played.rewards == [-0.25, -0.25, -0.25, -0.25, 0]
    assert played.ended == [False] * 4 + [True]
    assert not played.solved


def test_active_fetches_the_cue_and_is_never_late() -> None:
    played = play(ActiveTMaze(2), GOAL_DOWN, [LEFT, RIGHT, RIGHT, RIGHT, DOWN])
    assert played.seen == [NOTHING, DOWN_CUE, NOTHING, NOTHING, JUNCTION, ARM_DOWN]
    assert played.rewards == [0, 0, 0, 0, 1]
    assert played.ended == [False] * 4 + [True]
    assert played.solved


def test_active_shows_the_cue_on_the_first_visit_only() -> None:
    played = play(ActiveTMaze(4), GOAL_UP, [LEFT, LEFT, RIGHT, LEFT, RIGHT, RIGHT, RIGHT])
    assert played.seen == [NOTHING, UP_CUE] + [NOTHING] * 6
    assert played.rewards == [0] + [-0.25] * 5 + [0]


def test_active_without_looking_waits_in_an_arm_that_it_can_leave() -> None:
    played = play(ActiveTMaze(2), GOAL_UP, [RIGHT, RIGHT, UP, UP, UP])
    assert played.seen == [NOTHING, NOTHING, JUNCTION, ARM_UP, ARM_UP, ARM_UP]
    assert played.rewards == [0, 0, 0, 0, 1]
    assert played.solved
    played = play(ActiveTMaze(2), GOAL_UP, [RIGHT, RIGHT, UP, LEFT, DOWN])
    assert played.seen[-2:] == [ARM_UP, JUNCTION]  # no way left out of an arm
    assert not played.solved
    assert play(ActiveTMaze(2), GOAL_UP, [RIGHT, RIGHT, DOWN, UP, UP]).solved


def test_bumping_leaves_the_agent_where_it_is() -> None:
    played = play(ActiveTMaze(1), GOAL_UP, [UP, RIGHT, RIGHT, DOWN])
    assert played.seen == [NOTHING, NOTHING, JUNCTION, JUNCTION, ARM_DOWN]


def test_horizons_and_bounds() -> None:
    assert [PassiveTMaze().length, ActiveTMaze().length] == [50, 20]
    assert PassiveTMaze((2, 5)).reward_range == (-0.5, 1)
    for task, steps in ((PassiveTMaze(7), 8), (ActiveTMaze(7), 10)):
        assert play(task, GOAL_UP, [UP] * steps).ended == [False] * (steps - 1) + [True]
        with pytest.raises(ValueError, match="length=0 must be at least 1"):
            task.with_delay(0)
