"""What gradient descent changes: a model's parameters, and the moments of its optimiser."""

from typing import Any

import numpy.typing as npt
import torch

from ..agents import RecurrentPPO
from ..named_arrays import Arrays, check_like, prefixed, under


def weights_of(model: RecurrentPPO) -> Arrays:
    """Parameters as ``policy.NAME`` and moments as ``moment.PARAMETER.NAME``, copied."""
    policy = model.policy
    arrays = prefixed("policy", {k: array_of(v) for k, v in policy.state_dict().items()})
    for index, moments in policy.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            arrays[f"moment.{index}.{name}"] = array_of(value)
    return arrays


def set_weights(model: RecurrentPPO, arrays: Arrays) -> None:
    """Put a model where :func:`weights_of` found another one, on its own device.

    :param arrays: others among them are not looked at
    :raises ValueError: if they are of another network
    """
    policy = model.policy
    given, parameters = under("policy", arrays), list(policy.parameters())
    wanted = {name: array_of(value) for name, value in policy.state_dict().items()}
    check_like(prefixed("policy", given), prefixed("policy", wanted))
    state: dict[int, dict[str, torch.Tensor]] = {}
    for path, array in under("moment", arrays).items():
        index, _, name = path.partition(".")
        if not index.isdecimal() or int(index) >= len(parameters):
            raise ValueError(f"moment.{path} is of no parameter; there are {len(parameters)}")
        shape = tuple(parameters[int(index)].shape)
        if array.shape not in ((), shape):
            raise ValueError(f"moment.{path} is of shape {array.shape}; it must be {shape}")
        state.setdefault(int(index), {})[name] = torch.tensor(array)
    policy.load_state_dict({name: torch.tensor(array) for name, array in given.items()})
    policy.optimizer.load_state_dict(policy.optimizer.state_dict() | {"state": state})


def array_of(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """A tensor's values, which later changes of it leave alone."""
    array: npt.NDArray[Any] = tensor.detach().cpu().numpy().copy()
    return array
