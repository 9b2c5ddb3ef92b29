"""T-mazes that last a fixed time and pay at its end: what those of Ni et al. (2023) share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from .arguments import Delay, check_delay, delay_bounds
from .arrays import Array, uniform_integers
from .task import MemoryTask, Scene
from .tmaze_picture import TMazeView, draw_tmaze, write_tmaze
from .tmaze_rules import DOWN, LEFT, RIGHT, UP

NOTHING, CUE_UP, CUE_DOWN, JUNCTION, ARM_UP, ARM_DOWN = range(6)
"""What there is to see."""


class TimedTMazeState(NamedTuple):
    """N episodes of a timed T-maze."""

    x: Array
    """cell, `[N]` int64, from the cue's cell 0 to the junction's"""
    arm: Array
    """1 in the upper arm, -1 in the lower, else 0, `[N]` int64"""
    cue: Array
    """0 when the goal is up, 1 when it is down, `[N]` int64"""
    length: Array
    """cells from the start to the junction, `[N]` int64"""
    time: Array
    """steps since the start, `[N]` int64"""
    told: Array
    """1 while the cue is shown, 2 from then on, 0 before, `[N]` int64"""


@dataclass(frozen=True)
class TimedTMaze(MemoryTask):
    """A T-maze whose agent has just the time to fetch the cue and carry it to an arm.

    The cue is shown once, when cell 0 is first entered. Whoever is behind the fastest agent that
    has fetched it pays; nothing else costs, and only where the agent stands at the end counts.

    :param length: cells from the start to the junction, or an inclusive range.
    :raises ValueError: for a length below 1.
    """

    length: Delay

    detour: ClassVar[int]
    """cells from the start back to the cue"""

    delay_name: ClassVar[str] = "length"
    minimum_delay: ClassVar[int] = 1
    n_actions: ClassVar[int] = 4
    action_names: ClassVar[Sequence[str]] = ("right", "up", "left", "down")
    exploration_policy: ClassVar[tuple[float, ...]] = (1 / 2, 1 / 6, 1 / 6, 1 / 6)
    deterministic: ClassVar[bool] = True
    optimal_return: ClassVar[float] = 1.0
    memoryless_return: ClassVar[float] = 0.5
    step_noise: ClassVar[int] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "length", check_delay("length", self.length, self.minimum_delay))

    @property
    def reward_range(self) -> tuple[float, float]:
        """From the penalty in the shortest corridor to the goal."""
        return -1.0 / delay_bounds(self.length)[0], 1.0

    @property
    def observation_bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """[0, -1] and [1, 1]."""
        return np.array([0, -1], dtype=np.float32), np.ones(2, dtype=np.float32)

    @property
    def reset_noise(self) -> int:
        """The cue, and the length when it is a range."""
        return 1 + self._delay_noise

    def reset(self, noise: Array) -> TimedTMazeState:
        """Start N episodes (see `MemoryTask.reset`)."""
        length = self._draw_delay(noise)
        zero = length * 0
        return TimedTMazeState(
            x=zero + self.detour,
            arm=zero,
            cue=uniform_integers(noise[:, 0], 2),
            length=length,
            time=zero,
            told=zero + (self.detour == 0),
        )

    def step(
        self,
        state: TimedTMazeState,
        action: Array,
        noise: Array,  # noqa: ARG002
    ) -> tuple[TimedTMazeState, Array, Array]:
        """Advance N episodes by one step (see `MemoryTask.step`)."""
        xp = array_namespace(action)
        junction = state.length + self.detour
        across = (action == RIGHT) * 1 - (action == LEFT) * 1
        along = state.x + across
        x = state.x + ((state.arm == 0) & (along >= 0) & (along <= junction)) * across
        upwards = (action == UP) * 1 - (action == DOWN) * 1
        turned = state.arm + upwards
        arm = state.arm + ((state.x == junction) & (turned >= -1) & (turned <= 1)) * upwards
        told = xp.where(state.told > 0, 2, (x == 0) * 1)
        after = TimedTMazeState(x, arm, state.cue, state.length, state.time + 1, told)
        ended = after.time >= self.horizon(after)
        at_goal = xp.astype(arm == 1 - 2 * state.cue, xp.float32)
        penalty = -1.0 / xp.astype(state.length, xp.float32)
        late = xp.where(x < after.time - self.detour, penalty, 0.0)
        return after, xp.where(ended, at_goal, late), ended

    @cached_property
    def views(self) -> npt.NDArray[np.float32]:
        """[at the junction, cue or arm] of everything there is to see, `[6, 2]`."""
        views = np.zeros((6, 2), dtype=np.float32)
        views[[JUNCTION, ARM_UP, ARM_DOWN], 0] = 1
        views[[CUE_UP, ARM_UP], 1] = 1
        views[[CUE_DOWN, ARM_DOWN], 1] = -1
        return views

    def view(self, state: TimedTMazeState) -> Array:
        """What there is to see, `[N]` int64."""
        crossing = JUNCTION + (state.arm == 1) * 1 + (state.arm == -1) * 2
        at_junction = state.x == state.length + self.detour
        return at_junction * crossing + (state.told == 1) * (CUE_UP + state.cue)

    def horizon(self, state: TimedTMazeState) -> Array:
        """The steps of the fastest way over the cue into an arm; it terminates there by itself."""
        return state.length + 1 + 2 * self.detour

    def success(self, state: TimedTMazeState) -> Array:
        """Whether the episode has ended on the goal, `[N]` bool."""
        return (state.time >= self.horizon(state)) & (state.arm == 1 - 2 * state.cue)

    def ansi(self, scene: Scene) -> str:
        """The maze in text."""
        return write_tmaze(self._view(scene))

    def picture(self, scene: Scene) -> npt.NDArray[np.uint8]:
        """The maze as an RGB image."""
        return draw_tmaze(self._view(scene))

    def _cues(self) -> npt.NDArray[np.float64]:
        noise = np.zeros((2, self.reset_noise))
        noise[:, 0] = 0.25, 0.75
        return noise

    def _cue_name(self, state: TimedTMazeState) -> str:
        return ("up", "down")[int(state.cue[0])]

    # Who reaches a cell late has, were it the junction, no time left there: the penalty, which
    # depends on the length, is never seen in an episode that goes on.

    def _corridor_end(self, state: TimedTMazeState) -> TimedTMazeState:
        return state._replace(length=self._corridor_delay(state))

    def _corridor_delay(self, state: TimedTMazeState) -> Array:
        return state.x - self.detour

    def _corridor_ahead(self, state: TimedTMazeState, cells: Array, steps: int) -> TimedTMazeState:
        return state._replace(x=state.x + cells, time=state.time + steps)

    def _view(self, scene: Scene) -> TMazeView:
        state: TimedTMazeState = scene.state
        return TMazeView(
            x=int(state.x[0]),
            length=int(state.length[0]) + self.detour,
            goal_up=int(state.cue[0]) == 0,
            cue_shown=int(state.told[0]) == 1,
            arm={1: "up", -1: "down"}.get(int(state.arm[0])),
            prizes=("+1", "0"),
            action=None if scene.action is None else self.action_names[scene.action],
            reward=scene.reward,
            steps=scene.steps,
        )
