"""The rules of the T-maze as tables: what an action does in each kind of cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .arrays import Array, Table

GOAL_REWARD = 4.0
BUMP_REWARD = -0.1

RIGHT, UP, LEFT, DOWN = range(4)
START_UP, START_DOWN, CORRIDOR_UP, CORRIDOR_DOWN, JUNCTION_UP, JUNCTION_DOWN = range(6)
"""Places: the kind of cell, and on which side the goal is."""


class TMazeState(NamedTuple):
    """N episodes of the T-maze."""

    x: Array
    """cell, `[N]` int64 in 0..length"""
    cue: Array
    """0 when the goal is up, 1 when it is down, `[N]` int64"""
    length: Array
    """the junction's cell, `[N]` int64"""
    place: Array
    """`place` of the fields above, `[N]` int64"""
    solved: Array
    """whether the goal has been entered, `[N]` bool"""


def place(x: Array, cue: Array, length: Array) -> Array:
    """Each agent's place, `[N]` int64."""
    return (x > 0) * 2 + (x == length) * 2 + cue


def _by_place_and_action(entries: Mapping[tuple[int, int], float], dtype: npt.DTypeLike) -> Table:
    """A table whose row `4 * place + action` is that entry, or 0."""
    rows = np.zeros((6, 4), dtype=dtype)
    for (where, action), value in entries.items():
        rows[where, action] = value
    return Table(rows.reshape(-1))


_STARTS = (START_UP, START_DOWN)
_CORRIDORS = (CORRIDOR_UP, CORRIDOR_DOWN)
_JUNCTIONS = (JUNCTION_UP, JUNCTION_DOWN)
_GOALS = ((JUNCTION_UP, UP), (JUNCTION_DOWN, DOWN))
_WRONG_ARMS = ((JUNCTION_UP, DOWN), (JUNCTION_DOWN, UP))
_WALLS = (
    *((where, action) for where in (*_STARTS, *_CORRIDORS) for action in (UP, DOWN)),
    *((where, LEFT) for where in _STARTS),
    *((where, RIGHT) for where in _JUNCTIONS),
)

MOVE = _by_place_and_action(
    {(where, RIGHT): 1 for where in (*_STARTS, *_CORRIDORS)}
    | {(where, LEFT): -1 for where in (*_CORRIDORS, *_JUNCTIONS)},
    np.int64,
)
REWARD = _by_place_and_action(
    dict.fromkeys(_GOALS, GOAL_REWARD) | dict.fromkeys((*_WRONG_ARMS, *_WALLS), BUMP_REWARD),
    np.float32,
)
SOLVED = _by_place_and_action(dict.fromkeys(_GOALS, True), np.bool_)
TERMINATED = _by_place_and_action(dict.fromkeys((*_GOALS, *_WRONG_ARMS), True), np.bool_)
