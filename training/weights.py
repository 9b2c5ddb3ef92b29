"""What gradient descent changes: a model's parameters, and the moments of its optimiser."""

from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from ..agents import RecurrentPPO
from ..named_arrays import Arrays, check_like, prefixed, under


def weights_of(model: RecurrentPPO) -> Arrays:
    """Parameters as ``policy.NAME`` and moments as ``moment.PARAMETER.NAME``, copied."""
    policy = model.policy
    arrays = prefixed("policy", state_of(policy))
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
    given = under("policy", arrays)
    check_like(prefixed("policy", given), prefixed("policy", state_of(policy)))
    moments = under("moment", arrays)
    indices = {name.partition(".")[0] for name in moments}
    state: dict[int, dict[str, torch.Tensor]] = {}
    for index, parameter in enumerate(policy.parameters()):
        if str(index) in indices:
            state[index] = _no_moments(parameter)
    wanted = {f"{i}.{name}": array_of(m) for i, ms in state.items() for name, m in ms.items()}
    check_like(prefixed("moment", moments), prefixed("moment", wanted))
    for index, moment in state.items():
        moment.update({name: torch.tensor(moments[f"{index}.{name}"]) for name in moment})
    set_state(policy, given)
    policy.optimizer.load_state_dict(policy.optimizer.state_dict() | {"state": state})


def state_of(module: nn.Module) -> Arrays:
    """Parameters and buffers by name, copied."""
    return {name: array_of(value) for name, value in module.state_dict().items()}


def set_state(module: nn.Module, state: Arrays) -> None:
    """Give a module the parameters and buffers that :func:`state_of` found."""
    module.load_state_dict({name: torch.tensor(array) for name, array in state.items()})


def array_of(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """A tensor's values, which later changes of it leave alone."""
    array: npt.NDArray[Any] = tensor.detach().cpu().numpy().copy()
    return array


def _no_moments(parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of Adam, before its first step."""
    moment = torch.zeros_like(parameter)
    return {"step": torch.tensor(0.0), "exp_avg": moment, "exp_avg_sq": moment}
