"""Certificates of LSTMs whose cell states never repeat, with weights set by hand."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from warmrl.agents import Agent, MlpRnnPolicy
from warmrl.agents.layers import State
from warmrl.agents.policy_step import PolicyStep
from warmrl.envs import Episode, TMaze
from warmrl.evaluation import certify, evaluate_delay
from warmrl.evaluation.cell_bounds import (
    SATURATED,
    Remembered,
    bounded_step,
    determines_h,
    tanh_saturates,
)
from warmrl.evaluation.corridor import Corridor

MEMORY, JUNCTION = 0, 1  # the two units
INPUT, FORGET, CANDIDATE, OUTPUT = range(4)  # torch's gate order
SEES_UP, SEES_DOWN, SEES_JUNCTION = 5, 6, 8  # columns of the observation
OPEN, SHUT = 30.0, -30.0  # exactly 1, about 1e-13


def lstm_agent(
    memory_forget: float = OPEN,
    junction_forget: float = 0.0,
    memory_write: float = -3.0,
    skip: bool = False,
) -> Agent:
    """Remembers the cue's sign in one unit, which it writes on for ever; the other sees the
    junction.

    :param memory_forget: forget pre-activation of the memory
    :param junction_forget: what the junction adds to it
    :param memory_write: input pre-activation of the memory in the corridor
    :param skip: whether the head sees the junction itself
    """
    low, high = Episode(TMaze()).observation_bounds
    policy = MlpRnnPolicy(
        spaces.Box(low, high),
        spaces.Discrete(4),
        lambda _: 0.0,
        cell="lstm",
        double=False,
        lstm_hidden_size=2,
        skip=skip,
    )
    layer = policy.lstm_actor.layers[0]
    for parameter in layer.parameters():
        parameter.data.zero_()
    x, h, bias = (torch.zeros(4, 2, 9), torch.zeros(4, 2, 2), torch.zeros(4, 2))
    bias[:, MEMORY] = torch.tensor([memory_write, memory_forget, 0.0, OPEN])
    x[INPUT, MEMORY, [SEES_UP, SEES_DOWN]] = OPEN
    x[CANDIDATE, MEMORY, [SEES_UP, SEES_DOWN]] = torch.tensor([OPEN, SHUT])
    x[FORGET, MEMORY, SEES_JUNCTION] = junction_forget
    h[CANDIDATE, MEMORY, MEMORY] = 5.0
    bias[:, JUNCTION] = torch.tensor([OPEN, SHUT, 0.0, OPEN])
    x[CANDIDATE, JUNCTION, SEES_JUNCTION] = OPEN
    with torch.no_grad():
        for name, value in (("weight_ih", x), ("weight_hh", h), ("bias_ih", bias)):
            getattr(layer, name).copy_(value.flatten(0, 1))
        # Logits: right 0, up 4 J + M - 2, down 4 J - M - 2, left -10. J is seen or remembered.
        policy.action_net.weight.zero_()
        policy.action_net.weight[:, MEMORY] = torch.tensor([0.0, 1, 0, -1])
        junction = 2 + SEES_JUNCTION if skip else JUNCTION
        policy.action_net.weight[:, junction] = torch.tensor([0.0, 4, 0, 4])
        policy.action_net.bias.copy_(torch.tensor([0.0, -2, -10, -2]))
    return Agent(policy)


@pytest.mark.parametrize("skip", [False, True])
def test_cell_states_that_drift_for_ever_are_decided(skip: bool) -> None:
    agent = lstm_agent(skip=skip)
    certificate = certify(agent, TMaze(), max_steps=5000)
    assert (certificate.holds, certificate.from_delay, certificate.cycle_length) == (True, 2, 1)
    for delay in (2, 100, 700):
        assert evaluate_delay(agent, TMaze(), delay, 10).success_rate == 1.0


def test_drift_is_really_one() -> None:
    agent = lstm_agent()
    corridor = Corridor(agent.step, TMaze(), np.array([[0.25]]))
    for _ in range(2001):
        corridor.extend()
    assert corridor.keys[2000] == corridor.keys[2001]
    assert corridor.c(2000)[0, 0, MEMORY] + 0.04 < corridor.c(2001)[0, 0, MEMORY]
    assert corridor.c(2000)[0, 0, MEMORY] > 50


def test_decision_that_hangs_on_the_drifting_value_is_not_claimed() -> None:
    # At the junction the memory forgets nearly all: the longer the corridor, the more is left.
    certificate = certify(lstm_agent(junction_forget=-38.0), TMaze(), max_steps=1500)
    assert not certificate.holds
    assert "is not decided" in certificate.reason


class Charged(PolicyStep):
    """Starts with the memory's cell state at 100."""

    def initial_state(self, n: int) -> State:
        h, c = super().initial_state(n)
        c = c.clone()
        c[..., MEMORY] = 100.0
        return h, c


