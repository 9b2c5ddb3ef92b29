"""Numbers that no training survives, found where they enter."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import Tensor, nn

REMEDY = "learning_rate or reward_scale must be smaller"


class NotFiniteError(ValueError):
    """Training met a number that is NaN or infinite; the message says which, when and where."""


def check_finite(name: str, values: Any, step: int, env: int | None = None) -> None:
    """Check what the environments gave.

    :param name: what it is, in the message
    :param values: a batch [n_envs, ...] of numbers or a dict of such; those of one environment
        [...] if ``env`` is given
    :param step: the step of training, in the message
    :param env: the environment that they are of
    :raises NotFiniteError: at the first that is NaN or infinite, naming environment and step
    """
    if isinstance(values, dict):
        for key, part in values.items():
            check_finite(f"{name} {key!r}", part, step, env)
        return
    array = np.asarray(values)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    at = tuple(np.argwhere(~np.isfinite(array))[0])
    index = at[0] if env is None else env
    raise NotFiniteError(
        f"{name} {array[at]} of environment {index} at step {step}: it must be finite"
    )


def check_rollout(fields: Mapping[str, Tensor], states: RNNStates, step: int) -> None:
    """Check what a policy made of a rollout; looks at the device once.

    A recurrent state that is not finite never becomes so again, not even in the next episode, and
    is named in place of what follows from it.

    :param fields: numbers of every step by their names, each [T, N]
    :param states: recurrent states after the last step, each [layers, N, H]
    :param step: the step of training after the rollout
    :raises NotFiniteError: at the first in time that is NaN or infinite
    """
    values = torch.stack(list(fields.values()))  # (F, T, N)
    if values.isfinite().all():
        return
    t, field, env = (~values.isfinite()).transpose(0, 1).nonzero()[0].tolist()
    name, value = list(fields)[field], values[field, t, env].item()
    for part in (*states.pi, *states.vf):
        broken = part[:, env][~part[:, env].isfinite()]
        if len(broken):
            name, value = "recurrent state", broken[0].item()
            break
    _, n_steps, n_envs = values.shape
    at = step - (n_steps - 1 - t) * n_envs
    raise NotFiniteError(f"{name} {value} of environment {env} at step {at}: it must be finite")


@contextmanager
def named_distribution(where: str) -> Iterator[None]:
    """Say in one line what torch says in many, of a distribution of actions it refuses.

    :param where: at which step, in the message
    :raises NotFiniteError: in place of torch's error
    """
    try:
        yield
    except ValueError as error:
        refused = re.match(r"Expected parameter (\w+) ", str(error))
        if refused is None:
            raise
        raise NotFiniteError(
            f"{refused[1]} of the actions' distribution is not finite {where}: {REMEDY}"
        ) from error


def broken_gradient(
    losses: Mapping[str, Tensor], gradients: Iterable[tuple[str, nn.Parameter]], step: int
) -> NotFiniteError:
    """What to say of a descent that cannot go on.

    :param losses: its losses by their names
    :param gradients: parameters with gradients by their names
    :param step: the step of training
    """
    gradient = {f"gradient of {name}": p.grad for name, p in gradients if p.grad is not None}
    for name, values in {**losses, **gradient}.items():
        if not values.isfinite().all():
            what = f"{name} {values[~values.isfinite()].flatten()[0].item()}"
            break
    else:
        what = "norm of the gradient inf"
    return NotFiniteError(f"{what} in the update at step {step}: it must be finite; {REMEDY}")
