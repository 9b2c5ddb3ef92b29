"""Pictures of recall tasks: the phase, the symbol shown, the last answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .canvas import AMBER, BLUE, FLOOR, GREEN, GREY, INK, RED, WHITE, Canvas, Colour, signed
from .recall_state import DelayedRecallState
from .task import Scene

_PHASES: dict[str, Colour] = {
    "cue": AMBER,
    "delay": GREY,
    "query": BLUE,
    "end": INK,
    "watch": AMBER,
    "repeat": BLUE,
}


class RecallView(NamedTuple):
    """One episode, as its picture shows it."""

    phase: str
    """a key of the banners' colours"""
    position: int
    """0-based step within the phase"""
    steps_in_phase: int
    shown: str
    """the symbol or number shown; empty when silent"""
    cues: tuple[int, ...]
    """the symbols to remember, the first shown first"""
    answer: int | None
    """the last action, where it was an answer to a query"""
    expected: int | None
    """the right answer to that query"""
    correct: int
    questions: int
    """answers that an episode asks for"""
    reward: float
    steps: int


def recall_view(scene: Scene, shown: str, window: int, asked: list[int]) -> RecallView:
    """What there is to draw of a task that asks for its cues after a delay.

    :param shown: the symbol, or the noise; drawn in the phases that show one.
    :param window: steps before the delay, in which the cues are shown.
    :param asked: the cues in the order asked for.
    """
    state: DelayedRecallState = scene.state
    time, delay, m = int(state.time[0]), int(state.delay[0]), len(asked)
    starts = {"cue": 0, "delay": window, "query": window + delay, "end": window + delay + m}
    lengths = {"cue": window, "delay": delay, "query": m, "end": 1}
    phase = max((name for name in starts if starts[name] <= time), key=starts.__getitem__)
    answered = time - delay - window
    return RecallView(
        phase=phase,
        position=time - starts[phase],
        steps_in_phase=lengths[phase],
        shown={"query": "?", "end": ""}.get(phase, shown),
        cues=tuple(int(symbol) for symbol in state.symbols[0]),
        answer=scene.action if answered > 0 else None,
        expected=asked[answered - 1] if answered > 0 else None,
        correct=int(state.correct[0]),
        questions=m,
        reward=scene.reward,
        steps=scene.steps,
    )


def write_recall(view: RecallView) -> str:
    """The episode in text."""
    return "\n".join(
        [
            f"[{_heading(view)}] shown: {view.shown or 'nothing'}",
            f"remember: {' '.join(map(str, view.cues))}",
            _answer(view),
            f"correct {view.correct}/{view.questions}, step {view.steps}, "
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
    canvas.text(204, 20, "remember", GREY)
    canvas.text(204, 136, _shortened(view.cues), INK)
    canvas.text(236, 20, f"correct {view.correct}/{view.questions}", INK)
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
    return words if len(words) <= 28 else words[:24] + " ..."
