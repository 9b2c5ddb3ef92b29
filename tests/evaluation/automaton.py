"""Agents that are finite automata, and the brute force that certificates are checked against."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import Tensor

from warmrl.agents.cells import Cell, Weights
from warmrl.agents.layers import State
from warmrl.envs import Episode, MemoryTask, TMaze
from warmrl.evaluation.play import EpisodeNoise, play


@dataclass
class AutomatonStep:
    """State s and what the task itself shows, one-hot, decide the next state and the action."""

    moves: npt.NDArray[np.int64]  # [states, kinds of observation, 2]: next state, action
    layers: Sequence[tuple[type[Cell], Weights]] = ()

    def initial_state(self, n: int) -> State:
        return torch.zeros(1, n, 1), torch.zeros(1, n, 1)

    def features(self, observation: Tensor) -> Tensor:
        raise NotImplementedError

    def seen(self, h: Tensor, features: Tensor) -> Tensor:
        raise NotImplementedError

    def act(self, trunk: Tensor) -> Tensor:
        raise NotImplementedError

    def __call__(self, observation: Tensor, state: State) -> tuple[Tensor, State]:
        h, c = state
        kind = observation[:, -self.moves.shape[1] :].argmax(dim=1)
        after = torch.as_tensor(self.moves)[h[0, :, 0].long(), kind]
        return after[:, 1], (after[None, :, :1].float(), c)


@dataclass
class AutomatonAgent:
    """An agent for the T-maze; see `AutomatonStep`."""

    moves: npt.NDArray[np.int64]
    task: MemoryTask = field(default_factory=TMaze)

    def __post_init__(self) -> None:
        low, high = Episode(self.task).observation_bounds
        self.observation_space: spaces.Space[Any] = spaces.Box(low, high)
        self.action_space: spaces.Space[Any] = spaces.Discrete(self.task.n_actions)
        self.step = AutomatonStep(self.moves)


def tmaze_automaton(
    n_states: int, entries: dict[tuple[int, str], tuple[int, int]]
) -> AutomatonAgent:
    """An automaton of the T-maze from {(state, seen): (next state, action)}.

    Seen is one of "up", "down", "corridor", "junction"; the rest stays put and bumps down.
    """
    moves = np.zeros((n_states, 4, 2), dtype=np.int64)
    moves[..., 0] = np.arange(n_states)[:, None]
    moves[..., 1] = 3
    for (state, seen), entry in entries.items():
        moves[state, ("up", "down", "corridor", "junction").index(seen)] = entry
    return AutomatonAgent(moves)


def right_delays(agent: AutomatonAgent, low: int, high: int) -> npt.NDArray[np.bool_]:
    """Whether every cue is solved at each delay in low..high, by playing all the episodes."""
    task = agent.task.with_delay((low, high))
    cues = task.cues()
    count = high - low + 1
    starts = np.repeat(cues, count, axis=0)
    starts[:, -1] = np.tile((np.arange(count) + 0.5) / count, len(cues))
    played = play(agent.step, task, starts, EpisodeNoise(0, len(starts)))
    return np.asarray(played.solved.reshape(len(cues), count).all(axis=0))


def first_right(right: npt.NDArray[np.bool_], low: int, tail: int = 24) -> int | None:
    """The delay from which on all are right; None if one of the last, a whole cycle, is wrong."""
    wrong = np.flatnonzero(~right)
    if not len(wrong):
        return low
    return None if wrong[-1] >= len(right) - tail else low + int(wrong[-1]) + 1
