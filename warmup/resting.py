"""States at rest: where they are led while an input is held, and how far off others end."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

CHUNK = 500  # steps for which an input is held at once
STAGES = 8  # moments at which states are looked at on their way


def led(rnn: nn.Module, x: Tensor, state: tuple[Tensor, Tensor], n: int) -> tuple[Tensor, Tensor]:
    """Where states are led when an input is held for n steps, however many; see :func:`held`."""
    for done in range(0, n, CHUNK):
        steps = min(CHUNK, n - done)
        _, state = rnn(x.expand(steps, *x.shape).contiguous(), state)
    return state


def held(
    rnn: nn.Module, x: Tensor, state: tuple[Tensor, Tensor], n_drift: int, n_hold: int
) -> tuple[Tensor, Tensor]:
    """Where states are led when an input is held, without a gradient through the first steps.

    :param rnn: called like ``nn.LSTM``, time-major
    :param x: inputs [B, I]
    :param state: ``(h, c)`` from which to start, each [layers, B, H]
    :param n_drift: for how long the input is held without a gradient
    :param n_hold: for how long it is then held with one
    """
    with torch.no_grad():
        state = led(rnn, x, state, n_drift)
    return led(rnn, x, state, n_hold)


def rest_loss(state: tuple[Tensor, Tensor], goal: tuple[Tensor, Tensor]) -> Tensor:
    """How far states are from where they should rest.

    The mean square of ``h - goal``, and that of ``tanh(c)``. If the states are ``F^K(F^J(h))``,
    where F is one step under an input that is held, it is zero for all J and K only if the goal is
    an attractor of F in whose basin h is: then it is found after any delay.

    :param state: ``(h, c)``, each [layers, B, H]
    :param goal: ``(h, c)`` to end in, each [layers, B, H]
    """
    off: Tensor = (state[0] - goal[0]).square().mean()
    return off + (state[1].tanh() - goal[1].tanh()).square().mean()


class Ways(NamedTuple):
    """Where S states have been at P moments while an input was held."""

    h: Tensor
    """hidden states [P, layers, S, H]"""
    c: Tensor
    """cell states [P, layers, S, H]"""
    near: Tensor
    """whether that was near the goal, which the last is always [P, S]"""


class Resting:
    """States of a recurrent network that are to rest, each under an input that is held.

    :param rnn: called like ``nn.LSTM``, time-major
    :param x: inputs [S, I]
    :param start: the states ``(h, c)`` in which holding begins, each [layers, S, H]
    """

    def __init__(self, rnn: nn.Module, x: Tensor, start: tuple[Tensor, Tensor]) -> None:
        self.rnn = rnn
        self.x = x
        self.start = start
        self.goal: tuple[Tensor, Tensor] | None = None
        """where each has been led so far, and should rest [layers, S, H]"""
        self.ways: Ways | None = None
        """where each has been on its last way"""
        self.lost: Callable[[tuple[Tensor, Tensor]], Tensor] | None = None
        """says which states have lost what they held [S], if anything does"""

    @torch.no_grad()
    def flow(self, n_steps: int, max_slip: float, reach: float) -> tuple[int, float]:
        """Lead the states to where holding the inputs takes them: their goals from now on.

        A state that slips, which is to say that it ends farther from its goal so far than
        ``max_slip`` in the root mean square over units, or is lost, keeps that goal.

        :param n_steps: how long the inputs are held (steps), at least 2
        :param max_slip: of the hidden state
        :param reach: how far from the goal, by the same measure, a state on the way is near
        :return: how many states slipped, and the largest change in the last step
        """
        stages = np.unique(np.geomspace(1, n_steps - 1, STAGES).round().astype(int)).tolist()
        way = [self.start]
        for before, stage in zip([0, *stages], stages, strict=False):
            way.append(led(self.rnn, self.x, way[-1], stage - before))
        h, c = led(self.rnn, self.x, way[-1], 1)
        last_h, last_c = way[-1]
        speed = max((h - last_h).abs().max(), (c.tanh() - last_c.tanh()).abs().max()).item()
        slip = torch.zeros(len(self.x), dtype=torch.bool, device=h.device)
        if self.goal is not None:
            slip = _distance(h, self.goal[0]) > max_slip  # (S,)
            if self.lost is not None:
                slip |= self.lost((h, c))
            keep = slip[None, :, None]
            h, c = torch.where(keep, self.goal[0], h), torch.where(keep, self.goal[1], c)
        self.goal = h, c
        all_h, all_c = (torch.stack(parts) for parts in zip(*way, self.goal, strict=True))
        self.ways = Ways(all_h, all_c, _distance(all_h, h) <= reach)
        return int(slip.sum()), speed

    def held(
        self, drawn: Tensor, when: Tensor, off: Tensor, n_drift: int, n_hold: int
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Where some of the states end that begin off their goals, or off a near place on the way.

        :param drawn: which states [B]
        :param when: where each begins, from 0 to 1 [B]: the moments of its way from 0 to 1/2, its
            goal from there on
        :param off: how far off that h begins [layers, B, H]
        :param n_drift: for how long inputs are held without a gradient; :func:`held`
        :param n_hold: for how long with one
        :return: ``(h, c)`` at the end, and the goals
        """
        assert self.goal is not None
        assert self.ways is not None
        near = self.ways.near[:, drawn]  # (P, B)
        place = torch.minimum((2 * when * near.sum(0)).long(), near.sum(0) - 1)
        moment = ((near.cumsum(0) - 1 == place) & near).long().argmax(0)
        h, c = (part[moment, :, drawn].transpose(0, 1) for part in self.ways[:2])
        goal_h, goal_c = (part[:, drawn] for part in self.goal)
        return held(self.rnn, self.x[drawn], (h + off, c), n_drift, n_hold), (goal_h, goal_c)


def _distance(h: Tensor, goal: Tensor) -> Tensor:
    """Root mean square over units between states [..., layers, S, H]: [..., S]."""
    return (h - goal).square().mean((-3, -1)).sqrt()
