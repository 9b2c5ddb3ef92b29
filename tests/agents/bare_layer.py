"""A layer that is nothing but weights, for tests of cells and their kernels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from warmrl.agents import kernels
from warmrl.agents.cells import Cell, Weights


@dataclass
class Bare:
    """What :func:`~warmrl.agents.kernels.sequence` asks of a layer."""

    cell: type[Cell]
    parts: Sequence[Weights]

    @property
    def input_size(self) -> int:
        return self.parts[0]["weight_ih"].shape[1]

    @property
    def hidden_size(self) -> int:
        gates = self.cell.weight_shapes["weight_ih"].gates
        return sum(len(part["weight_ih"]) // gates for part in self.parts)

    @property
    def side_by_side(self) -> Sequence["Bare"]:
        return [Bare(self.cell, [part]) for part in self.parts]

    def weights(self) -> Weights:
        (weights,) = self.parts
        return weights


def run(
    cell: type[Cell], parts: Sequence[Weights], x: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Cells side by side over inputs [T, N, I]: hidden states and the last ``(h, c)`` [N, H]."""
    out, (h, c) = kernels.sequence(Bare(cell, parts), x, (h[None], c[None]))
    return cast(Tensor, out), h[0], c[0]


def run_packed(
    cell: type[Cell], parts: Sequence[Weights], x: PackedSequence, h: Tensor, c: Tensor
) -> tuple[PackedSequence, Tensor, Tensor]:
    """The same of packed inputs."""
    out, (h, c) = kernels.sequence(Bare(cell, parts), x, (h[None], c[None]))
    return cast(PackedSequence, out), h[0], c[0]
