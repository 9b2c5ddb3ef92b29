"""Trajectories: what an RNN would read, episode by episode."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Inputs = Tensor | dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Episodes of different lengths, time first, padded with zeros.

    :param inputs: [T, N, I]; images keep their shape, [T, N, ...]; one such tensor per key for a
        ``Dict`` observation space. Becomes float32 (images of uint8 stay so) on the CPU.
    :param lengths: steps of each of the N episodes [N], each in 1..T
    :raises ValueError: if a shape or a length does not fit, there is no trajectory, or an input
        within its episode is NaN or infinite
    :raises TypeError: if inputs or lengths cannot be tensors
    """

    inputs: Inputs
    lengths: Tensor
    valid: Tensor = field(init=False, repr=False)  # [T, N], whether a step is within its episode

    def __post_init__(self) -> None:
        lengths = _tensor("lengths", self.lengths).cpu()
        if lengths.ndim != 1 or lengths.dtype.is_floating_point or lengths.dtype.is_complex:
            raise ValueError(
                f"lengths has shape {tuple(lengths.shape)} and type {lengths.dtype}; "
                "it must be integers [N]"
            )
        if len(lengths) == 0:
            raise ValueError("lengths is empty; there must be at least one trajectory")
        lengths = lengths.long()
        tensors = {name: _tensor(name, x) for name, x in _named(self.inputs)}
        shapes = {name: tuple(x.shape) for name, x in tensors.items()}
        if not tensors:
            raise ValueError("inputs is an empty dict; it must hold at least one tensor")
        for name, shape in shapes.items():
            if len(shape) < 3 or shape[1] != len(lengths):
                raise ValueError(
                    f"{name} has shape {shape}; it must be [T, N, ...] with N = {len(lengths)}, "
                    "the number of lengths"
                )
        if len({shape[0] for shape in shapes.values()}) > 1:
            raise ValueError(f"inputs have different numbers of steps: {shapes}")
        n_steps = next(iter(shapes.values()))[0]
        for n in ((lengths < 1) | (lengths > n_steps)).nonzero().flatten().tolist():
            raise ValueError(f"lengths[{n}]={int(lengths[n])} must be in 1..{n_steps}")
        valid = torch.arange(n_steps)[:, None] < lengths  # (T, N)
        cleaned = {name: _clean(name, x, valid) for name, x in tensors.items()}
        inputs: Inputs = (
            {key: cleaned[f"inputs[{key!r}]"] for key in self.inputs}
            if isinstance(self.inputs, Mapping)
            else cleaned["inputs"]
        )
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "lengths", lengths)
        object.__setattr__(self, "valid", valid)

    @property
    def n_trajectories(self) -> int:
        """N, the number of episodes."""
        return len(self.lengths)

    def steps(self) -> NDArray[np.generic] | dict[str, NDArray[np.generic]]:
        """The inputs of all steps of all episodes, without the padding, in the order of ``valid``.

        :return: [sum of lengths, ...], or one such array per key
        """
        if isinstance(self.inputs, dict):
            return {key: x[self.valid].numpy() for key, x in self.inputs.items()}
        return self.inputs[self.valid].numpy()


def _named(inputs: Inputs) -> Iterator[tuple[str, Tensor]]:
    if isinstance(inputs, Mapping):
        for key, x in inputs.items():
            yield f"inputs[{key!r}]", x
    else:
        yield "inputs", inputs


def _tensor(name: str, x: Tensor) -> Tensor:
    try:
        return torch.as_tensor(x)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} of type {type(x).__name__} must be a tensor: {error}") from error


def _clean(name: str, x: Tensor, valid: Tensor) -> Tensor:
    """One input tensor in its final type, checked within the episodes and zero outside."""
    x = x.detach().cpu()
    if x.dtype != torch.uint8:
        x = x.float()
    padding = ~valid.reshape(valid.shape + (1,) * (x.ndim - 2))
    x = x.masked_fill(padding, 0)
    broken = (~x.isfinite()).flatten(2).any(dim=2).T.nonzero()  # (found, 2): trajectory, step
    for n, t in broken[:1].tolist():
        raise ValueError(
            f"{name} of trajectory {n} at step {t} is NaN or infinite; it must be finite"
        )
    return x
