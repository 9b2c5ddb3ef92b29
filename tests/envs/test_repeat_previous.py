from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from warmrl.envs import MemoryEnv, RepeatPrevious
from warmrl.tests.envs.by_hand import play


def test_episode_written_by_hand() -> None:
    task = RepeatPrevious(2, n_symbols=3, n_answers=4)
    symbols = [2, 0, 1, 1, 0, 2, 2]
    noise = [[(symbol + 0.5) / 3] for symbol in symbols]
    played = play(task, noise[0], [2, 0, 2, 1, 1, 1], noise[1:])
    one_hot = np.eye(3).tolist()
    assert played.seen == [*(one_hot[symbol] for symbol in symbols[:6]), [0, 0, 0]]
    assert played.rewards == [0, 0, 0.25, -0.25, 0.25, 0.25]
    assert played.ended == [False] * 5 + [True]
    assert not played.solved
    assert play(task, noise[0], [1, 1, 2, 0, 1, 1], noise[1:]).solved


@pytest.mark.parametrize("longest", [3, 9])
def test_a_range_of_delays_changes_nothing_but_the_delay(longest: int) -> None:
    """The memory is as wide as the longest delay, whatever an episode's own is."""
    rng = np.random.default_rng(0)
    noise, actions = rng.random((60, 1)), rng.integers(4, size=50)
    fixed = play(RepeatPrevious(3, n_answers=47), noise[0].tolist(), actions.tolist(), noise[1:])
    own = [noise[0, 0], 0.999 if longest == 3 else 0.3]
    ranged = RepeatPrevious((1, longest), n_answers=47)
    assert play(ranged, own, actions.tolist(), noise[1:]) == fixed


def test_text_says_what_to_remember_and_what_was_right() -> None:
    env = MemoryEnv(RepeatPrevious(2, n_symbols=3), render_mode="ansi")
    shown = [int(np.argmax(env.reset(seed=0)[0][4:]))]
    assert env.render().startswith(f"[watch 1/2] shown: {shown[0]}\nremember: \nanswer: -")
    for action in (0, 0, 1):
        shown.append(int(np.argmax(env.step(action)[0][4:])))
    lines = env.render().splitlines()
    assert lines[:2] == [f"[repeat 2/48] shown: {shown[3]}", f"remember: {shown[1]} {shown[2]}"]
    right = "right" if shown[0] == 1 else f"wrong, it was {shown[0]}"
    assert lines[2] == f"answer: 1 ({right})"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"delay": 0}, ValueError, "delay=0 must be at least 1"),
        ({"n_symbols": 1}, ValueError, "n_symbols=1 must be at least 2"),
        ({"n_answers": 0}, ValueError, "n_answers=0 must be at least 1"),
        ({"n_answers": 2.0}, TypeError, "n_answers=2.0 must be an int"),
    ],
)
def test_bad_arguments_are_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        RepeatPrevious(**arguments)
