"""Pictures of delayed recall: the phase, the symbol shown, the last answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .canvas import AMBER, BLUE, FLOOR, GREEN, GREY, INK, RED, WHITE, Canvas, Colour, signed
from .recall_state import DelayedRecallState
from .task import Scene

_PHASES: dict[str, Colour] = {"cue": AMBER, "delay": GREY, "query": BLUE, "end": INK}


class RecallView(NamedTuple):
    """One episode, as its picture shows it."""

    phase: str
    position: int
    """0-based step within the phase"""
    steps_in_phase: int
    shown: str
    """the symbol or number shown; empty when silent"""
    cues: tuple[int, ...]
    answer: int | None
    """the last action, where it was an answer to a query"""
    expected: int | None
    """the right answer to that query"""
    correct: int
    reward: float
    steps: int


def recall_view(scene: Scene, shown: str, reverse: bool) -> RecallView:
    """What there is to draw.

    :param shown: the symbol, or the noise; drawn in the phases that show one.
    :param reverse: whether the last cue is asked for first.
    """
    state: DelayedRecallState = scene.state
    time, delay = int(state.time[0]), int(state.delay[0])
    cues = tuple(int(symbol) for symbol in state.symbols[0])
    m = len(cues)
    starts = {"cue": 0, "delay": m, "query": m + delay, "end": 2 * m + delay}
    lengths = {"cue": m, "delay": delay, "query": m, "end": 1}
    phase = max((name for name in starts if starts[name] <= time), key=starts.__getitem__)
    answered = time - delay - m
    return RecallView(
        phase=phase,
        position=time - starts[phase],
        steps_in_phase=lengths[phase],
        shown={"query": "?", "end": ""}.get(phase, shown),
        cues=cues,
        answer=scene.action if answered > 0 else None,
        expected=(cues[::-1] if reverse else cues)[answered - 1] if answered > 0 else None,
        correct=int(state.correct[0]),
        reward=scene.reward,
        steps=scene.steps,
    )


def write_recall(view: RecallView) -> str:
    """The episode in text."""
    return "\n".join(
        [
            f"[{_heading(view)}] shown: {view.shown or 'nothing'}",
            f"cues: {' '.join(map(str, view.cues))}",
            _answer(view),
            f"correct {view.correct}/{len(view.cues)}, step {view.steps}, "
            f"reward {signed(view.reward)}",
        ]
    )


def draw_recall(view: RecallView) -> npt.NDArray[np.uint8]:
    """The episode as an image: the phase's banner, the symbol shown, the cues, the answer."""
    canvas = Canvas(300, 480)
    canvas.rectangle(0, 0, 44, 480, _PHASES[view.phase])
    canvas.text(14, 20, _heading(view), WHITE)
    canvas.text(62, 20, "shown", GREY)
    canvas.rectangle(86, 20, 100, 150, FLOOR)
    size = 10 if len(view.shown) < 3 else 6
    canvas.centred(136 - 5 * size // 2, 95, view.shown or "-", INK, size)
    canvas.text(62, 200, "answer", GREY)
    right = view.answer == view.expected
    colour = FLOOR if view.answer is None else GREEN if right else RED
    canvas.rectangle(86, 200, 100, 150, colour)
    answer, ink = ("-", INK) if view.answer is None else (str(view.answer), WHITE)
    canvas.centred(111, 275, answer, ink, size=10)
    if view.answer is not None:
        verdict = ("right", "") if right else ("wrong:", f"it was {view.expected}")
        for row, words in enumerate(verdict):
            canvas.text(118 + 24 * row, 366, words, colour)
    canvas.text(204, 20, "cues", GREY)
    canvas.text(204, 80, _shortened(view.cues), INK)
    canvas.text(236, 20, f"correct {view.correct}/{len(view.cues)}", INK)
    canvas.text(268, 20, f"step {view.steps}   reward {signed(view.reward)}", INK)
    return canvas.pixels


def _heading(view: RecallView) -> str:
    if view.phase == "end":
        return "end"
    return f"{view.phase} {view.position + 1}/{view.steps_in_phase}"


def _answer(view: RecallView) -> str:
    if view.answer is None:
        return "answer: -"
    verdict = "right" if view.answer == view.expected else f"wrong, it was {view.expected}"
    return f"answer: {view.answer} ({verdict})"


def _shortened(cues: tuple[int, ...]) -> str:
    """As many cues as fit on a line."""
    words = " ".join(map(str, cues))
    return words if len(words) <= 30 else words[:26] + " ..."
