from __future__ import annotations

import pytest

from warmrl.envs import MovingCorridor
from warmrl.tests.envs.by_hand import play

UP, DOWN = range(2)


def test_episode_written_by_hand() -> None:
    task = MovingCorridor(3)
    noise = [[0.1], [0.9], [0.4], [0.6]]
    played = play(task, [0.75, 0.5], [UP, DOWN, UP, DOWN], noise)
    assert played.seen == [[-1, 0, -1], [0, 0, 1], [0, 0, -1], [0, 1, 1], [0, 1, -1]]
    assert played.rewards == [0, 0, 0, 4]
    assert played.ended == [False, False, False, True]
    assert played.solved


@pytest.mark.parametrize(("cue", "action", "reward"), [(0.25, UP, 4), (0.25, DOWN, -3)])
def test_only_the_action_at_the_junction_counts(cue: float, action: int, reward: float) -> None:
    played = play(MovingCorridor(1, noise=False), [cue], [1 - action, action])
    assert played.seen == [[1, 0], [0, 1], [0, 1]]
    assert played.rewards == [0, reward]
    assert played.solved is (reward > 0)


def test_published_length_is_a_range() -> None:
    task = MovingCorridor()
    assert task.length == (100, 110)
    assert task.reset_noise == 3
    assert [bound.tolist() for bound in task.observation_bounds] == [[-1, 0, -1], [1, 1, 1]]
    assert not task.deterministic
    assert MovingCorridor(noise=False).deterministic


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="length=0 must be at least 1"):
        MovingCorridor(0)
    with pytest.raises(TypeError, match="noise='yes' must be True or False"):
        MovingCorridor(noise="yes")  # type: ignore[arg-type]
