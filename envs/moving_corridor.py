"""The moving corridor: the agent is carried through noise to a junction, and only turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from ..checks import check_flag
from .arguments import Delay, check_delay
from .arrays import Array, uniform_integers
from .task import MemoryTask, Scene
from .tmaze_picture import TMazeView, draw_tmaze, write_tmaze

GOAL_REWARD = 4.0
WRONG_REWARD = -3.0

CUE_UP, CUE_DOWN, CORRIDOR, JUNCTION = range(4)
"""What there is to see."""


class MovingCorridorState(NamedTuple):
    """N episodes of the moving corridor."""

    cue: Array
    """0 when the goal is up, 1 when it is down, `[N]` int64"""
    length: Array
    """the junction's cell, `[N]` int64"""
    time: Array
    """steps since the start, which is the cell up to the junction, `[N]` int64"""
    sign: Array
    """this step's noise: 1 or -1, and 0 without noise, `[N]` float32"""
    solved: Array
    """whether the goal has been entered, `[N]` bool"""


@dataclass(frozen=True)
class MovingCorridor(MemoryTask):
    """The long noisy T-maze of MemUP: the agent is moved, and decides once.

    ## Description

    The agent is carried down a corridor, one cell a step, and what it does there has no effect.
    It is shown a cue at the start, noise all along, and has to turn at the junction. The length
    varies, so that counting does not help.

    ```
                                  +---+
                                  | G |    goal: +4
    +---+---+---+---+---+---+ ... +---+
    | A-->-->-->-->-->-->-->- ... | J |    cells 0..L, one a step
    +---+---+---+---+---+---+ ... +---+
     cue  noise +1 -1 -1 +1 -1    |   |    wrong arm: -3
                                  +---+
    ```

    ## Action Space

    `Discrete(2)`: 0 is up, 1 is down. Only the action at the junction counts.

    ## Observation Space

    `Box(6,)` float32; `observe_previous=False` drops the first three.

    | index | content                                              | range    |
    |-------|------------------------------------------------------|----------|
    | 0-1   | previous action, one-hot; zeros at the start         | 0, 1     |
    | 2     | previous reward; zero at the start                   | -3..4    |
    | 3     | cue on the first step: 1 is up, -1 down; else 0      | -1, 0, 1 |
    | 4     | at the junction (also after the episode's end)       | 0, 1     |
    | 5     | only with `noise`: 1 or -1, equally likely           | -1, 1    |

    ## Rewards

    +4 for the goal, -3 for the wrong arm, 0 before. The best return is 4. Without memory it is
    (4 - 3) / 2 = 0.5: a guess.

    ## Starting State

    Cell 0; up and down are equally likely. A range of lengths is drawn from uniformly.

    ## Episode End

    Termination after the turn, that is after L + 1 steps.

    ## Arguments

    - `length`: L, at least 1, or a range (low, high). The paper's 100 + U{0..10} is (100, 110).
    - `noise`: whether there is a noise channel. With it there are no certificates.
    - `observe_previous`: observe the previous action and reward.

    ## References

    - Sorokin, Buzun, Pugachev and Burtsev, "Explain my surprise: learning efficient long-term
      memory by predicting uncertain outcomes", NeurIPS 2022 (T-maze LNR).

    :param length: corridor length L (cells, which are steps), or an inclusive range.
    :param noise: whether there is a noise channel.
    :raises ValueError: for a length below 1.
    """

    length: Delay = (100, 110)
    noise: bool = True

    delay_name: ClassVar[str] = "length"
    minimum_delay: ClassVar[int] = 1
    reward_range: ClassVar[tuple[float, float]] = (WRONG_REWARD, GOAL_REWARD)
    n_actions: ClassVar[int] = 2
    action_names: ClassVar[Sequence[str]] = ("up", "down")
    exploration_policy: ClassVar[tuple[float, ...]] = (1 / 2, 1 / 2)
    optimal_return: ClassVar[float] = GOAL_REWARD
    memoryless_return: ClassVar[float] = (GOAL_REWARD + WRONG_REWARD) / 2

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "length", check_delay("length", self.length, self.minimum_delay))
        check_flag("noise", self.noise)

    @property
    def observation_bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """[-1, 0(, -1)] and ones."""
        low = np.array([-1, 0, -1][: 2 + self.noise], dtype=np.float32)
        return low, np.ones_like(low)

    @property
    def reset_noise(self) -> int:
        """The cue, the first step's noise, and the length when it is a range."""
        return 1 + self.step_noise + self._delay_noise

    @property
    def step_noise(self) -> int:
        """One number for the noise channel, if there is one."""
        return int(self.noise)

    @property
    def deterministic(self) -> bool:
        """Whether there is no noise."""
        return not self.noise

    def reset(self, noise: Array) -> MovingCorridorState:
        """Start N episodes in cell 0 (see `MemoryTask.reset`)."""
        length = self._draw_delay(noise)
        time = length * 0
        cue = uniform_integers(noise[:, 0], 2)
        return MovingCorridorState(cue, length, time, self._sign(noise[:, 1:], time), time > 0)

    def step(
        self, state: MovingCorridorState, action: Array, noise: Array
    ) -> tuple[MovingCorridorState, Array, Array]:
        """Advance N episodes by one step (see `MemoryTask.step`)."""
        xp = array_namespace(action)
        turned = state.time == state.length
        right = action == state.cue
        after = state._replace(
            time=state.time + 1, sign=self._sign(noise, state.time), solved=turned & right
        )
        paid = xp.where(right, GOAL_REWARD, WRONG_REWARD)
        return after, xp.astype(xp.where(turned, paid, 0.0), xp.float32), turned

    @cached_property
    def views(self) -> npt.NDArray[np.float32]:
        """[cue, at the junction(, 0)] of everything there is to see, `[4, 2 or 3]`."""
        views = np.zeros((4, self.observation_size), dtype=np.float32)
        views[[CUE_UP, CUE_DOWN], 0] = 1, -1
        views[JUNCTION, 1] = 1
        return views

    def view(self, state: MovingCorridorState) -> Array:
        """What there is to see, `[N]` int64."""
        started, arrived = state.time > 0, state.time >= state.length
        return ~started * state.cue + started * CORRIDOR + arrived * (JUNCTION - CORRIDOR)

    def fill(self, observation: Array, state: MovingCorridorState) -> None:
        """Write the noise channel."""
        if self.noise:
            observation[:, -1] = state.sign

    def horizon(self, state: MovingCorridorState) -> Array:
        """The step of the turn, `[N]` int64; the episode terminates there by itself."""
        return state.length + 1

    def success(self, state: MovingCorridorState) -> Array:
        """Whether the goal has just been entered, `[N]` bool."""
        return state.solved

    def ansi(self, scene: Scene) -> str:
        """The corridor in text."""
        return write_tmaze(self._view(scene))

    def picture(self, scene: Scene) -> npt.NDArray[np.uint8]:
        """The corridor as an RGB image."""
        return draw_tmaze(self._view(scene))

    def _sign(self, noise: Array, time: Array) -> Array:
        xp = array_namespace(time)
        if not self.noise:
            return xp.astype(time * 0, xp.float32)
        return xp.astype(1 - 2 * uniform_integers(noise[:, 0], 2), xp.float32)

    def _cues(self) -> npt.NDArray[np.float64]:
        noise = np.zeros((2, self.reset_noise))
        noise[:, 0] = 0.25, 0.75
        return noise

    def _cue_name(self, state: MovingCorridorState) -> str:
        return ("up", "down")[int(state.cue[0])]

    def _corridor_end(self, state: MovingCorridorState) -> MovingCorridorState:
        return state._replace(length=state.time)

    def _corridor_delay(self, state: MovingCorridorState) -> Array:
        return state.time

    def _corridor_ahead(
        self,
        state: MovingCorridorState,
        cells: Array,  # noqa: ARG002
        steps: int,
    ) -> MovingCorridorState:
        return state._replace(time=state.time + steps)

    def _view(self, scene: Scene) -> TMazeView:
        state: MovingCorridorState = scene.state
        time, length = int(state.time[0]), int(state.length[0])
        action = None if scene.action is None else self.action_names[scene.action]
        return TMazeView(
            x=min(time, length),
            length=length,
            goal_up=int(state.cue[0]) == 0,
            cue_shown=time == 0,
            arm=action if scene.terminated else None,
            prizes=("+4", "-3"),
            action=action,
            reward=scene.reward,
            steps=scene.steps,
        )