class ChargedAgent(Agent):
    @property
    def step(self) -> PolicyStep:
        return Charged(self.policy)


@pytest.mark.parametrize(
    ("memory_write", "reason"),
    [
        # Decays to a fixed point near 20, where tanh is still 1: the barrier holds it.
        (-2.94, "it is wrong for the delays"),
        # Decays to one near 4: the cell states do not settle before tanh leaves 1.
        (-4.6, "not decided within 700 steps: its cell states drift"),
    ],
)
def test_decay_is_decided_only_above_a_barrier(memory_write: float, reason: str) -> None:
    agent = ChargedAgent(lstm_agent(memory_forget=6.0, memory_write=memory_write).policy)
    certificate = certify(agent, TMaze(), max_steps=700)
    assert not certificate.holds
    assert reason in certificate.reason
    assert certificate.reason.endswith("for cue 2 of 2") == reason.startswith("it is wrong")


def test_torch_saturates_where_the_proof_needs_it() -> None:
    assert tanh_saturates(torch.device("cpu"), 2)
    assert tanh_saturates(torch.device("cpu"), 64)


@pytest.mark.slow
def test_torch_saturates_at_every_float_beyond() -> None:
    first, last = 0x41200000, 0x7F800000  # 10 and infinity, as float32
    for start in range(first, last + 1, 2**24):
        bits = torch.arange(start, min(start + 2**24, last + 1), dtype=torch.int32)
        assert bool((torch.tanh(bits.view(torch.float32)) == 1).all())


def interval(low: float, high: float) -> tuple[Tensor, Tensor]:
    return torch.full((1, 1, 2), low), torch.full((1, 1, 2), high)


@pytest.mark.parametrize(
    ("low", "high", "same"),
    [
        (0.5, 0.5, True),
        (0.5, 0.6, False),
        (SATURATED, torch.inf, True),
        (-torch.inf, -SATURATED, True),
        (SATURATED - 1, torch.inf, False),
        (-SATURATED, SATURATED, False),
        (torch.nan, torch.inf, False),
        (-0.0, 0.0, False),
    ],
)
def test_interval_determines_h(low: float, high: float, same: bool) -> None:
    assert determines_h(*interval(low, high)) == same


@torch.no_grad()
def test_bounded_step_covers_every_cell_state_between() -> None:
    step = lstm_agent(junction_forget=-31.0).step
    generator = torch.Generator().manual_seed(0)
    observation = torch.rand(1, 9, generator=generator)
    h = torch.rand(1, 1, 2, generator=generator)
    low, high = interval(100.0, torch.inf)
    low[..., JUNCTION] = high[..., JUNCTION] = 0.3
    stepped = bounded_step(step, observation, Remembered(h, low, high))
    assert stepped is not None
    for c_memory in (100.0, 317.0, 1e6, 3e38):
        c = low.clone()
        c[..., MEMORY] = c_memory
        action, (after_h, after_c) = step(observation, (h, c))
        assert torch.equal(action, stepped[0])
        assert torch.equal(after_h, stepped[1].h)
        assert bool((stepped[1].low <= after_c).all())
        assert bool((after_c <= stepped[1].high).all())
