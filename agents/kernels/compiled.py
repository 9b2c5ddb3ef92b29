"""All that is compiled, by name; imported only where numba is.

A sequence's kernel is ``(cell, parts, x, h, c, sizes) -> (out, h, c)`` for cells side by side, in
the layout of :mod:`~warmrl.agents.time_steps`.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from ..cells import Cell, Weights, torch_weights
from .bistable import bistable_loop
from .discrete_heads import CompiledHeads
from .discrete_loss import DiscreteLoss
from .gru import GRUSteps, gru_loop
from .lstm import LSTMSteps, lstm_loop
from .minimal_gated import mgu_loop
from .threads import as_many_threads_as_torch

Parts: TypeAlias = Sequence[Weights]
Result: TypeAlias = tuple[Tensor, Tensor, Tensor]
Loop: TypeAlias = Callable[[type[Cell], Parts, Tensor, Tensor, Tensor, list[int]], Result]


def flat(parts: Parts) -> list[Tensor]:
    """Torch's four weights of each cell."""
    return [weight for part in parts for weight in torch_weights(part)]


def _lstm(_: type[Cell], parts: Parts, x: Tensor, h: Tensor, c: Tensor, sizes: list[int]) -> Result:
    return lstm_loop(x, h, c, sizes, *flat(parts))


def _gru(_: type[Cell], parts: Parts, x: Tensor, h: Tensor, c: Tensor, sizes: list[int]) -> Result:
    return *gru_loop(x, h, sizes, *flat(parts)), c


def _each_alone(
    loop: Callable[[Tensor, Tensor, Tensor, list[int]], tuple[Tensor, Tensor]],
) -> Loop:
    """A kernel of cells side by side from one of a single cell whose inputs are projected."""

    def run(
        cell: type[Cell], parts: Parts, x: Tensor, h: Tensor, c: Tensor, sizes: list[int]
    ) -> Result:
        projected = [cell.project(weights, x).to(x.dtype) for weights in parts]  # see autocast
        own = h.split_with_sizes([len(part["weight_hh"]) // 2 for part in parts], dim=-1)
        results = [
            loop(inputs, state, weights["weight_hh"], sizes)
            for weights, inputs, state in zip(parts, projected, own, strict=True)
        ]
        out, last = (torch.cat(of_parts, dim=-1) for of_parts in zip(*results, strict=True))
        return out, last, c

    return run


SEQUENCES: dict[str, Loop] = {
    "lstm": _lstm,
    "gru": _gru,
    "mgu": _each_alone(mgu_loop),
    "brc": _each_alone(bistable_loop),
}
STEPS = {"lstm": LSTMSteps, "gru": GRUSteps}

__all__ = [
    "SEQUENCES",
    "STEPS",
    "CompiledHeads",
    "DiscreteLoss",
    "as_many_threads_as_torch",
    "flat",
]
