"""Numbers that no training survives, found where they enter."""

from typing import Any

import numpy as np


class NotFiniteError(ValueError):
    """An environment gave an observation or a reward that is NaN or infinite."""


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
