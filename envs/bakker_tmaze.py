"""The T-maze seen through three bits, as Bakker (2001) published it, clean and noisy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device

from ..checks import check_flag
from .arguments import Delay
from .arrays import Array
from .tmaze import TMaze
from .tmaze_rules import CORRIDOR_DOWN, CORRIDOR_UP


class NoisyTMazeState(NamedTuple):
    """N episodes of the T-maze, and the noise they are seen through."""

    x: Array
    """see `TMazeState`, as for the next four"""
    cue: Array
    length: Array
    place: Array
    solved: Array
    static: Array
    """uniform noise, shown in the corridor only, `[N, 2]` float32"""


@dataclass(frozen=True)
class BakkerTMaze(TMaze):
    """The T-maze of Bakker (2001): the maze of `TMaze`, seen through three bits.

    ## Description

    The cue, the corridor and the junction differ in single bits, and in the noisy variant the
    outer two of the corridor are random, so that it seldom looks the same twice.

    ```
                                  +---+
                                  | G |    goal: +4
    +---+---+---+---+---+---+ ... +---+
    |011|101|101|101|101|101|     |010|    goal up: 011 in cell 0; goal down: 110
    +---+---+---+---+---+---+ ... +---+
          a0b a0b a0b a0b         |   |    noisy=True: a, b ~ U(0, 1) in every step
                                  +---+    wrong arm: -0.1
    ```

    ## Action Space

    `Discrete(4)`: right, up, left, down, as in `TMaze`.

    ## Observation Space

    `Box(8,)` float32, or `Box(3,)` with `observe_previous=False`, which drops the first five.

    | index | content                                          | range    |
    |-------|--------------------------------------------------|----------|
    | 0-3   | previous action, one-hot; zeros at the start     | 0, 1     |
    | 4     | previous reward; zero at the start               | -0.1..4  |
    | 5-7   | 011 or 110 in cell 0, 101 (or a0b) in the corridor, 010 at the junction | 0..1 |

    ## Rewards

    +4 for the goal, -0.1 for the wrong arm and for walking into a wall, 0 otherwise. The best
    return is 4, in L + 1 steps. Without memory it is (4 - 0.1) / 2 = 1.95: a guess.

    ## Starting State

    Cell 0; up and down are equally likely. A range of lengths is drawn from uniformly.

    ## Episode End

    Termination in either arm; truncation after 3 L - 1 steps, as in `TMaze`.

    ## Arguments

    - `length`: L, at least 2, or a range (low, high). The paper's figure has 10, its study goes
      up to 70.
    - `stochasticity`: as in `TMaze`; the paper has none.
    - `noisy`: random outer bits in the corridor. Such a maze has no certificates.
    - `observe_previous`: observe the previous action and reward; the paper's agent does not.

    ## References

    - Bakker, "Reinforcement learning with long short-term memory", NeurIPS 2001, section 4.

    :param length: corridor length L (cells), or an inclusive range.
    :param stochasticity: probability of a random action before the junction.
    :param noisy: whether the corridor's outer bits are random.
    :raises ValueError: for a length below 2 or a probability outside [0, 1].
    """

    length: Delay = 10
    noisy: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("noisy", self.noisy)

    @property
    def observation_bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Zeros and ones, `[3]`."""
        return np.zeros(3, dtype=np.float32), np.ones(3, dtype=np.float32)

    @property
    def step_noise(self) -> int:
        """What `TMaze` needs, and two numbers that are shown as they are."""
        return super().step_noise + 2 * self.noisy

    @property
    def deterministic(self) -> bool:
        """Whether no action slips and nothing is noisy."""
        return super().deterministic and not self.noisy

    def reset(self, noise: Array) -> Any:
        """Start N episodes in cell 0, where there is no noise (see `MemoryTask.reset`)."""
        state = super().reset(noise)
        if not self.noisy:
            return state
        xp = array_namespace(noise)
        static = xp.zeros((noise.shape[0], 2), dtype=xp.float32, device=device(noise))
        return NoisyTMazeState(*state, static)

    def step(self, state: Any, action: Array, noise: Array) -> tuple[Any, Array, Array]:
        """Advance N episodes by one step (see `MemoryTask.step`)."""
        after: Any
        after, reward, terminated = super().step(state, action, noise)
        if self.noisy:
            xp = array_namespace(noise)
            after = after._replace(static=xp.astype(noise[:, -2:], xp.float32))
        return after, reward, terminated

    @cached_property
    def views(self) -> npt.NDArray[np.float32]:
        """The three bits of every place, `[6, 3]`; noise is filled in."""
        corridor = [0, 0, 0] if self.noisy else [1, 0, 1]
        start_up, start_down, junction = [0, 1, 1], [1, 1, 0], [0, 1, 0]
        places = [start_up, start_down, corridor, corridor, junction, junction]
        return np.array(places, dtype=np.float32)

    def fill(self, observation: Array, state: Any) -> None:
        """Write the noise of the corridor."""
        if self.noisy:
            corridor = (state.place == CORRIDOR_UP) | (state.place == CORRIDOR_DOWN)
            observation[:, ::2] += corridor[:, None] * state.static
