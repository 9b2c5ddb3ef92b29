"""Exploration policies: how actions are drawn in random rollouts."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .batches import Batch

Act: TypeAlias = Callable[[Any], Any]  # observations [n_envs, ...] -> actions [n_envs, ...]
Policy: TypeAlias = Sequence[float] | Act


def exploration(batch: Batch, policy: Policy | None, rng: np.random.Generator) -> Act:
    """The function that draws the actions.

    :param batch: the environments
    :param policy: probabilities of the discrete actions, or the function itself; ``None`` for what
        the environments state, otherwise samples of their action space
    :param rng: source of the draws
    :raises ValueError: if probabilities do not fit the action space
    :raises TypeError: if the policy is neither probabilities nor a function
    """
    if callable(policy):
        return policy
    if isinstance(policy, str) or not isinstance(policy, Sequence | np.ndarray | None):
        raise TypeError(
            f"policy={policy!r} must be probabilities of the discrete actions, or a function from "
            "observations to actions"
        )
    stated = batch.exploration_policy() if policy is None else policy
    if stated is not None:
        return _discrete(batch, stated, rng)
    space = copy.deepcopy(batch.action_space)  # the environment's own random state stays as it is
    space.seed(int(rng.integers(2**31)))
    return lambda _: np.stack([space.sample() for _ in range(batch.n_envs)])


def _discrete(batch: Batch, stated: Sequence[float], rng: np.random.Generator) -> Act:
    space = batch.action_space
    if not isinstance(space, spaces.Discrete):
        raise ValueError(
            f"policy={tuple(stated)} gives probabilities of discrete actions; "
            f"the action space is {space}"
        )
    p = np.asarray(stated, dtype=np.float64)
    if p.shape != (space.n,) or not (p >= 0).all() or not np.isclose(p.sum(), 1):
        raise ValueError(
            f"policy={tuple(stated)} must be {space.n} probabilities, one per action, with sum 1"
        )
    first = int(space.start)

    def act(_: Any) -> NDArray[np.int64]:
        return first + rng.choice(len(p), size=batch.n_envs, p=p / p.sum())

    return act
