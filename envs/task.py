"""The contract of a memory task: dynamics written once, for batches of any array backend."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device

from ..checks import check_flag
from .arguments import Delay, delay_bounds
from .arrays import Array, Table, rows, uniform_integers

MAX_CUES = 4096
"""Most starting cues that `MemoryTask.cues` enumerates."""


class Scene(NamedTuple):
    """What a picture of one episode shows."""

    state: Any
    """the task's state, one row"""
    action: int | None
    """the action that led here; None at the start"""
    reward: float
    """the reward that led here"""
    steps: int
    """steps since the start"""
    terminated: bool
    """whether that action ended the episode"""


@dataclass(frozen=True)
class MemoryTask(ABC):
    """A cue, a delay, and a decision that needs the cue.

    The dynamics are functional and batched: a state is a NamedTuple of arrays with leading
    dimension N, of any backend of `array_api_compat`; randomness comes in as arrays uniform on
    [0, 1). `Episode` adds what all tasks share (previous action and reward, truncation, resets).

    :param observe_previous: put [one-hot previous action, previous reward] before the task's own
        observation; both are zero at the start of an episode.
    """

    observe_previous: bool = field(default=True, kw_only=True)

    delay_name: ClassVar[str]
    """name of the argument that is the delay"""
    minimum_delay: ClassVar[int]
    """smallest legal delay (steps)"""

    def __post_init__(self) -> None:
        check_flag("observe_previous", self.observe_previous)

    @property
    @abstractmethod
    def n_actions(self) -> int:
        """Number of discrete actions."""

    @property
    @abstractmethod
    def action_names(self) -> Sequence[str]:
        """A word for every action."""

    @property
    @abstractmethod
    def reward_range(self) -> tuple[float, float]:
        """Smallest and largest reward of one step."""

    @property
    @abstractmethod
    def observation_bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Lower and upper bound of the task's own observation, each `[observation_size]`."""

    @property
    def observation_size(self) -> int:
        """Width of the task's own observation, without previous action and reward."""
        return len(self.observation_bounds[0])

    @property
    @abstractmethod
    def reset_noise(self) -> int:
        """Uniform numbers that a reset consumes per episode."""

    @property
    @abstractmethod
    def step_noise(self) -> int:
        """Uniform numbers that a step consumes per episode."""

    @property
    @abstractmethod
    def deterministic(self) -> bool:
        """Whether nothing is random after the start of an episode."""

    @property
    def elementwise(self) -> bool:
        """Whether all but `reset` also take one episode's state in Python's numbers."""
        return False

    @property
    @abstractmethod
    def optimal_return(self) -> float:
        """Expected undiscounted return of the best policy."""

    @property
    @abstractmethod
    def memoryless_return(self) -> float:
        """Expected undiscounted return of the best function of the task's own observation."""

    @property
    @abstractmethod
    def exploration_policy(self) -> tuple[float, ...]:
        """Probability of every action under the exploration policy."""

    @abstractmethod
    def reset(self, noise: Array) -> Any:
        """Start N episodes.

        :param noise: `[N, reset_noise]`, uniform on [0, 1).
        :return: a state of N rows.
        """

    @abstractmethod
    def step(self, state: Any, action: Array, noise: Array) -> tuple[Any, Array, Array]:
        """Advance N episodes by one step.

        :param state: a state of N rows; it is left unchanged.
        :param action: `[N]` int64.
        :param noise: `[N, step_noise]`, uniform on [0, 1).
        :return: the next state, the rewards (`[N]` float32), and which episodes have terminated
            (`[N]` bool).
        """

    @cached_property
    @abstractmethod
    def views(self) -> npt.NDArray[np.float32]:
        """Every own observation that a table can hold, `[V, observation_size]`."""

    @abstractmethod
    def view(self, state: Any) -> Array:
        """Which of the `views` each episode has, `[N]` int64."""

    def fill(self, observation: Array, state: Any) -> None:  # noqa: B027
        """Write the channels that no table holds into own observations, in place.

        :param observation: `[N, observation_size]` float32, the `views` of the state.
        :param state: a state of N rows.
        """

    def observe(self, state: Any) -> Array:
        """The task's own observation, `[N, observation_size]` float32; always a new array."""
        observation = self._view_table.pick(self.view(state))
        self.fill(observation, state)
        return observation

    @abstractmethod
    def horizon(self, state: Any) -> Array:
        """Steps after which each episode is cut off, `[N]` int64."""

    @abstractmethod
    def success(self, state: Any) -> Array:
        """Whether each episode has ended solved, `[N]` bool."""

    @abstractmethod
    def ansi(self, scene: Scene) -> str:
        """One episode drawn in text."""

    @abstractmethod
    def picture(self, scene: Scene) -> npt.NDArray[np.uint8]:
        """One episode drawn as an RGB image, `[height, width, 3]`."""

    @property
    def delay(self) -> Delay:
        """The delay, or the range it is drawn from (steps), whatever its argument is called."""
        value: Delay = getattr(self, self.delay_name)
        return value

    def with_delay(self, delay: Delay) -> MemoryTask:
        """The same task with another delay.

        :param delay: steps, or an inclusive range (low, high).
        :raises ValueError: for a delay that the task does not have.
        """
        changed: dict[str, Any] = {self.delay_name: delay}
        return dataclasses.replace(self, **changed)

    def cues(self) -> npt.NDArray[np.float64]:
        """Reset noise that starts one episode with every distinct cue.

        :return: `[n_cues, reset_noise]`; a range of delays yields its smallest.
        :raises ValueError: when the task is not deterministic, or has more than 4096 cues.
        """
        self._require_deterministic("cues")
        return self._cues()

    def cue_names(self) -> list[str]:
        """What a person would call each of the `cues`, in the same order.

        :raises ValueError: see `cues`.
        """
        starts = self.cues()
        states = self.reset(starts)
        return [self._cue_name(rows(states, np.array([i]))) for i in range(len(starts))]

    def n_decisions(self) -> int:
        """Number of equally likely decisions of which one is right: by default one per cue.

        :raises ValueError: see `cues`.
        """
        return len(self.cues())

    def corridor_end(self, state: Any) -> Any:
        """The state of an episode of the same history whose delay ends exactly here.

        With `corridor_delay` this branches the decision after every shorter delay off one
        episode whose delay never ends. It is meaningful where the delay is legal, that is at
        least `minimum_delay`, reached for the first time in its episode, and before its horizon.

        :param state: a state of N rows.
        :raises ValueError: when the task is not deterministic.
        """
        self._require_deterministic("corridor_end")
        return self._corridor_end(state)

    def corridor_delay(self, state: Any) -> Array:
        """The delay (steps) of the episode that `corridor_end` gives, `[N]` int64.

        :param state: a state of N rows.
        :raises ValueError: when the task is not deterministic.
        """
        self._require_deterministic("corridor_delay")
        return self._corridor_delay(state)

    def corridor_ahead(self, state: Any, cells: Array, steps: int) -> Any:
        """The state of episodes that go on for some steps and come that much farther meanwhile.

        It is meaningful in the corridor, which is the same everywhere: from a delay of 1 on, and
        before the end.

        :param state: a state of N rows.
        :param cells: what is added to `corridor_delay`, `[N]` int64.
        :param steps: steps taken, for all the same.
        :raises ValueError: when the task is not deterministic.
        """
        self._require_deterministic("corridor_ahead")
        return self._corridor_ahead(state, cells, steps)

    # A task that is never deterministic has no use for these five.

    def _cues(self) -> npt.NDArray[np.float64]:
        raise NotImplementedError

    def _cue_name(self, state: Any) -> str:
        """The cue of a state of one row."""
        raise NotImplementedError

    def _corridor_end(self, state: Any) -> Any:
        raise NotImplementedError

    def _corridor_delay(self, state: Any) -> Array:
        raise NotImplementedError

    def _corridor_ahead(self, state: Any, cells: Array, steps: int) -> Any:
        raise NotImplementedError

    def _require_deterministic(self, what: str) -> None:
        if not self.deterministic:
            raise ValueError(f"{what} needs a deterministic task, and {self!r} is not")

    def _draw_delay(self, noise: Array) -> Array:
        """Each episode's delay, `[N]` int64; a range consumes the last column of the noise."""
        low, high = delay_bounds(self.delay)
        if low == high:
            xp = array_namespace(noise)
            return xp.full((noise.shape[0],), low, dtype=xp.int64, device=device(noise))
        return low + uniform_integers(noise[:, -1], high - low + 1)

    @cached_property
    def _view_table(self) -> Table:
        return Table(self.views)

    @property
    def _delay_noise(self) -> int:
        return int(isinstance(self.delay, tuple))
