"""What arrays must be like before a kernel reads them: kernels themselves check nothing.

Compiled code would read and write beyond arrays that do not fit, and end the process. Shapes, types
and devices are compared as integers, in microseconds; numbers are looked at only where one of them
is an index.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from ..cells import Cell, Weights


def check_tensor(name: str, value: Any) -> None:
    """Check that something is a tensor.

    :raises TypeError: if it is not
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} of type {type(value).__name__} must be a torch tensor")


def check_array(name: str, value: Any, shape: tuple[int, ...], like: Tensor) -> None:
    """Check a tensor.

    :param name: what it is, in the message
    :param shape: what its shape must be
    :param like: a weight, whose type and device it must have
    :raises TypeError: if it is no tensor
    :raises ValueError: if it is of another shape, type or device
    """
    check_tensor(name, value)
    if value.shape != shape:
        raise ValueError(f"{name} of shape {_listed(value.shape)} must be {_listed(shape)}")
    check_kind(name, value, like)


def check_floating(name: str, weight: Tensor) -> None:
    """Check that a weight is of real numbers.

    :raises ValueError: if it is not
    """
    if not weight.is_floating_point():
        raise ValueError(f"{name} of dtype {_short(weight.dtype)} must be of real numbers")


def check_kind(name: str, value: Tensor, like: Tensor) -> None:
    """Check the type and device of a tensor; under autocast torch itself converts types.

    :raises ValueError: if they are not those of a weight
    """
    if value.dtype is not like.dtype and not torch.is_autocast_enabled(like.device.type):
        found, wanted = _short(value.dtype), _short(like.dtype)
        raise ValueError(f"{name} of dtype {found} must be {wanted}, as the weights are")
    if value.device != like.device:
        raise ValueError(f"{name} on {value.device} must be on {like.device}, as the weights are")


def check_weights(cell: type[Cell], weights: Weights, n_inputs: int, width: int) -> Tensor:
    """Check the weights of a cell, and return one of them.

    :param n_inputs: I
    :param width: H
    :raises ValueError: if one of them is of another shape, type or device than it must be
    """
    like: Tensor | None = None
    for name, (kind, gates) in cell.weight_shapes.items():
        weight = weights[name]
        like = weight if like is None else like
        if kind == "gate":
            check_array(name, weight, (gates * width,), like)
        else:
            columns = n_inputs if kind == "input" else width
            check_array(name, weight, (gates * width, columns), like)
    assert like is not None
    check_floating(name, like)
    return like


def check_inputs(x: Any, n_inputs: int, like: Tensor) -> int:
    """Check the inputs of whole sequences, and return the number of sequences.

    :param x: [T, N, I], or packed
    :param n_inputs: I
    :param like: a weight
    :raises TypeError: if they are neither a tensor nor packed
    :raises ValueError: if they are of another shape, type or device, or of no step
    """
    if isinstance(x, PackedSequence):
        return _check_packed(x, n_inputs, like)
    if not isinstance(x, Tensor):
        raise TypeError(f"x of type {type(x).__name__} must be a torch tensor or a PackedSequence")
    if x.ndim != 3 or x.shape[2] != n_inputs:
        raise ValueError(f"x of shape {_listed(x.shape)} must be [steps, sequences, {n_inputs}]")
    if x.shape[0] == 0:
        raise ValueError(f"x of shape {_listed(x.shape)} must have at least one step")
    check_kind("x", x, like)
    return int(x.shape[1])


def _check_packed(x: PackedSequence, n_inputs: int, like: Tensor) -> int:
    sizes = x.batch_sizes
    if not isinstance(sizes, Tensor) or sizes.ndim != 1 or sizes.dtype != torch.int64:
        raise ValueError("batch_sizes of packed inputs must be an int64 tensor of one dimension")
    if sizes.device.type != "cpu" or len(sizes) == 0:
        raise ValueError("batch_sizes of packed inputs must be on the CPU, and of one step or more")
    n, last = int(sizes[0]), int(sizes[-1])
    if last < 1 or bool((sizes[1:] > sizes[:-1]).any()):
        raise ValueError("batch_sizes of packed inputs must be positive, and never grow")
    check_array("data of packed inputs", x.data, (int(sizes.sum()), n_inputs), like)
    for name in ("sorted_indices", "unsorted_indices"):
        indices = getattr(x, name)
        if indices is None:
            continue
        if indices.shape != (n,) or indices.sort().values.tolist() != list(range(n)):
            raise ValueError(f"{name} of packed inputs must be each of the {n} sequences once")
    return n


def check_state(state: Any, layers: int, n: int, width: int, like: Tensor) -> None:
    """Check a recurrent state.

    :param state: ``(h, c)``, each [layers, n, width]
    :param like: a weight
    :raises TypeError: if it is no pair of tensors
    :raises ValueError: if one of them is of another shape, type or device
    """
    check_pair(state)
    for name, part in zip("hc", state, strict=True):
        check_array(f"state {name}", part, (layers, n, width), like)


def check_pair(state: Any) -> None:
    """Check that a recurrent state is a pair of tensors.

    :raises TypeError: if it is not
    """
    if not isinstance(state, (tuple, list)) or len(state) != 2:
        raise TypeError(f"state of type {type(state).__name__} must be a pair of tensors (h, c)")
    for name, part in zip("hc", state, strict=True):
        check_tensor(f"state {name}", part)


def check_step(x: Any, h: Any, c: Any, n_inputs: int, width: int, like: Tensor) -> None:
    """Check the inputs of a single step.

    :param x: [N, n_inputs]
    :param h: [N, width]
    :param c: [N, width]
    :param like: a weight
    :raises TypeError: if one of them is no tensor
    :raises ValueError: if one of them is of another shape, type or device
    """
    check_tensor("x", x)
    if x.ndim != 2 or x.shape[1] != n_inputs:
        raise ValueError(f"x of shape {_listed(x.shape)} must be [sequences, {n_inputs}]")
    check_kind("x", x, like)
    for name, part in (("state h", h), ("state c", c)):
        check_array(name, part, (x.shape[0], width), like)


def _listed(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
