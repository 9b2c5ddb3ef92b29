"""What evaluation needs of an agent and of its recurrence."""

from collections.abc import Sequence
from typing import Any, Protocol

from gymnasium import spaces
from torch import Tensor

from warmrl.agents.cells import Cell, Weights
from warmrl.agents.layers import State


class GreedyStep(Protocol):
    """One step of a policy as a pure function; `warmrl.agents.policy_step.PolicyStep` is one."""

    @property
    def layers(self) -> Sequence[tuple[type[Cell], Weights]]:
        """The recurrence, layer by layer; empty if it is not made of cells."""

    def initial_state(self, n: int) -> State:
        """The state ``(h, c)`` before an episode, each [layers, n, H]."""

    def features(self, observation: Tensor) -> Tensor:
        """What the first layer sees of an observation [N, I]."""

    def seen(self, h: Tensor, features: Tensor) -> Tensor:
        """What the actor sees [N, ...] of the last layer's h [N, H] and the features [N, I]."""

    def act(self, trunk: Tensor) -> Tensor:
        """Greedy actions [N] from what the actor sees."""

    def __call__(self, observation: Tensor, state: State) -> tuple[Tensor, State]:
        """Greedy actions [N] and the next state."""


class GreedyAgent(Protocol):
    """An agent that can be stepped without its own memory; `warmrl.agents.Agent` is one."""

    @property
    def step(self) -> GreedyStep:
        """Its policy as a pure function."""

    @property
    def observation_space(self) -> spaces.Space[Any]:
        """Space of a single observation."""

    @property
    def action_space(self) -> spaces.Space[Any]:
        """Space of a single action."""
