"""States at rest: where they are led while an input is held, and how far off others end."""

import torch
from torch import Tensor, nn

CHUNK = 500  # steps for which an input is held at once


def rest_loss(
    rnn: nn.Module,
    x: Tensor,
    state: tuple[Tensor, Tensor],
    goal: tuple[Tensor, Tensor],
    n_drift: int,
    n_hold: int,
) -> Tensor:
    """How far states end from where they should rest, when an input is held.

    The mean square of ``F^K(F^J(h)) - goal``, where F is one step under the input x, and that of
    ``tanh(c)``; no gradient goes through the first J steps. It is zero for all J and K only if the
    goal is an attractor of F in whose basin h is: then it is found after any delay.

    :param rnn: called like ``nn.LSTM``, time-major
    :param x: inputs [B, I]
    :param state: ``(h, c)`` from which to start, each [layers, B, H]
    :param goal: ``(h, c)`` to end in, each [layers, B, H]
    :param n_drift: J, for how long the input is held without a gradient
    :param n_hold: K, for how long it is then held with one
    """
    if n_drift:
        with torch.no_grad():
            _, state = rnn(x.expand(n_drift, *x.shape).contiguous(), state)
    _, (h, c) = rnn(x.expand(n_hold, *x.shape).contiguous(), state)
    off: Tensor = (h - goal[0]).square().mean() + (c.tanh() - goal[1].tanh()).square().mean()
    return off


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

    @torch.no_grad()
    def flow(self, n_steps: int, max_slip: float) -> tuple[int, float]:
        """Lead the states to where holding the inputs takes them: their goals from now on.

        A state that slips, which is to say that it ends farther from its goal so far than
        ``max_slip`` in the root mean square over units, keeps that goal.

        :param n_steps: how long the inputs are held (steps), at least 2
        :param max_slip: of the hidden state
        :return: how many states slipped, and the largest change in the last step
        """
        before = self._hold(self.start, n_steps - 1)
        h, c = self._hold(before, 1)
        speed = max((h - before[0]).abs().max(), (c.tanh() - before[1].tanh()).abs().max()).item()
        if self.goal is None:
            self.goal = h, c
            return 0, speed
        slip = (h - self.goal[0]).square().mean((0, 2)).sqrt() > max_slip  # (S,)
        keep = slip[None, :, None]
        self.goal = torch.where(keep, self.goal[0], h), torch.where(keep, self.goal[1], c)
        return int(slip.sum()), speed

    def _hold(self, state: tuple[Tensor, Tensor], n_steps: int) -> tuple[Tensor, Tensor]:
        for done in range(0, n_steps, CHUNK):
            n = min(CHUNK, n_steps - done)
            _, state = self.rnn(self.x.expand(n, *self.x.shape).contiguous(), state)
        return state

    def loss(self, drawn: Tensor, off: Tensor, n_drift: int, n_hold: int) -> Tensor:
        """How far some of the states, begun off their goals, end from them; :func:`rest_loss`.

        :param drawn: which states [B]
        :param off: how far h begins off its goal [layers, B, H]
        """
        assert self.goal is not None
        h, c = (part[:, drawn] for part in self.goal)
        return rest_loss(self.rnn, self.x[drawn], (h + off, c), (h, c), n_drift, n_hold)
