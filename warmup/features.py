"""What the recurrent networks of a Stable-Baselines3 policy read: its features of observations."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from .modes import training_mode
from .trajectories import Inputs, Trajectories

_CHUNK = 1024  # observations that pass the features extractor at once, which bounds its memory


@torch.no_grad()
def policy_features(policy: Any, trajectories: Trajectories) -> tuple[Tensor, Tensor]:
    """Pass the observations through the policy's own preprocessing and features extractor.

    :param policy: an SB3 actor-critic policy
    :param trajectories: observations as its environment returns them
    :return: features of the actor and of the critic, [T, N, I] each, the same tensor if they share
    :raises ValueError: if the observations do not fit the policy's observation space
    """
    space = policy.observation_space
    _check_space(space, trajectories.inputs)
    steps = trajectories.steps()
    total = int(trajectories.lengths.sum())
    chunks = []
    with training_mode(policy, False):
        for first in range(0, total, _CHUNK):
            part = slice(first, first + _CHUNK)
            chosen = (
                {key: _as_observed(x[part], space[key]) for key, x in steps.items()}
                if isinstance(steps, dict)
                else _as_observed(steps[part], space)
            )
            observations, _ = policy.obs_to_tensor(chosen)
            features = policy.extract_features(observations)
            chunks.append(features if isinstance(features, tuple) else (features, features))
    actor, critic = (
        _padded(torch.cat(parts), trajectories.valid) for parts in zip(*chunks, strict=True)
    )
    return actor, critic


def _as_observed(steps: NDArray[np.generic], space: spaces.Space[Any]) -> NDArray[np.generic]:
    """Numbers without an axis where that is what the space has, [S] instead of [S, 1]."""
    return steps.flatten() if space.shape == () else steps


def _padded(steps: Tensor, valid: Tensor) -> Tensor:
    out = steps.new_zeros(*valid.shape, steps.shape[-1])  # (T, N, I)
    out[valid.to(steps.device)] = steps
    return out


def _check_space(space: spaces.Space[Any], inputs: Inputs) -> None:
    expected = dict(space.items()) if isinstance(space, spaces.Dict) else {"": space}
    given = inputs if isinstance(inputs, Mapping) else {"": inputs}
    if set(expected) != set(given):
        raise ValueError(f"trajectories hold {_keys(given)}; the policy observes {_keys(expected)}")
    for key, part in expected.items():
        shape = tuple(given[key].shape[2:])
        # Sizes, not shapes: SB3 itself moves the channels of images, and a Discrete has no axis.
        if part.shape is None or np.prod(shape) != np.prod(part.shape):
            raise ValueError(
                f"trajectories hold observations of shape {shape}{key and f' at {key!r}'}; "
                f"the policy observes {part.shape}"
            )


def _keys(names: Mapping[str, Any]) -> str:
    return "one tensor" if set(names) == {""} else f"the keys {sorted(names)}"
