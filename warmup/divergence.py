"""Descents that diverge: what they changed is taken back, and smaller steps are tried."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

RESTARTS = 2
SMALLER = 10  # times

Result = TypeVar("Result")


class DivergedError(FloatingPointError):
    """A descent met a loss or a gradient that is NaN or infinite, after its first step."""


def differentiate(loss: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    """Give these parameters the gradients of a loss, and no others any."""
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient


def check_descent(name: str, step: int, learning_rate: float, loss: Tensor, norm: Tensor) -> None:
    """Check one step of a descent, before the weights change.

    :param name: what errors begin with
    :param step: its number, from 0
    :param learning_rate: step size of the descent
    :param loss: a single number
    :param norm: of the gradient
    :raises DivergedError: if one of them is NaN or infinite
    :raises FloatingPointError: if they are so before anything has changed
    """
    if torch.isfinite(loss + norm):
        return
    found = f"{name}: loss {loss.item():g} with gradient norm {norm.item():g} at step {step}"
    if step == 0:
        raise FloatingPointError(f"{found}; weights and inputs must be smaller to begin with")
    raise DivergedError(f"{found}; learning_rate={learning_rate:g} must be smaller")


def with_smaller_steps(attempt: Callable[[float], Result], learning_rate: float) -> Result:
    """Descend; if that diverges begin again with a tenth of the step size, twice at most.

    :param attempt: the descent, from a step size; it takes back what it changed if it diverges
    :param learning_rate: the step size to begin with
    :raises DivergedError: if the last attempt diverges too
    """
    for restart in range(RESTARTS):
        try:
            return attempt(learning_rate / SMALLER**restart)
        except DivergedError:
            continue
    return attempt(learning_rate / SMALLER**RESTARTS)


def restorer(parameters: Sequence[Tensor]) -> Callable[[], None]:
    """What gives parameters, or buffers, the values that they have now."""
    values = [p.detach().clone() for p in parameters]

    def put_back() -> None:
        with torch.no_grad():
            for p, value in zip(parameters, values, strict=True):
                p.copy_(value)

    return put_back


@contextmanager
def restored_on_error(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Leave parameters as they were if anything goes wrong, and their gradients in any case."""
    put_back = restorer(parameters)
    gradients = [p.grad for p in parameters]
    try:
        yield
    except BaseException:
        put_back()
        raise
    finally:
        for p, gradient in zip(parameters, gradients, strict=True):
            p.grad = gradient
