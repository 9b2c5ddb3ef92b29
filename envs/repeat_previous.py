"""Repeat previous: on every step name the symbol shown k steps ago."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device

from ..checks import check_integer
from .arguments import Delay, check_delay, delay_bounds
from .arrays import Array, uniform_integers
from .recall_picture import RecallView, draw_recall, write_recall
from .task import MemoryTask, Scene


class RepeatPreviousState(NamedTuple):
    """N episodes of repeat previous."""

    shown: Array
    """this step's symbol, `[N]` int64"""
    earlier: Array
    """the symbol of step t in column t modulo the width, `[N, longest delay + 1]` int64"""
    delay: Array
    """k, `[N]` int64"""
    time: Array
    """steps since the start, `[N]` int64"""
    correct: Array
    """right answers so far, `[N]` int64"""


@dataclass(frozen=True)
class RepeatPrevious(MemoryTask):
    """A symbol is shown on every step, and the one shown k steps ago has to be named.

    ## Description

    The delay never ends: each symbol has to be held for k steps and then let go, so that a
    memory of k symbols moves along with the stream.

    ```
    step     0   1   2   3   4   5   6
    shown    2   0   3   3   1   0   2      delay=4, n_answers=3
    answer   .   .   .   .   2   0   3
    ```

    ## Action Space

    `Discrete(n_symbols)`: the symbol named. In the first k steps actions have no effect.

    ## Observation Space

    `Box` float32. With K = `n_symbols`; `observe_previous=False` drops the first K + 1.

    | index     | content                                                     | range    |
    |-----------|-------------------------------------------------------------|----------|
    | 0..K-1    | previous action, one-hot; zeros at the start                | 0, 1     |
    | K         | previous reward; zero at the start                          | -1..1    |
    | K+1..2K   | symbol, one-hot; zeros after the end                        | 0, 1     |

    ## Rewards

    1 / `n_answers` for each right answer and -1 / `n_answers` for each wrong one, 0 in the first
    k steps. The best return is 1; without memory it is 2 / `n_symbols` - 1.

    ## Starting State

    Symbols are uniform and independent, where the original deals them from decks of 52 cards. A
    range of delays is drawn from uniformly.

    ## Episode End

    Termination after the last answer, that is after `delay + n_answers` steps.

    ## Arguments

    - `delay`: k, at least 1, or a range (low, high). The original has 4, 32 and 64.
    - `n_symbols`: symbols there are, at least 2: the four suits.
    - `n_answers`: answers an episode asks for, at least 1: what one deck of 52 leaves for k = 4.
    - `observe_previous`: observe the previous action and reward.

    New symbols keep coming, so that there are no certificates.

    ## References

    - Morad, Kortvelesy, Bettini, Liwicki and Prorok, "POPGym: benchmarking partially observable
      reinforcement learning", ICLR 2023.

    :param delay: steps k back, or an inclusive range.
    :param n_symbols: number of symbols K.
    :param n_answers: answers that an episode asks for.
    :raises ValueError: for a value out of range.
    """

    delay: Delay = 4
    n_symbols: int = 4
    n_answers: int = 48

    delay_name: ClassVar[str] = "delay"
    minimum_delay: ClassVar[int] = 1
    step_noise: ClassVar[int] = 1
    deterministic: ClassVar[bool] = False
    optimal_return: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "delay", check_delay("delay", self.delay, self.minimum_delay))
        check_integer("n_symbols", self.n_symbols, 2)
        check_integer("n_answers", self.n_answers, 1)

    @property
    def n_actions(self) -> int:
        """One action per symbol."""
        return self.n_symbols

    @property
    def action_names(self) -> Sequence[str]:
        """The symbols' numbers."""
        return [str(symbol) for symbol in range(self.n_symbols)]

    @property
    def reward_range(self) -> tuple[float, float]:
        """Plus and minus 1 / n_answers."""
        return -1.0 / self.n_answers, 1.0 / self.n_answers

    @property
    def observation_bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Zeros and ones, `[n_symbols]`."""
        return np.zeros(self.n_symbols, np.float32), np.ones(self.n_symbols, np.float32)

    @property
    def reset_noise(self) -> int:
        """The first symbol, and the delay when it is a range."""
        return 1 + self._delay_noise

    @property
    def memoryless_return(self) -> float:
        """2 / n_symbols - 1: one answer in n_symbols is right, whatever it is."""
        return 2.0 / self.n_symbols - 1.0

    @property
    def exploration_policy(self) -> tuple[float, ...]:
        """Uniform over the symbols."""
        return (1.0 / self.n_symbols,) * self.n_symbols

    def reset(self, noise: Array) -> RepeatPreviousState:
        """Start N episodes at their first symbol (see `MemoryTask.reset`)."""
        xp = array_namespace(noise)
        shape = (noise.shape[0], delay_bounds(self.delay)[1] + 1)
        delay = self._draw_delay(noise)
        return RepeatPreviousState(
            shown=uniform_integers(noise[:, 0], self.n_symbols),
            earlier=xp.zeros(shape, dtype=xp.int64, device=device(noise)),
            delay=delay,
            time=delay * 0,
            correct=delay * 0,
        )

    def step(
        self, state: RepeatPreviousState, action: Array, noise: Array
    ) -> tuple[RepeatPreviousState, Array, Array]:
        """Advance N episodes by one step (see `MemoryTask.step`)."""
        xp = array_namespace(action)
        asked = state.time >= state.delay
        right = asked & (action == symbol_before(state, state.delay))
        width = state.earlier.shape[1]
        column = xp.arange(width, dtype=xp.int64, device=device(action))[None, :]
        now = (state.time % width)[:, None]
        after = RepeatPreviousState(
            shown=uniform_integers(noise[:, 0], self.n_symbols),
            earlier=xp.where(column == now, state.shown[:, None], state.earlier),
            delay=state.delay,
            time=state.time + 1,
            correct=state.correct + xp.astype(right, xp.int64),
        )
        sign = xp.astype(2 * xp.astype(right, xp.int64) - asked * 1, xp.float32)
        return after, sign / self.n_answers, after.time >= self.horizon(after)

    @cached_property
    def views(self) -> npt.NDArray[np.float32]:
        """One-hot symbols, and zeros for the end, `[n_symbols + 1, n_symbols]`."""
        return np.eye(self.n_symbols + 1, self.n_symbols, dtype=np.float32)

    def view(self, state: RepeatPreviousState) -> Array:
        """The symbol, or n_symbols after the end, `[N]` int64."""
        xp = array_namespace(state.shown)
        return xp.where(state.time < self.horizon(state), state.shown, self.n_symbols)

    def horizon(self, state: RepeatPreviousState) -> Array:
        """The step of the last answer, `[N]` int64; the episode terminates there by itself."""
        return state.delay + self.n_answers

    def success(self, state: RepeatPreviousState) -> Array:
        """Whether all answers were right, `[N]` bool."""
        return state.correct == self.n_answers

    def ansi(self, scene: Scene) -> str:
        """The stream and the answer in text."""
        return write_recall(self._view(scene))

    def picture(self, scene: Scene) -> npt.NDArray[np.uint8]:
        """The stream and the answer as an RGB image."""
        return draw_recall(self._view(scene))

    def _view(self, scene: Scene) -> RecallView:
        state: RepeatPreviousState = scene.state
        time, delay = int(state.time[0]), int(state.delay[0])
        answered = time - delay
        ended = answered == self.n_answers
        past = range(min(time, delay), 0, -1)
        last = int(symbol_before(state, state.delay + 1)[0]) if answered > 0 else None
        return RecallView(
            phase="end" if ended else "watch" if answered < 0 else "repeat",
            position=time if answered < 0 else answered,
            steps_in_phase=delay if answered < 0 else self.n_answers,
            shown="" if ended else str(int(state.shown[0])),
            cues=tuple(int(symbol_before(state, 0 * state.delay + back)[0]) for back in past),
            answer=scene.action if answered > 0 else None,
            expected=last,
            correct=int(state.correct[0]),
            questions=self.n_answers,
            reward=scene.reward,
            steps=scene.steps,
        )


def symbol_before(state: RepeatPreviousState, back: Array) -> Array:
    """The symbol shown so many steps ago (1 to the longest delay + 1), `[N]` int64."""
    xp = array_namespace(back)
    n, width = state.earlier.shape
    rows = xp.arange(n, dtype=xp.int64, device=device(back))
    flat = xp.reshape(state.earlier, (-1,))  # (n, width) -> (n * width)
    return xp.take(flat, rows * width + (state.time - back) % width, axis=0)
