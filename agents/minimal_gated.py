"""A gated cell with as little as is needed: one gate."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from .cells import Cell, Weights, WeightShape, register_cell


@register_cell("mgu")
class MGU(Cell):
    """Minimal gated unit (Zhou et al. 2016, arXiv 1603.09420)::

    f = sigmoid(W_f x + U_f h + b_f)        g = tanh(W_h x + U_h (f * h) + b_h)

    h' = (1 - f) * h + f * g
    """

    weight_shapes: ClassVar = {
        "weight_ih": WeightShape("input", 2),
        "weight_hh": WeightShape("recurrent", 2),
        "bias_ih": WeightShape("gate", 2),
    }
    candidate: ClassVar = 1
    kernel: ClassVar = "mgu"

    @classmethod
    def step(
        cls, weights: Weights, projected: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step; see :meth:`Cell.step`."""
        to_f, to_g = weights["weight_hh"].chunk(2)
        x_f, x_g = projected.chunk(2, dim=-1)
        f = torch.sigmoid(x_f + F.linear(h, to_f))
        g = torch.tanh(x_g + F.linear(f * h, to_g))
        return h + f * (g - h), c
