"""Certificates of tasks that end on time, or move by themselves, for agents that are automata."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from warmrl.agents.layers import State
from warmrl.envs import (
    ActiveTMaze,
    BakkerTMaze,
    Denoising,
    MemoryTask,
    MovingCorridor,
    PassiveTMaze,
)
from warmrl.evaluation import certify, evaluate_delay
from warmrl.tests.evaluation.automaton import AutomatonAgent, AutomatonStep

RIGHT, UP, LEFT, DOWN = range(4)
Rows = list[tuple[int, int]]


@dataclass
class ViewStep(AutomatonStep):
    """An automaton that tells observations apart as the rows of its task's `views`."""

    views: npt.NDArray[np.float32] | None = None

    def __call__(self, observation: Tensor, state: State) -> tuple[Tensor, State]:
        assert self.views is not None
        own = observation[:, None, -self.views.shape[1] :]
        kind = (own == torch.as_tensor(self.views)).all(dim=2).int().argmax(dim=1)
        h, c = state
        after = torch.as_tensor(self.moves)[h[0, :, 0].long(), kind]
        return after[:, 1], (after[None, :, :1].float(), c)


def agent_for(task: MemoryTask, table: list[Rows]) -> AutomatonAgent:
    """An agent whose row s, column v of the table are its next state and its action."""
    moves = np.array(table)
    agent = AutomatonAgent(moves, task)
    agent.step = ViewStep(moves, views=task.views)
    return agent


def turns(state: int, arm: int, away: int) -> Rows:
    """In a timed T-maze: walk and remember, fetch the cue if need be, turn."""
    return [(state, away), (1, RIGHT), (2, RIGHT), (state, arm), (state, arm), (state, arm)]


REMEMBERS = [turns(0, UP, LEFT), turns(1, UP, RIGHT), turns(2, DOWN, RIGHT)]
BLIND = [turns(0, UP, RIGHT)] * 3
MOVED = [[(0, 0), (1, 1), (0, 0), (0, 0)], [(0, 0), (1, 1), (1, 1), (1, 1)]]
BITS = [
    [(0, RIGHT), (1, RIGHT), (0, RIGHT), (0, RIGHT), (0, UP), (0, UP)],
    [(0, RIGHT), (1, RIGHT), (1, RIGHT), (1, RIGHT), (1, DOWN), (1, DOWN)],
]


@pytest.mark.parametrize(
    ("task", "table"),
    [
        (PassiveTMaze(), REMEMBERS),
        (ActiveTMaze(), REMEMBERS),
        (MovingCorridor(noise=False), MOVED),
        (BakkerTMaze(), BITS),
    ],
    ids=repr,
)
def test_agents_that_remember_are_certified_for_every_delay(task: Any, table: Any) -> None:
    agent = agent_for(task, table)
    certificate = certify(agent, task)
    assert (certificate.holds, certificate.reason) == (True, "")
    assert certificate.from_delay == task.minimum_delay
    for delay in (task.minimum_delay, 2, 3, 10, 500):
        result = evaluate_delay(agent, task, delay, 20)
        assert (result.success_rate, result.mean_return) == (1, task.optimal_return)


@pytest.mark.parametrize("task", [PassiveTMaze(), ActiveTMaze()], ids=repr)
def test_agents_that_do_not_look_or_forget_are_not(task: MemoryTask) -> None:
    agent = agent_for(task, BLIND)
    certificate = certify(agent, task)
    assert not certificate.holds
    assert "wrong for the delays" in certificate.reason
    assert evaluate_delay(agent, task, 500, 100).success_rate == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("task", [PassiveTMaze(), ActiveTMaze()], ids=repr)
def test_one_lost_step_is_too_slow_for_every_corridor(task: MemoryTask) -> None:
    # Bumps into the wall where it is told, and walks on in states 3 and 4.
    bumps = [(0, LEFT), (3, UP), (4, UP), *turns(0, UP, LEFT)[3:]]
    agent = agent_for(task, [bumps, *REMEMBERS[1:], turns(3, UP, RIGHT), turns(4, DOWN, RIGHT)])
    certificate = certify(agent, task)
    assert not certificate.holds
    assert "too slow" in certificate.reason
    for delay in (1, 2, 50):
        assert evaluate_delay(agent, task, delay, 20).success_rate == 0


def test_denoising_is_certified_where_nothing_distracts() -> None:
    task = Denoising(5, n_cues=1, n_symbols=2, window=3, distractor="none")
    cue = {2: 1, 3: 2}  # the views of cue 0 and of cue 1, and the states that remember them
    table = [[(cue.get(view, state), int(state == 2)) for view in range(8)] for state in range(3)]
    agent = agent_for(task, table)
    certificate = certify(agent, task)
    assert (certificate.holds, certificate.from_delay) == (True, 1)
    assert evaluate_delay(agent, task, 300, 20).success_rate == 1
