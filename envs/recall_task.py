"""What tasks share in which symbols are shown and, after a delay, named one by one."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from ..checks import check_choice, check_integer
from .arguments import Delay, check_delay
from .arrays import GAUSSIAN_LIMIT, Array, gaussian, uniform_integers
from .recall_picture import draw_recall, recall_view, write_recall
from .recall_state import CUE, DISTRACTED, QUERY, symbol_at
from .task import MAX_CUES, MemoryTask, Scene

DISTRACTORS = ("none", "noise", "symbol")


@dataclass(frozen=True)
class RecallTask(MemoryTask):
    """Cues are shown in a window, then a delay passes, then they have to be named.

    A state has the fields of `DelayedRecallState`, in which all of this is written. What differs
    is when in the window the cues are shown, and in which order they are asked for.

    :param delay: steps between the window and the queries, or an inclusive range.
    :param n_cues: number of cues m.
    :param n_symbols: number of symbols K.
    :param distractor: "none", "noise" or "symbol".
    :raises ValueError: for a value out of range, or a name that does not exist.
    """

    delay: Delay = 20
    n_cues: int = 1
    n_symbols: int = 8
    distractor: str = "none"

    delay_name: ClassVar[str] = "delay"
    minimum_delay: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "delay", check_delay("delay", self.delay, self.minimum_delay))
        check_integer("n_cues", self.n_cues, 1)
        check_integer("n_symbols", self.n_symbols, 2)
        check_choice("distractor", self.distractor, DISTRACTORS)

    @property
    @abstractmethod
    def _window(self) -> int:
        """Steps before the delay."""

    @abstractmethod
    def _cue(self, state: Any) -> tuple[Array, Array]:
        """Which cue each episode shows (`[N]` int64), where it shows one (`[N]` bool)."""

    def _asked_for(self, query: Array) -> Array:
        """Which cue each episode's query, of which this is the number, asks for, `[N]` int64."""
        return query

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
    def step_noise(self) -> int:
        """A normal number takes two uniform ones, a symbol one."""
        return {"none": 0, "noise": 2, "symbol": 1}[self.distractor]

    @property
    def deterministic(self) -> bool:
        """Whether nothing distracts."""
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

    def step(self, state: Any, action: Array, noise: Array) -> tuple[Any, Array, Array]:
        """Advance N episodes by one step (see `MemoryTask.step`)."""
        xp = array_namespace(action)
        query = self._query(state)
        asked = (query >= 0) & (query < self.n_cues)
        right = asked & (action == symbol_at(state, self._asked_for(query)))
        after = state._replace(
            time=state.time + 1,
            correct=state.correct + xp.astype(right, xp.int64),
            distraction=self._distract(noise, state.distraction),
        )
        reward = xp.astype(right, xp.float32) / self.n_cues
        return after, reward, after.time >= self.horizon(after)

    @cached_property
    def views(self) -> npt.NDArray[np.float32]:
        """[one-hot symbol, cue flag, query flag(, 0)], row `n_symbols * shows + symbol`."""
        k = self.n_symbols
        views = np.zeros((4, k, self.observation_size), dtype=np.float32)
        views[[CUE, DISTRACTED], :, :k] = np.eye(k)
        views[CUE, :, k] = 1
        views[QUERY, :, k + 1] = 1
        return views.reshape(-1, self.observation_size)

    def view(self, state: Any) -> Array:
        """What is shown, and which symbol where it is one, `[N]` int64."""
        query = self._query(state)
        position, cued = self._cue(state)
        symbol = symbol_at(state, position)
        shows = cued * CUE + ((query >= 0) & (query < self.n_cues)) * QUERY
        if self.distractor == "symbol":
            xp = array_namespace(symbol)
            shows += self._waiting(cued, query) * DISTRACTED
            symbol = xp.where(cued, symbol, state.distraction)
        return shows * self.n_symbols + symbol

    def fill(self, observation: Array, state: Any) -> None:
        """Write the noise channel, which is 0 with cues and queries."""
        if self._noisy:
            _, cued = self._cue(state)
            observation[:, -1] = self._waiting(cued, self._query(state)) * state.distraction

    def horizon(self, state: Any) -> Array:
        """The step of the last answer, `[N]` int64; the episode terminates there by itself."""
        return state.delay + self._window + self.n_cues

    def success(self, state: Any) -> Array:
        """Whether all answers were right, `[N]` bool."""
        return state.correct == self.n_cues

    def ansi(self, scene: Scene) -> str:
        """Phase, symbol and answer in text; a distractor is in brackets."""
        return write_recall(recall_view(scene, *self._pictured(scene)))

    def picture(self, scene: Scene) -> npt.NDArray[np.uint8]:
        """Phase, symbol and answer as an RGB image; a distractor is in brackets."""
        return draw_recall(recall_view(scene, *self._pictured(scene)))

    @property
    def _noisy(self) -> bool:
        return self.distractor == "noise"

    def _query(self, state: Any) -> Array:
        """0 at each episode's first query, negative before, n_cues at the end; `[N]` int64."""
        return state.time - state.delay - self._window

    def _waiting(self, cued: Array, query: Array) -> Array:
        """Where there is neither a cue nor a query, nor the end, `[N]` bool."""
        return ~cued & (query < 0)

    def _distract(self, noise: Array, silence: Array) -> Array:
        """A step's distractor: a normal number, a symbol, or what there was before."""
        if self._noisy:
            return gaussian(noise[:, 0], noise[:, 1])
        if self.distractor == "symbol":
            return uniform_integers(noise[:, 0], self.n_symbols)
        return silence

    def _cues_of(self, n_windows: int) -> npt.NDArray[np.float64]:
        """Noise of the symbols of every distinct start, `[n_windows * K**m, n_cues]`.

        :param n_windows: number of ways to place the cues in the window.
        :raises ValueError: for more than 4096.
        """
        count = n_windows * self.n_symbols**self.n_cues
        if count > MAX_CUES:
            raise ValueError(
                f"n_symbols={self.n_symbols} and n_cues={self.n_cues} make {count} cues: "
                f"at most {MAX_CUES} can be enumerated"
            )
        symbols = list(itertools.product(range(self.n_symbols), repeat=self.n_cues))
        return np.tile((np.asarray(symbols) + 0.5) / self.n_symbols, (n_windows, 1))

    def _cue_name(self, state: Any) -> str:
        return " ".join(str(symbol) for symbol in state.symbols[0].tolist())

    def _corridor_end(self, state: Any) -> Any:
        return state._replace(delay=self._corridor_delay(state))

    def _corridor_delay(self, state: Any) -> Array:
        return state.time - self._window

    def _corridor_ahead(
        self,
        state: Any,
        cells: Array,  # noqa: ARG002
        steps: int,
    ) -> Any:
        return state._replace(time=state.time + steps)

    def _pictured(self, scene: Scene) -> tuple[str, int, list[int]]:
        """What is shown, the window, and the cues in the order asked for."""
        seen = np.asarray(self.observe(scene.state))[0]
        symbols = np.flatnonzero(seen[: self.n_symbols])
        shown = f"{seen[-1]:+.2f}" if self._noisy else ""
        if len(symbols):
            shown = str(symbols[0]) if seen[self.n_symbols] else f"({symbols[0]})"
        cues = scene.state.symbols[0]
        asked = self._asked_for(np.arange(self.n_cues)) % self.n_cues
        return shown, self._window, [int(cues[position]) for position in asked]
