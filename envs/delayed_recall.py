"""Delayed recall: remember symbols through a delay, then name them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from ..checks import check_choice, check_integer
from .arguments import Delay, check_delay
from .arrays import GAUSSIAN_LIMIT, Array, gaussian, uniform_integers
from .recall_picture import RecallView, draw_recall, recall_view, write_recall
from .recall_state import (
    CUE,
    DISTRACTED,
    QUERY,
    DelayedRecallState,
    query_number,
    shows,
    symbol_at,
)
from .task import MAX_CUES, MemoryTask, Scene

DISTRACTORS = ("none", "noise", "symbol")
ORDERS = ("forward", "reverse")


@dataclass(frozen=True)
class DelayedRecall(MemoryTask):
    """Symbols are shown, then a delay passes, then they have to be named.

    ## Description

    For `n_cues` steps a random symbol is shown, one a step. Then come `delay` steps on which
    nothing matters, and then `n_cues` queries, one a step: each action names a symbol. With one
    cue this is copy-first; with distractors the memory has to resist its input.

    ```
    step     0   1   2 | 3   4   5   6   7 | 8   9   10
    shown    2   7   1 | .   .   .   .   . | ?   ?   ?      n_cues=3, delay=5
    answer             |                   | 2   7   1      order="forward"
    answer             |                   | 1   7   2      order="reverse"
    ```

    ## Action Space

    `Discrete(n_symbols)`: the symbol named. Outside queries actions have no effect.

    ## Observation Space

    `Box` float32. With K = `n_symbols`; `observe_previous=False` drops the first K + 1.

    | index     | content                                              | range    |
    |-----------|------------------------------------------------------|----------|
    | 0..K-1    | previous action, one-hot; zeros at the start         | 0, 1     |
    | K         | previous reward; zero at the start                   | 0..1     |
    | K+1..2K   | symbol, one-hot: a cue, or a distractor symbol       | 0, 1     |
    | 2K+1      | cue flag: the symbol has to be remembered            | 0, 1     |
    | 2K+2      | query flag: the action is an answer                  | 0, 1     |
    | 2K+3      | only with `distractor="noise"`: N(0, 1) in the delay | -9..9    |

    ## Rewards

    1 / `n_cues` for each right answer, 0 otherwise. The best return is 1; without memory it is
    1 / `n_symbols`.

    ## Starting State

    The first cue is shown; symbols are uniform and independent. A range of delays is drawn from
    uniformly.

    ## Episode End

    Termination after the last answer, that is after `n_cues + delay + n_cues` steps.

    ## Arguments

    - `delay`: steps, at least 1, or a range (low, high) from which every episode draws its own.
    - `n_cues`: symbols to remember, at least 1.
    - `n_symbols`: symbols there are, at least 2.
    - `distractor`: what the delay shows: `"none"` is silent; `"noise"` has an extra channel
      with N(0, 1); `"symbol"` shows random symbols without the cue flag.
    - `order`: `"forward"` queries the first cue first, `"reverse"` the last.
    - `observe_previous`: observe the previous action and reward.

    ## References

    - Arjovsky, Shah and Bengio, "Unitary evolution recurrent neural networks", ICML 2016 (the
      copy task).
    - Lambrechts, De Geeter, Vecoven, Ernst and Drion, "Warming up recurrent neural networks to
      maximise reachable multistability greatly improves learning", Neural Networks 2023
      (copy-first-input and denoising, the supervised forms).

    :param delay: steps between cues and queries, or an inclusive range.
    :param n_cues: number of cues m.
    :param n_symbols: number of symbols K.
    :param distractor: "none", "noise" or "symbol".
    :param order: "forward" or "reverse".
    :raises ValueError: for a value out of range, or a name that does not exist.
    """

    delay: Delay = 20
    n_cues: int = 1
    n_symbols: int = 8
    distractor: str = "none"
    order: str = "forward"

    delay_name: ClassVar[str] = "delay"
    minimum_delay: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "delay", check_delay("delay", self.delay, self.minimum_delay))
        check_integer("n_cues", self.n_cues, 1)
        check_integer("n_symbols", self.n_symbols, 2)
        check_choice("distractor", self.distractor, DISTRACTORS)
        check_choice("order", self.order, ORDERS)

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
        """0 to 1 / n_cues."""
        return 0.0, 1.0 / self.n_cues

    @property
    def observation_bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Zeros and ones; the noise channel lies within what `gaussian` can give."""
        low = np.zeros(self.n_symbols + 2 + self._noisy, dtype=np.float32)
        high = np.ones_like(low)
        if self._noisy:
            low[-1], high[-1] = -GAUSSIAN_LIMIT, GAUSSIAN_LIMIT
        return low, high

    @property
    def reset_noise(self) -> int:
        """One number per cue, and the delay when it is a range."""
        return self.n_cues + self._delay_noise

    @property
    def step_noise(self) -> int:
        """A normal number takes two uniform ones, a symbol one."""
        return {"none": 0, "noise": 2, "symbol": 1}[self.distractor]

    @property
    def deterministic(self) -> bool:
        """Whether the delay is silent."""
        return self.distractor == "none"

    @property
    def optimal_return(self) -> float:
        """1: all answers right."""
        return 1.0

    @property
    def memoryless_return(self) -> float:
        """1 / n_symbols: always the same answer."""
        return 1.0 / self.n_symbols

    @property
    def exploration_policy(self) -> tuple[float, ...]:
        """Uniform over the symbols."""
        return (1.0 / self.n_symbols,) * self.n_symbols

    def reset(self, noise: Array) -> DelayedRecallState:
        """Start N episodes at their first cue (see `MemoryTask.reset`)."""
        delay = self._draw_delay(noise)
        start = delay * 0
        symbols = uniform_integers(noise[:, : self.n_cues], self.n_symbols)
        xp = array_namespace(noise)
        distraction = xp.astype(start, xp.float32) if self._noisy else start
        return DelayedRecallState(symbols, delay, start, start, distraction)

    def step(
        self, state: DelayedRecallState, action: Array, noise: Array
    ) -> tuple[DelayedRecallState, Array, Array]:
        """Advance N episodes by one step (see `MemoryTask.step`)."""
        xp = array_namespace(action)
        query = query_number(state)
        asked = (query >= 0) & (query < self.n_cues)
        position = -1 - query if self.order == "reverse" else query
        right = asked & (action == symbol_at(state, position))
        time = state.time + 1
        distraction = state.distraction
        if self._noisy:
            distraction = gaussian(noise[:, 0], noise[:, 1])
        elif self.distractor == "symbol":
            distraction = uniform_integers(noise[:, 0], self.n_symbols)
        after = DelayedRecallState(
            symbols=state.symbols,
            delay=state.delay,
            time=time,
            correct=state.correct + xp.astype(right, xp.int64),
            distraction=distraction,
        )
        return after, xp.astype(right, xp.float32) / self.n_cues, time >= self.horizon(after)

    @cached_property
    def views(self) -> npt.NDArray[np.float32]:
        """[one-hot symbol, cue flag, query flag(, 0)], row `n_symbols * shows + symbol`."""
        k = self.n_symbols
        views = np.zeros((4, k, self.observation_size), dtype=np.float32)
        views[[CUE, DISTRACTED], :, :k] = np.eye(k)
        views[CUE, :, k] = 1
        views[QUERY, :, k + 1] = 1
        return views.reshape(-1, self.observation_size)

    def view(self, state: DelayedRecallState) -> Array:
        """What is shown, and which symbol where it is one, `[N]` int64."""
        distracted = self.distractor == "symbol"
        symbol = symbol_at(state, state.time)
        if distracted:
            xp = array_namespace(symbol)
            symbol = xp.where(state.time < self.n_cues, symbol, state.distraction)
        return shows(state, distracted) * self.n_symbols + symbol

    def fill(self, observation: Array, state: DelayedRecallState) -> None:
        """Write the noise channel, which is 0 outside the delay."""
        if self._noisy:
            waiting = (state.time >= self.n_cues) & (query_number(state) < 0)
            observation[:, -1] = waiting * state.distraction

    def horizon(self, state: DelayedRecallState) -> Array:
        """The step of the last answer, `[N]` int64; the episode terminates there by itself."""
        return state.delay + 2 * self.n_cues

    def success(self, state: DelayedRecallState) -> Array:
        """Whether all answers were right, `[N]` bool."""
        return state.correct == self.n_cues

    def ansi(self, scene: Scene) -> str:
        """Phase, symbol and answer in text."""
        return write_recall(self._view(scene))

    def picture(self, scene: Scene) -> npt.NDArray[np.uint8]:
        """Phase, symbol and answer as an RGB image."""
        return draw_recall(self._view(scene))

    @property
    def _noisy(self) -> bool:
        return self.distractor == "noise"

    def _cues(self) -> npt.NDArray[np.float64]:
        count = self.n_symbols**self.n_cues
        if count > MAX_CUES:
            raise ValueError(
                f"n_symbols={self.n_symbols} and n_cues={self.n_cues} make {count} cues: "
                f"at most {MAX_CUES} can be enumerated"
            )
        noise = np.zeros((count, self.reset_noise))
        symbols = list(itertools.product(range(self.n_symbols), repeat=self.n_cues))
        noise[:, : self.n_cues] = (np.asarray(symbols) + 0.5) / self.n_symbols
        return noise

    def _corridor_end(self, state: DelayedRecallState) -> DelayedRecallState:
        return state._replace(delay=self._corridor_delay(state))

    def _corridor_delay(self, state: DelayedRecallState) -> Array:
        return state.time - self.n_cues

    def _view(self, scene: Scene) -> RecallView:
        seen = np.asarray(self.observe(scene.state))[0]
        symbols = np.flatnonzero(seen[: self.n_symbols])
        shown = str(symbols[0]) if len(symbols) else f"{seen[-1]:+.2f}" if self._noisy else ""
        return recall_view(scene, shown, reverse=self.order == "reverse")
