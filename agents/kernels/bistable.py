"""Bistable cells over many steps with a hand-written gradient, compiled for a CPU.

The same plan as :mod:`~warmrl.agents.kernels.lstm`. A step has one product where the gates see all
units, and none where each sees its own unit only.
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
    apart,
    compiled,
    inner,
    sigmoid,
    stretch,
    tanh,
)
from .threads import as_many_threads_as_torch


class BistableLoop(Function):
    """Steps of a BRC or nBRC in the packed layout of :mod:`~warmrl.agents.time_steps`.

    Works on the gate c, on ``b = a - 1``, which is a tanh, and on the candidate n.
    """

    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, h: Tensor, weight_hh: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor]:
        """All steps.

        :param projected: what does not depend on the state, (c, a, candidate) [sum of sizes, 3H]
        :param h: states before the first step [N, H]
        :param weight_hh: recurrent weights of c and a, [2H] of a BRC, [2H, H] of an nBRC
        :param sizes: sequences running in each step [T]
        :return: states after each step [sum of sizes, H] and each sequence's last one [N, H]
        """
        h = h.contiguous()
        blocks = projected.clone(memory_format=torch.contiguous_format)
        out = blocks.new_empty(len(blocks), h.shape[1])
        recurrent = weight_hh.t() if weight_hh.ndim == 2 else weight_hh
        with as_many_threads_as_torch():
            _forward(
                np.asarray(sizes), *(a.numpy() for a in (blocks, h, recurrent.contiguous(), out))
            )
        ctx.save_for_backward(h, weight_hh, blocks, out)
        ctx.sizes = sizes
        ctx.set_materialize_grads(False)
        return out, states_at_end(out, sizes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_out: Tensor | None, of_last: Tensor | None) -> tuple[Any, ...]:
        """Gradients with respect to all inputs of :meth:`forward`."""
        h, weight_hh, blocks, out = ctx.saved_tensors
        of_h, of_out, before = backward_start(h, out, of_out, of_last, ctx.sizes)
        of_gates, of_n = blocks.new_empty(len(blocks), 2 * h.shape[1]), torch.empty_like(out)
        arrays = (blocks, before, weight_hh.contiguous(), of_out, of_h, of_gates, of_n)
        with as_many_threads_as_torch():
            _backward(np.asarray(ctx.sizes), *(a.numpy() for a in arrays))
        of_weight = (
            of_gates.t() @ before
            if weight_hh.ndim == 2
            else (of_gates * before.repeat(1, 2)).sum(0)
        )
        return torch.cat((of_gates, of_n), dim=-1), of_h, of_weight, None


@compiled
def _forward(sizes: Any, blocks: Any, h: Any, recurrent: Any, out: Any) -> None:
    width = h.shape[1]
    products = np.empty((h.shape[0], 2 * width), h.dtype)
    row = 0
    for t in range(sizes.shape[0]):
        n_rows = sizes[t]
        if recurrent.ndim == 2:
            np.dot(h[:n_rows], recurrent, products[:n_rows])
        else:
            for k in range(n_rows):
                state = stretch(h, k, 0, width)
                _of_own_unit(recurrent[:width], state, stretch(products, k, 0, width))
                _of_own_unit(recurrent[width:], state, stretch(products, k, width, width))
        for k in range(n_rows):
            c, b, n = _parts(blocks, row + k, width)
            to_c, to_b = stretch(products, k, 0, width), stretch(products, k, width, width)
            _modulate(c, b, to_c, to_b)
            _renew(c, b, n, stretch(h, k, 0, width), stretch(out, row + k, 0, width))
        h = out[row : row + n_rows]
        row += n_rows


@inner
def _parts(blocks: Any, row: Any, width: Any) -> Any:
    return (
        stretch(blocks, row, 0, width),
        stretch(blocks, row, width, width),
        stretch(blocks, row, 2 * width, width),
    )


@apart
def _of_own_unit(weight: Any, h: Any, product: Any) -> None:
    for j in range(h.shape[0]):
        product[j] = weight[j] * h[j]


@apart
def _modulate(c: Any, b: Any, to_c: Any, to_b: Any) -> None:
    for j in range(c.shape[0]):
        c[j] = sigmoid(c[j] + to_c[j])
        b[j] = tanh(b[j] + to_b[j])


@apart
def _renew(c: Any, b: Any, n: Any, h: Any, next_h: Any) -> None:
    for j in range(c.shape[0]):
        new = tanh(n[j] + (ONE + b[j]) * h[j])
        n[j] = new
        next_h[j] = new + c[j] * (h[j] - new)


@compiled
def _backward(
    sizes: Any,
    blocks: Any,
    before: Any,
    weight: Any,
    of_out: Any,
    of_h: Any,
    of_gates: Any,
    of_n: Any,
) -> None:
    width = of_h.shape[1]
    products = np.empty_like(of_h)
    row = blocks.shape[0]
    for t in range(sizes.shape[0] - 1, -1, -1):
        n_rows = sizes[t]
        row -= n_rows
        for k in range(n_rows):
            c, b, n = _parts(blocks, row + k, width)
            h, of_state = stretch(before, row + k, 0, width), stretch(of_h, k, 0, width)
            of_new = stretch(of_n, row + k, 0, width)
            of_c = stretch(of_gates, row + k, 0, width)
            of_next = stretch(of_out, row + k, 0, width)
            _back_to_candidate(c, n, h, of_next, of_state, of_c, of_new)
            _back_to_feedback(b, h, of_new, of_state, stretch(of_gates, row + k, width, width))
        if weight.ndim == 2:
            np.dot(of_gates[row : row + n_rows], weight, products[:n_rows])
            for k in range(n_rows):
                add(stretch(of_h, k, 0, width), stretch(products, k, 0, width))
        else:
            for k in range(n_rows):
                of_state = stretch(of_h, k, 0, width)
                for half in (0, width):
                    of_gate = stretch(of_gates, row + k, half, width)
                    _add_of_own_unit(weight[half : half + width], of_gate, of_state)


@apart
def _back_to_candidate(
    c: Any, n: Any, h: Any, of_out: Any, of_h: Any, of_c: Any, of_n: Any
) -> None:
    for j in range(c.shape[0]):
        of_next = of_h[j] + of_out[j]
        of_c[j] = of_next * (h[j] - n[j]) * c[j] * (ONE - c[j])
        of_n[j] = of_next * (ONE - c[j]) * (ONE - n[j] * n[j])
        of_h[j] = of_next * c[j]


@apart
def _back_to_feedback(b: Any, h: Any, of_n: Any, of_h: Any, of_b: Any) -> None:
    for j in range(b.shape[0]):
        of_b[j] = of_n[j] * h[j] * (ONE - b[j] * b[j])
        of_h[j] += of_n[j] * (ONE + b[j])


@apart
def _add_of_own_unit(weight: Any, of_gate: Any, of_h: Any) -> None:
    for j in range(of_h.shape[0]):
        of_h[j] += weight[j] * of_gate[j]


def bistable_loop(
    projected: Tensor, h: Tensor, weight_hh: Tensor, sizes: list[int]
) -> tuple[Tensor, Tensor]:
    """Steps of a BRC or nBRC; see :meth:`BistableLoop.forward`."""
    out, last = BistableLoop.apply(projected, h, weight_hh, sizes)  # type: ignore[no-untyped-call]
    return out, last
