"""The T-maze: remember a cue to the end of a corridor, then turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from ..checks import check_number
from .arguments import Delay, check_delay, delay_bounds
from .arrays import Array, uniform_integers
from .task import MemoryTask, Scene
from .tmaze_odds import arrival_probability
from .tmaze_picture import TMazeView, draw_tmaze, write_tmaze
from .tmaze_rules import (
    BUMP_REWARD,
    GOAL_REWARD,
    JUNCTION_UP,
    MOVE,
    REWARD,
    SOLVED,
    TERMINATED,
    TMazeState,
    place,
)


@dataclass(frozen=True)
class TMaze(MemoryTask):
    """The T-maze of Bakker (2001) as published by Lambrechts et al. (2023).

    ## Description

    The agent starts at the left end of a corridor, where it is shown on which side the goal lies.
    The cue is gone when the agent moves on; at the junction it has to turn to the right side.

    ```
                                  +---+
                                  | G |    goal: +4
    +---+---+---+---+---+---+ ... +---+
    | A |   |   |   |   |   |     | J |    cells 0..L, the junction J is cell L
    +---+---+---+---+---+---+ ... +---+
      cue shown here: "up"        |   |    wrong arm: -0.1
                                  +---+
    ```

    ## Action Space

    `Discrete(4)`

    | action | meaning | before the junction | at the junction     |
    |--------|---------|---------------------|---------------------|
    | 0      | right   | one cell right      | wall                |
    | 1      | up      | wall                | ends the episode    |
    | 2      | left    | one cell left; wall in cell 0 | one cell left |
    | 3      | down    | wall                | ends the episode    |

    ## Observation Space

    `Box(9,)` float32, or `Box(4,)` with `observe_previous=False`, which drops the first five.

    | index | content                                          | range    |
    |-------|--------------------------------------------------|----------|
    | 0-3   | previous action, one-hot; zeros at the start     | 0, 1     |
    | 4     | previous reward; zero at the start               | -0.1..4  |
    | 5     | cue "goal is up" (only in cell 0)                | 0, 1     |
    | 6     | cue "goal is down" (only in cell 0)              | 0, 1     |
    | 7     | in the corridor                                  | 0, 1     |
    | 8     | at the junction (also after the episode's end)   | 0, 1     |

    ## Rewards

    | event                                | reward |
    |--------------------------------------|--------|
    | entering the goal                    | +4     |
    | entering the wrong arm               | -0.1   |
    | walking into a wall                  | -0.1   |
    | any other move                       | 0      |

    The best return is 4, in L + 1 steps. Without memory it is (4 - 0.1) / 2 = 1.95: a guess.

    ## Starting State

    Cell 0; up and down are equally likely. A range of lengths is drawn from uniformly.

    ## Episode End

    Termination in either arm; truncation after 3 L - 1 steps.

    ## Arguments

    - `length`: L, at least 2, or a range (low, high) from which every episode draws its own.
    - `stochasticity`: probability, before the junction, that a uniformly random action is
      executed instead of the chosen one. The reward is that of the chosen action.
    - `observe_previous`: observe the previous action and reward.

    ## References

    - Bakker, "Reinforcement learning with long short-term memory", NeurIPS 2001.
    - Lambrechts, De Geeter, Vecoven, Ernst and Drion, "Warming up recurrent neural networks to
      maximise reachable multistability greatly improves learning", Neural Networks 2023.

    :param length: corridor length L (cells), or an inclusive range.
    :param stochasticity: probability of a random action before the junction.
    :raises ValueError: for a length below 2 or a probability outside [0, 1].
    """

    length: Delay = 20
    stochasticity: float = 0.0

    delay_name: ClassVar[str] = "length"
    minimum_delay: ClassVar[int] = 2
    reward_range: ClassVar[tuple[float, float]] = (BUMP_REWARD, GOAL_REWARD)
    n_actions: ClassVar[int] = 4
    action_names: ClassVar[Sequence[str]] = ("right", "up", "left", "down")
    exploration_policy: ClassVar[tuple[float, ...]] = (1 / 2, 1 / 6, 1 / 6, 1 / 6)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "length", check_delay("length", self.length, self.minimum_delay))
        chance = check_number("stochasticity", self.stochasticity, 0, 1)
        object.__setattr__(self, "stochasticity", chance)

    @property
    def observation_bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Zeros and ones, `[4]`."""
        return np.zeros(4, dtype=np.float32), np.ones(4, dtype=np.float32)

    @property
    def reset_noise(self) -> int:
        """The cue, and the length when it is a range."""
        return 1 + self._delay_noise

    @property
    def step_noise(self) -> int:
        """One uniform number decides both whether the agent slips and whereto."""
        return int(self.stochasticity > 0)

    @property
    def deterministic(self) -> bool:
        """Whether no action slips."""
        return self.stochasticity == 0

    @property
    def elementwise(self) -> bool:
        """Where nothing is random, an episode is made of numbers."""
        return self.deterministic

    @cached_property
    def optimal_return(self) -> float:
        """4 times the probability that always going right reaches the junction in time.

        The mean over a range of lengths; 4 without stochasticity.
        """
        return GOAL_REWARD * self._arrival

    @cached_property
    def memoryless_return(self) -> float:
        """(4 - 0.1) / 2, times the same probability: the arm is a guess."""
        return (GOAL_REWARD + BUMP_REWARD) / 2 * self._arrival

    @cached_property
    def _arrival(self) -> float:
        low, high = delay_bounds(self.length)
        chances = [
            arrival_probability(length, self.stochasticity) for length in range(low, high + 1)
        ]
        return float(np.mean(chances))

    def reset(self, noise: Array) -> TMazeState:
        """Start N episodes in cell 0 (see `MemoryTask.reset`)."""
        length = self._draw_delay(noise)
        start = length * 0
        cue = uniform_integers(noise[:, 0], 2)
        return TMazeState(start, cue, length, place=cue, solved=start > 0)

    def step(
        self, state: TMazeState, action: Array, noise: Array
    ) -> tuple[TMazeState, Array, Array]:
        """Advance N episodes by one step (see `MemoryTask.step`)."""
        row = 4 * state.place
        chosen = row + action
        executed = chosen
        if self.stochasticity > 0:
            xp = array_namespace(noise)
            draw = noise[:, 0]
            slips = (draw < self.stochasticity) & (state.place < JUNCTION_UP)
            # Given that it lies below, draw / stochasticity is itself uniform on [0, 1).
            anywhere = uniform_integers(xp.where(slips, draw / self.stochasticity, 0.0), 4)
            executed = row + xp.where(slips, anywhere, action)
        x = state.x + MOVE.pick(executed)
        here = place(x, state.cue, state.length)
        after = state._replace(x=x, place=here, solved=SOLVED.pick(chosen))
        return after, REWARD.pick(chosen), TERMINATED.pick(chosen)

    @cached_property
    def views(self) -> npt.NDArray[np.float32]:
        """One-hot {cue up, cue down, corridor, junction} of every place, `[6, 4]`."""
        return np.eye(4, dtype=np.float32)[[0, 1, 2, 2, 3, 3]]

    def view(self, state: TMazeState) -> Array:
        """The place, `[N]` int64."""
        return state.place

    def horizon(self, state: TMazeState) -> Array:
        """3 L - 1 steps, `[N]` int64."""
        return 3 * state.length - 1

    def success(self, state: TMazeState) -> Array:
        """Whether the goal has just been entered, `[N]` bool."""
        return state.solved

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

    def _cue_name(self, state: TMazeState) -> str:
        return ("up", "down")[int(state.cue[0])]

    def _corridor_end(self, state: TMazeState) -> TMazeState:
        return state._replace(length=state.x, place=place(state.x, state.cue, state.x))

    def _corridor_delay(self, state: TMazeState) -> Array:
        return state.x

    def _corridor_ahead(
        self,
        state: TMazeState,
        cells: Array,
        steps: int,  # noqa: ARG002
    ) -> TMazeState:
        return state._replace(x=state.x + cells)

    def _view(self, scene: Scene) -> TMazeView:
        state: TMazeState = scene.state
        action = None if scene.action is None else self.action_names[scene.action]
        return TMazeView(
            x=int(state.x[0]),
            length=int(state.length[0]),
            goal_up=int(state.cue[0]) == 0,
            cue_shown=int(state.x[0]) == 0,
            arm=action if scene.terminated else None,
            prizes=("+4", "-.1"),
            action=action,
            reward=scene.reward,
            steps=scene.steps,
        )
