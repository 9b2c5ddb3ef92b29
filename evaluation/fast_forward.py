"""Long corridors in which an agent repeats itself, skipped to shortly before their ends."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warmrl.agents.layers import State
from warmrl.envs import Episode, EpisodeState

MARGIN = 64
"""Cells before the end of the corridor that are always walked."""

Array = npt.NDArray[np.float64]


@dataclass
class _Mark:
    """What was, when it was last taken down."""

    steps: int
    bits: bytes
    cells: npt.NDArray[np.int64]
    returns: Array


@dataclass
class _Cycle:
    """What happens from one repeat of all bits to the next."""

    steps: int
    cells: npt.NDArray[np.int64]
    returns: Array

    def is_that(self, other: "_Cycle") -> bool:
        """Whether it is another pass of the same cycle."""
        return (
            self.steps == other.steps
            and np.array_equal(self.cells, other.cells)
            and np.allclose(self.returns, other.returns, rtol=0, atol=1e-9)
        )


class FastForward:
    """Skips the middle of N corridors walked as one batch by a deterministic agent.

    A corridor is the same everywhere, and so once all that the agent sees and remembers is, bit by
    bit, what it was some steps before, the same steps follow until a corridor ends. Repeats are
    looked for as by Brent (1980), and a cycle is believed when it has been seen twice.

    :param episode: of a deterministic task with one fixed delay
    :param delay: the delay
    :param on_skip: told how many steps were taken, and how many skipped
    """

    def __init__(
        self, episode: Episode, delay: int, on_skip: Callable[[int, int], None] = lambda *_: None
    ) -> None:
        self.episode = episode
        self.delay = delay
        self.on_skip = on_skip
        self.restart()

    def restart(self) -> None:
        """Begin to look anew: the batch is another one."""
        self._mark: _Mark | None = None
        self._cycle: _Cycle | None = None
        self._power = 1
        self._looking = self.delay > 4 * MARGIN
        self._low = self._high = np.empty(0, np.int64)

    def __call__(
        self, state: EpisodeState, seen: npt.NDArray[np.float32], memory: State, returns: Array
    ) -> tuple[EpisodeState, Array, int]:
        """Where the episodes are, or where they will be after many repetitions.

        :param state: N episodes
        :param seen: their observations, which stay what they are [N, I]
        :param memory: ``(h, c)``, which stays what it is, each [layers, N, H]
        :param returns: undiscounted returns so far [N]
        :return: state and returns, and the number of steps skipped
        """
        if not self._looking:
            return state, returns, 0
        bits = seen.tobytes() + b"".join(part.cpu().numpy().tobytes() for part in memory)
        steps, cells = int(state.steps[0]), self.episode.corridor_delay(state)
        now = _Mark(steps, bits, cells, returns.copy())
        mark = self._mark
        if mark is None:
            self._take_down(now)
            return state, returns, 0
        self._low, self._high = np.minimum(self._low, cells), np.maximum(self._high, cells)
        if bits == mark.bits:
            cycle = _Cycle(steps - mark.steps, cells - mark.cells, returns - mark.returns)
            known = self._cycle is not None and cycle.is_that(self._cycle)
            n = self._repetitions(state, cycle) if known else 0
            self._cycle = cycle
            self._take_down(now)
            if n:
                self._looking = False
                skipped = n * cycle.steps
                self.on_skip(steps, skipped)
                state = self.episode.corridor_ahead(state, n * cycle.cells, skipped)
                return state, returns + n * cycle.returns, skipped
        elif steps - mark.steps == self._power:
            self._power *= 2
            self._cycle = None
            self._take_down(now)
        return state, returns, 0

    def _take_down(self, now: _Mark) -> None:
        self._mark = now
        self._low = self._high = now.cells

    def _repetitions(self, state: EpisodeState, cycle: _Cycle) -> int:
        """How often the cycle fits between here and the first corridor's end, or horizon."""
        if self._low.min() < 1 or cycle.cells.min() < 0:
            return 0
        left = self.episode.task.horizon(state.task) - state.steps
        fits = [int(left.min()) // cycle.steps - 1]
        moving = cycle.cells > 0
        if moving.any():
            room = self.delay - MARGIN - self._high[moving]
            fits.append(int((room // cycle.cells[moving]).min()))
        return max(0, min(fits))
