"""States at rest: the loss, and where states are led."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from warmrl.warmup import rest_loss
from warmrl.warmup.resting import Resting, held


class Halving(nn.Module):
    """h' = w h with w = 1/2."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> Any:
        h, c = state
        for _ in x:
            h = self.w * h
        return h, (h, c)


@pytest.mark.parametrize(("n_drift", "n_hold"), [(0, 1), (0, 3), (2, 1), (3, 4)])
def test_the_loss_of_a_network_that_halves_its_state(n_drift: int, n_hold: int) -> None:
    rnn = Halving()
    h, c = torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[0.2, -0.4]]])
    goal = torch.tensor([[[0.5, 0.0]]])
    loss = rest_loss(held(rnn, torch.zeros(1, 1), (h, c), n_drift, n_hold), (goal, c))
    drifted = h / 2**n_drift
    off = drifted / 2**n_hold - goal
    assert loss.item() == pytest.approx(off.square().mean().item())
    torch.autograd.backward(loss)
    # d/dw of the mean of (w^K s - goal)^2, s being the state after the drift
    wanted = (2 * off * n_hold * 0.5 ** (n_hold - 1) * drifted).mean()
    assert rnn.w.grad is not None
    assert rnn.w.grad.item() == pytest.approx(wanted.item())


def test_cell_states_must_rest_too_as_far_as_they_are_seen() -> None:
    lstm = nn.LSTM(1, 2)
    zeros = torch.zeros(1, 1, 2)
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.zero_()  # f = 1/2, and nothing is written
    c = torch.full((1, 1, 2), 2.0)
    h = torch.full((1, 1, 2), np.tanh(1.0) / 2)
    loss = rest_loss(held(lstm, torch.zeros(1, 1), (zeros, c), 0, 1), (h, c))
    assert loss.item() == pytest.approx((np.tanh(1.0) - np.tanh(2.0)) ** 2, rel=1e-5)


def at(*h: float) -> tuple[Tensor, Tensor]:
    state = torch.tensor(h)[None, :, None]
    return state, torch.zeros_like(state)


def test_goals_are_where_states_are_led() -> None:
    states = Resting(Halving(), torch.zeros(2, 1), at(8.0, -4.0))
    slipped, speed = states.flow(3, max_slip=0.1, reach=9)
    assert states.goal is not None
    assert states.goal[0].flatten().tolist() == [1.0, -0.5]
    assert (slipped, speed) == (0, 1.0)  # from 2 to 1 in the last step


def test_what_slips_away_keeps_its_goal() -> None:
    states = Resting(Halving(), torch.zeros(2, 1), at(8.0, -4.0))
    states.flow(3, max_slip=0.1, reach=9)
    slipped, speed = states.flow(
        4, max_slip=0.3, reach=9
    )  # 1 -> 0.5 is too far, -0.5 -> -0.25 is not
    assert states.goal is not None
    assert states.goal[0].flatten().tolist() == [1.0, -0.25]
    assert (slipped, speed) == (1, 0.5)


def test_what_is_lost_keeps_its_goal() -> None:
    states = Resting(Halving(), torch.zeros(2, 1), at(8.0, -4.0))

    def positive(state: tuple[Tensor, Tensor]) -> Tensor:
        return state[0].flatten() > 0

    states.lost = positive
    states.flow(3, max_slip=9, reach=9)  # to 1 and -0.5: there is no goal to keep
    slipped, _ = states.flow(4, max_slip=9, reach=9)
    assert states.goal is not None
    assert states.goal[0].flatten().tolist() == [1.0, -0.25]
    assert slipped == 1


def test_inputs_are_held_for_as_long_as_is_said() -> None:
    states = Resting(Halving(), torch.zeros(1, 1), at(1.0))
    states.rnn.w.data.fill_(0.999)  # type: ignore[operator]
    states.flow(1203, max_slip=0.1, reach=9)
    assert states.goal is not None
    assert states.goal[0].item() == pytest.approx(0.999**1203, rel=1e-4)


def test_those_drawn_are_held_off_their_goals() -> None:
    states = Resting(Halving(), torch.zeros(3, 1), at(8.0, 4.0, -4.0))
    states.flow(2, max_slip=0.1, reach=9)  # 2, 1, -1
    off, goals = torch.tensor([[[1.0], [0.0]]]), torch.ones(2)
    ends, led_to = states.held(torch.tensor([2, 0]), goals, off, n_drift=0, n_hold=1)
    assert ends[0].flatten().tolist() == [0.0, 1.0]
    assert led_to[0].flatten().tolist() == [-1.0, 2.0]


@pytest.mark.parametrize(
    ("when", "begin"), [(0.0, 2.0), (0.15, 2.0), (0.2, 1.0), (0.35, 0.5), (0.49, 0.5), (0.99, 0.5)]
)
def test_the_ways_are_held_too(when: float, begin: float) -> None:
    """From 8 over 4, 2 and 1 to 0.5: of these 2 and 1 are near, as far as is said."""
    states = Resting(Halving(), torch.zeros(1, 1), at(8.0))
    states.flow(4, max_slip=0.1, reach=1.5)
    off = torch.zeros(1, 1, 1)
    (h, _), goal = states.held(torch.tensor([0]), torch.tensor([when]), off, 0, 1)
    assert (h.item(), goal[0].item()) == (begin / 2, 0.5)


def test_a_way_that_slips_counts_while_it_is_near() -> None:
    states = Resting(Halving(), torch.zeros(1, 1), at(8.0))
    states.flow(3, max_slip=0.1, reach=0.1)  # to 1
    assert states.flow(4, max_slip=0.4, reach=0.6) == (1, 0.5)  # over 4, 2 and 1 to 0.5
    assert states.ways is not None
    assert states.ways.h.flatten().tolist() == [8.0, 4.0, 2.0, 1.0, 1.0]
    assert states.ways.near.flatten().tolist() == [False, False, False, True, True]
