"""Every cell as its published equations: one step of one sequence, in float64."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

Weights: TypeAlias = Mapping[str, Tensor]
Step: TypeAlias = Callable[[Weights, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""``(weights, x [I], h [H], c [H]) -> (h, c)``"""


def lstm(w: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """As torch documents it."""
    i, f, g, o = (w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]).chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru(w: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """As torch documents it."""
    x_r, x_z, x_n = (w["weight_ih"] @ x + w["bias_ih"]).chunk(3)
    h_r, h_z, h_n = (w["weight_hh"] @ h + w["bias_hh"]).chunk(3)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return (1 - z) * torch.tanh(x_n + r * h_n) + z * h, c


def mgu(w: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Zhou et al. 2016 (arXiv 1603.09420)."""
    x_f, x_g = (w["weight_ih"] @ x + w["bias_ih"]).chunk(2)
    u_f, u_g = w["weight_hh"].chunk(2)
    f = torch.sigmoid(x_f + u_f @ h)
    return (1 - f) * h + f * torch.tanh(x_g + u_g @ (f * h)), c


def brc(w: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Vecoven et al. 2021: each unit's gates see the unit itself."""
    w_c, w_a = w["weight_hh"].chunk(2)
    return _bistable(w, x, h, w_c * h, w_a * h), c


def nbrc(w: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Vecoven et al. 2021: each unit's gates see all units."""
    w_c, w_a = w["weight_hh"].chunk(2)
    return _bistable(w, x, h, w_c @ h, w_a @ h), c


def _bistable(w: Weights, x: Tensor, h: Tensor, to_c: Tensor, to_a: Tensor) -> Tensor:
    x_c, x_a, x_h = (w["weight_ih"] @ x + w["bias_ih"]).chunk(3)
    update, feedback = torch.sigmoid(x_c + to_c), 1 + torch.tanh(x_a + to_a)
    return update * h + (1 - update) * torch.tanh(x_h + feedback * h)


STEPS: dict[str, Step] = {"lstm": lstm, "gru": gru, "mgu": mgu, "brc": brc, "nbrc": nbrc}
