"""Rounds of gradient steps."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .divergence import check_descent, differentiate


class Rounds:
    """Descends with Adam, anew in every round, and counts the steps.

    :param name: what errors begin with
    :param parameters: what changes
    :param learning_rate: step size, which falls linearly to zero in each round
    :param n_steps: gradient steps of a round
    :param max_grad_norm: largest norm of the gradient
    """

    def __init__(
        self,
        name: str,
        parameters: Sequence[nn.Parameter],
        learning_rate: float,
        n_steps: int,
        max_grad_norm: float,
    ) -> None:
        self._name = name
        self._parameters = parameters
        self._learning_rate = learning_rate
        self._n_steps = n_steps
        self._max_grad_norm = max_grad_norm
        self._done = 0
        self.loss = 0.0
        """of the last step"""

    def run(self, objective: Callable[[], Tensor], steady: bool = False) -> None:
        """One round.

        :param objective: gives the loss of a step
        :param steady: whether the step size stays as it is
        :raises FloatingPointError: if loss or gradient become NaN or infinite
        """
        optimiser = torch.optim.Adam(self._parameters, lr=self._learning_rate)
        loss = torch.zeros(())
        for step in range(self._n_steps):
            if not steady:
                rate = self._learning_rate * (1 - step / self._n_steps)
                optimiser.param_groups[0]["lr"] = rate
            loss = objective()
            differentiate(loss, self._parameters)
            norm = nn.utils.clip_grad_norm_(self._parameters, self._max_grad_norm)
            check_descent(self._name, self._done, self._learning_rate, loss, norm)
            optimiser.step()
            self._done += 1
        self.loss = loss.item()
