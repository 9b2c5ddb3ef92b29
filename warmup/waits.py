"""Waits: the moments of a rollout at which nothing new was observed."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Waiting(NamedTuple):
    """S moments at which nothing new was observed."""

    observations: Any
    """what is observed, once more [S, ...], or a dict of such"""
    actor: tuple[Tensor, Tensor]
    """state ``(h, c)`` of the actor before that observation is read, each [layers, S, H]"""
    critic: tuple[Tensor, Tensor]
    """the same of the critic"""
    wait: NDArray[np.int64]
    """a number for every wait, a stretch of such moments in one environment, that environment's
    modulo their number [S]"""
    step: NDArray[np.int64]
    """steps of the rollout before it [S]"""


def same(new: Any, last: Any, watch: slice) -> NDArray[np.bool_]:
    """In which environments nothing new is observed [N]."""
    parts = [(new[key], last[key]) for key in new] if isinstance(new, dict) else [(new, last)]
    n = len(parts[0][0])
    equal_so_far = np.ones(n, dtype=np.bool_)
    for now, then in parts:
        equal = np.asarray(now).reshape(n, -1) == np.asarray(then).reshape(n, -1)
        equal_so_far &= equal[:, watch].all(axis=1)
    return equal_so_far


def at(waiting: Waiting, index: NDArray[np.int64]) -> Waiting:
    """Some of the moments."""
    observations = waiting.observations
    return Waiting(
        {key: part[index] for key, part in observations.items()}
        if isinstance(observations, dict)
        else observations[index],
        _states_at(waiting.actor, index),
        _states_at(waiting.critic, index),
        waiting.wait[index],
        waiting.step[index],
    )


def _states_at(state: tuple[Tensor, Tensor], index: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    h, c = (part[:, torch.from_numpy(index).to(part.device)] for part in state)
    return h, c


def joined(moments: list[Waiting]) -> Waiting:
    """All moments, one after the other."""
    first = moments[0].observations

    def states(pairs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        h, c = (torch.cat(parts, dim=1) for parts in zip(*pairs, strict=True))
        return h, c

    return Waiting(
        {key: np.concatenate([m.observations[key] for m in moments]) for key in first}
        if isinstance(first, dict)
        else np.concatenate([m.observations for m in moments]),
        states([m.actor for m in moments]),
        states([m.critic for m in moments]),
        np.concatenate([m.wait for m in moments]),
        np.concatenate([m.step for m in moments]),
    )


def ends_of_long_waits(wait: NDArray[np.int64]) -> NDArray[np.int64]:
    """The last moments of waits that last at least half as long as is usual.

    :param wait: number of the wait of each moment, in the order of time [S]
    :return: indices of moments, one for each such wait, in the order of time
    """
    _, reversed_first, of, lengths = np.unique(
        wait[::-1], return_index=True, return_inverse=True, return_counts=True
    )
    usual = np.quantile(lengths[of], 0.9)
    ends: NDArray[np.int64] = len(wait) - 1 - reversed_first[lengths >= usual / 2]
    return np.sort(ends)  # whatever numbers the waits have
