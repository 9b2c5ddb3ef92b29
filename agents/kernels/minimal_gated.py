"""A minimal gated unit over many steps with a hand-written gradient, compiled for a CPU.

The same plan as :mod:`~warmrl.agents.kernels.lstm`, but with two products a step: the candidate
sees the state through the gate.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ..time_steps import backward_start, states_at_end
from .numba_math import (
    ONE,
    add,
    add_and_squash,
    apart,
    compiled,
    stretch,
    tanh,
)
from .threads import as_many_threads_as_torch


class MGULoop(Function):
    """Steps of an MGU in the packed layout of :mod:`~warmrl.agents.time_steps`."""

    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, h: Tensor, weight_hh: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor]:
        """All steps.

        :param projected: what does not depend on the state, gates (f, g) [sum of sizes, 2H]
        :param h: states before the first step [N, H]
        :param weight_hh: recurrent weights of f and g [2H, H]
        :param sizes: sequences running in each step [T]
        :return: states after each step [sum of sizes, H] and each sequence's last one [N, H]
        """
        h = h.contiguous()
        to_f, to_g = (weight.t().contiguous() for weight in weight_hh.chunk(2))
        f, g = (half.contiguous() for half in projected.chunk(2, dim=-1))
        out = torch.empty_like(f)
        with as_many_threads_as_torch():
            _forward(np.asarray(sizes), *(a.numpy() for a in (f, g, h, to_f, to_g, out)))
        ctx.save_for_backward(h, weight_hh, f, g, out)
        ctx.sizes = sizes
        ctx.set_materialize_grads(False)
        return out, states_at_end(out, sizes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_out: Tensor | None, of_last: Tensor | None) -> tuple[Any, ...]:
        """Gradients with respect to all inputs of :meth:`forward`."""
        h, weight_hh, f, g, out = ctx.saved_tensors
        of_h, of_out, before = backward_start(h, out, of_out, of_last, ctx.sizes)
        of_f, of_g = torch.empty_like(f), torch.empty_like(g)
        to_f, to_g = weight_hh.contiguous().chunk(2)
        with as_many_threads_as_torch():
            _backward(
                np.asarray(ctx.sizes),
                *(a.numpy() for a in (f, g, before, to_f, to_g, of_out, of_h, of_f, of_g)),
            )
        of_weight_hh = torch.cat((of_f.t() @ before, of_g.t() @ (f * before)))
        return torch.cat((of_f, of_g), dim=-1), of_h, of_weight_hh, None


@compiled
def _forward(sizes: Any, f: Any, g: Any, h: Any, to_f: Any, to_g: Any, out: Any) -> None:
    products, kept = np.empty_like(h), np.empty_like(h)
    width = h.shape[1]
    row = 0
    for t in range(sizes.shape[0]):
        n = sizes[t]
        np.dot(h[:n], to_f, products[:n])
        for k in range(n):
            gate = stretch(f, row + k, 0, width)
            add_and_squash(gate, stretch(products, k, 0, width))
            _keep(gate, stretch(h, k, 0, width), stretch(kept, k, 0, width))
        np.dot(kept[:n], to_g, products[:n])
        for k in range(n):
            _renew(
                stretch(f, row + k, 0, width),
                stretch(g, row + k, 0, width),
                stretch(products, k, 0, width),
                stretch(h, k, 0, width),
                stretch(out, row + k, 0, width),
            )
        h = out[row : row + n]
        row += n


@apart
def _keep(f: Any, h: Any, kept: Any) -> None:
    for j in range(f.shape[0]):
        kept[j] = f[j] * h[j]


@apart
def _renew(f: Any, g: Any, product: Any, h: Any, next_h: Any) -> None:
    for j in range(f.shape[0]):
        new = tanh(g[j] + product[j])
        g[j] = new
        next_h[j] = h[j] + f[j] * (new - h[j])


@compiled
def _backward(
    sizes: Any,
    f: Any,
    g: Any,
    before: Any,
    to_f: Any,
    to_g: Any,
    of_out: Any,
    of_h: Any,
    of_f: Any,
    of_g: Any,
) -> None:
    products = np.empty_like(of_h)
    width = of_h.shape[1]
    row = f.shape[0]
    for t in range(sizes.shape[0] - 1, -1, -1):
        n = sizes[t]
        row -= n
        for k in range(n):
            _back_to_candidate(
                stretch(f, row + k, 0, width),
                stretch(g, row + k, 0, width),
                stretch(before, row + k, 0, width),
                stretch(of_out, row + k, 0, width),
                stretch(of_h, k, 0, width),
                stretch(of_f, row + k, 0, width),
                stretch(of_g, row + k, 0, width),
            )
        np.dot(of_g[row : row + n], to_g, products[:n])
        for k in range(n):
            _back_to_gate(
                stretch(f, row + k, 0, width),
                stretch(before, row + k, 0, width),
                stretch(products, k, 0, width),
                stretch(of_h, k, 0, width),
                stretch(of_f, row + k, 0, width),
            )
        np.dot(of_f[row : row + n], to_f, products[:n])
        for k in range(n):
            add(stretch(of_h, k, 0, width), stretch(products, k, 0, width))


@apart
def _back_to_candidate(
    f: Any, g: Any, h: Any, of_out: Any, of_h: Any, of_f: Any, of_g: Any
) -> None:
    for j in range(f.shape[0]):
        of_next = of_h[j] + of_out[j]
        of_f[j] = of_next * (g[j] - h[j])
        of_g[j] = of_next * f[j] * (ONE - g[j] * g[j])
        of_h[j] = of_next * (ONE - f[j])


@apart
def _back_to_gate(f: Any, h: Any, of_kept: Any, of_h: Any, of_f: Any) -> None:
    for j in range(f.shape[0]):
        of_f[j] = (of_f[j] + of_kept[j] * h[j]) * f[j] * (ONE - f[j])
        of_h[j] += of_kept[j] * f[j]


def mgu_loop(
    projected: Tensor, h: Tensor, weight_hh: Tensor, sizes: list[int]
) -> tuple[Tensor, Tensor]:
    """Steps of an MGU; see :meth:`MGULoop.forward`."""
    out, last = MGULoop.apply(projected, h, weight_hh, sizes)  # type: ignore[no-untyped-call]
    return out, last
