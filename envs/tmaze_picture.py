"""Pictures of a T-maze: short corridors whole, long ones elided around the agent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .canvas import AMBER, BLUE, FLOOR, GREEN, GREY, INK, RED, WHITE, Canvas, signed

MAX_CELLS = 16
"""Longest corridor (cells) that is drawn whole."""
_NEIGHBOURS = 4  # cells kept on either side of the agent in an elided corridor
_CELL = 44  # pixels


class TMazeView(NamedTuple):
    """One episode, as its picture shows it."""

    x: int
    length: int
    """the junction's cell"""
    goal_up: bool
    cue_shown: bool
    """whether the agent sees the cue now"""
    arm: str | None
    """the arm that the agent is in, "up" or "down" """
    prizes: tuple[str, str]
    """what the goal and the wrong arm pay"""
    action: str | None
    reward: float
    steps: int


def write_tmaze(view: TMazeView) -> str:
    """The maze in text: `A` the agent, `G` the goal arm, `x` the wrong arm, `^` or `v` the cue."""
    cells = [_letter(view, cell) for cell in visible_cells(view.x, view.length)]
    indent = "   " * (len(cells) - 1)
    arms = ["G", "x"] if view.goal_up else ["x", "G"]
    if view.arm:
        arms[view.arm != "up"] = "A"
    return "\n".join(
        [
            f"{indent} {arms[0]}",
            "".join(f" {letter} " if letter != "..." else "..." for letter in cells).rstrip(),
            f"{indent} {arms[1]}",
            ", ".join(_status(view)),
        ]
    )


def draw_tmaze(view: TMazeView) -> npt.NDArray[np.uint8]:
    """The maze as an image: blue agent, amber cue arrow, green goal and red wrong arm."""
    cells = visible_cells(view.x, view.length)
    lines = _status(view)
    # One size for all lengths and cells: frames of a video and tiles of a batch must match.
    canvas = Canvas(3 * _CELL + 80, (MAX_CELLS + 1) * _CELL)
    left, top = _CELL // 2, 16
    for column, cell in enumerate(cells):
        _draw_cell(canvas, top + _CELL, left + column * _CELL, cell is None)
        if cell == 0:
            _draw_arrow(canvas, top + _CELL, left, view.goal_up)
    end = left + (len(cells) - 1) * _CELL
    for row, up in ((0, True), (2, False)):
        goal = up == view.goal_up
        colour = GREEN if goal else RED
        canvas.rectangle(top + row * _CELL + 2, end + 2, _CELL - 4, _CELL - 4, colour)
        label = view.prizes[0 if goal else 1]
        canvas.centred(top + row * _CELL + 15, end + _CELL // 2, label, WHITE)
    row = {"up": 0, None: 1, "down": 2}[view.arm]
    column = cells.index(view.x)
    canvas.disc(
        top + row * _CELL + _CELL // 2, left + column * _CELL + _CELL // 2, _CELL // 3, BLUE
    )
    for number, line in enumerate((lines[0] + "   " + lines[1], "   ".join(lines[2:]))):
        canvas.text(top + 3 * _CELL + 12 + 24 * number, left, line, INK)
    return canvas.pixels


def visible_cells(x: int, length: int) -> list[int | None]:
    """The cells to draw, from 0 to the junction; None stands for a stretch left out."""
    if length + 1 <= MAX_CELLS:
        return list(range(length + 1))
    kept = {0, 1, length - 1, length, *range(x - _NEIGHBOURS, x + _NEIGHBOURS + 1)}
    cells: list[int | None] = []
    previous = -1
    for cell in sorted(cell for cell in kept if 0 <= cell <= length):
        if cell != previous + 1:
            cells.append(None)
        cells.append(cell)
        previous = cell
    return cells


def _letter(view: TMazeView, cell: int | None) -> str:
    if cell is None:
        return "..."
    if cell == view.x and view.arm is None:
        return "A"
    if cell == 0:
        return "^" if view.goal_up else "v"
    return "+" if cell == view.length else "."


def _status(view: TMazeView) -> list[str]:
    cue = f"cue {'up' if view.goal_up else 'down'}"
    return [
        f"cell {view.x}/{view.length}",
        cue + (" (seen now)" if view.cue_shown else ""),
        f"step {view.steps}",
        f"action {view.action or '-'}",
        f"reward {signed(view.reward)}",
    ]


def _draw_cell(canvas: Canvas, top: int, left: int, elided: bool) -> None:
    if elided:
        for dot in (1, 2, 3):
            canvas.disc(top + _CELL // 2, left + dot * _CELL // 4, 3, GREY)
        return
    canvas.rectangle(top + 2, left + 2, _CELL - 4, _CELL - 4, FLOOR)


def _draw_arrow(canvas: Canvas, top: int, left: int, up: bool) -> None:
    """The cue, above or below the first cell on the side of the goal."""
    middle, height = left + _CELL // 2, 16
    for row in range(height):
        distance = row if up else height - 1 - row
        base = top - height - 6 if up else top + _CELL + 6
        canvas.rectangle(base + row, middle - distance, 1, 2 * distance + 1, AMBER)
