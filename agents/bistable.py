"""Cells each of whose units can have two stable states (Vecoven et al. 2021, PLOS ONE 16(6))."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from .cells import Cell, Weights, WeightShape, register_cell


@register_cell("brc")
class BRC(Cell):
    """Bistable recurrent cell: a unit sees the others through the layers above only::

        c = sigmoid(U_c x + w_c * h + b_c)        a = 1 + tanh(U_a x + w_a * h + b_a)

        h' = c * h + (1 - c) * tanh(U_h x + a * h + b_h)

    Where its feedback a is above 1, a unit has two stable states.
    """

    weight_shapes: ClassVar = {
        "weight_ih": WeightShape("input", 3),
        "weight_hh": WeightShape("gate", 2),
        "bias_ih": WeightShape("gate", 3),
    }
    kernel: ClassVar = "brc"

    @staticmethod
    def modulation(weight_hh: Tensor, h: Tensor) -> Tensor:
        """What the state adds to the gates c and a [N, 2 H]."""
        return weight_hh * h.repeat(1, 2)

    @classmethod
    def step(
        cls, weights: Weights, projected: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step; see :meth:`Cell.step`."""
        width = h.shape[-1]
        gates = projected[..., : 2 * width] + cls.modulation(weights["weight_hh"], h)
        to_c, to_a = gates.chunk(2, dim=-1)
        update, feedback = torch.sigmoid(to_c), 1 + torch.tanh(to_a)
        candidate = torch.tanh(projected[..., 2 * width :] + feedback * h)
        return candidate + update * (h - candidate), c


@register_cell("nbrc")
class NBRC(BRC):
    """Neuromodulated bistable recurrent cell: :class:`BRC` with matrices in place of w_c and w_a,
    so that a unit's gates see all units.
    """

    weight_shapes: ClassVar = {**BRC.weight_shapes, "weight_hh": WeightShape("recurrent", 2)}
    kernel: ClassVar = "brc"

    @staticmethod
    def modulation(weight_hh: Tensor, h: Tensor) -> Tensor:
        """What the state adds to the gates c and a [N, 2 H]."""
        return F.linear(h, weight_hh)
