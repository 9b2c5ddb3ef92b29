"""GRUs over many steps with a hand-written gradient, compiled for a CPU.

Torch has no fused kernel for them there; the same plan as :mod:`~warmrl.agents.kernels.lstm`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ..time_steps import to_be_read, to_be_written
from .gates import (
    GATES,
    add_up,
    gates_of,
    read_rows,
    rows_at_once,
    space_for_rows,
    stacked,
    transposed,
    unstacked,
)
from .gemm import add_product
from .numba_math import (
    ONE,
    add,
    apart,
    compiled,
    copy_rows,
    inner,
    squash,
    stretch,
    tanh,
)
from .threads import as_many_threads_as_torch


class GRULoop(Function):
    """Steps of GRUs side by side, in the packed layout of :mod:`~warmrl.agents.time_steps`.

    Their blocks are (r, z, q, n), with ``q = U_n h + b_hn`` and ``n`` the new state.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h: Tensor, sizes: list[int], *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """All steps.

        :param x: inputs [sum of sizes, I]
        :param h: states before the first step, one GRU's units beside the other's [N, H]
        :param sizes: sequences running in each step [T]
        :param weights: torch's four of each GRU
        :return: states after each step [sum of sizes, H] and each sequence's last one [N, H]
        """
        x, h = x.contiguous(), h.contiguous()
        matrices, widths = _matrices(weights), [u.shape[1] for u in weights[1::4]]
        blocks = x.new_empty(len(x), len(matrices))
        out, last = x.new_empty(len(x), h.shape[1]), torch.empty_like(h)
        arrays = (x, transposed(matrices, widths, x.shape[1]), h, blocks, out, last)
        with as_many_threads_as_torch():
            _forward(np.asarray(sizes), np.asarray(widths), *(a.numpy() for a in arrays))
        ctx.save_for_backward(x, matrices, h, blocks, out)
        ctx.sizes, ctx.widths = sizes, widths
        ctx.set_materialize_grads(False)
        return out, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_out: Tensor | None, of_last: Tensor | None) -> tuple[Any, ...]:
        """Gradients with respect to all inputs of :meth:`forward`."""
        x, matrices, h, _, out = ctx.saved_tensors
        of_h, of_out = to_be_written(of_last, h), to_be_read(of_out, out)
        of_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else x[:0]
        of_matrices = torch.zeros_like(matrices)
        arrays = (*ctx.saved_tensors, of_out, of_h, of_matrices, of_x)
        with as_many_threads_as_torch():
            _backward(np.asarray(ctx.sizes), np.asarray(ctx.widths), *(a.numpy() for a in arrays))
        of_weights: list[Tensor] = []
        n_inputs = x.shape[1]
        for width, own in zip(
            ctx.widths, unstacked(of_matrices, ctx.widths, n_inputs), strict=True
        ):
            of_w, of_bias, of_u = own[:, :n_inputs], own[:, n_inputs], own[:, n_inputs + 1 :]
            kept = torch.cat((of_w[: 2 * width], of_w[3 * width :]))
            of_bias_ih = torch.cat((of_bias[: 2 * width], of_bias[3 * width :]))
            of_weights += kept, of_u[: 3 * width], of_bias_ih, of_bias[: 3 * width]
        return of_x if ctx.needs_input_grad[0] else None, of_h, None, *of_weights


class GRUSteps:
    """Single steps of GRUs side by side, without a gradient, of weights that do not change.

    Whoever takes many holds the threads of the products.

    :param weights: torch's four of each GRU
    """

    def __init__(self, *weights: Tensor) -> None:
        widths = [u.shape[1] for u in weights[1::4]]
        self._widths = np.asarray(widths)
        self._from_rows = transposed(_matrices(weights), widths, weights[0].shape[1]).numpy()

    def __call__(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The next ``h`` [N, H], and c as it was; see :meth:`GRULoop.forward`."""
        next_h = torch.empty_like(h)
        arrays = (x.contiguous(), h.contiguous(), next_h)
        _step(self._widths, self._from_rows, *(a.numpy() for a in arrays))
        return next_h, c


def _matrices(weights: Sequence[Tensor]) -> Tensor:
    return stacked([_matrix(*weights[i : i + 4]) for i in range(0, len(weights), 4)])


def _matrix(w: Tensor, u: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """Torch's weights as those of the blocks: q sees the state alone, and n the input alone."""
    width = u.shape[1]
    matrix = w.new_zeros(GATES * width, w.shape[1] + 1 + width)
    from_x, bias, from_h = matrix[:, : w.shape[1]], matrix[:, w.shape[1]], matrix[:, -width:]
    for blocks, gates in (
        (slice(0, 2 * width),) * 2,
        (slice(3 * width, None), slice(2 * width, None)),
    ):
        from_x[blocks], bias[blocks] = w[gates], b_ih[gates]
    from_h[: 3 * width] = u
    bias[: 3 * width] += b_hh
    return matrix


@compiled
def _forward(
    sizes: Any, widths: Any, x: Any, from_rows: Any, h: Any, blocks: Any, out: Any, last: Any
) -> None:
    rows = space_for_rows(sizes[0], x, widths)
    first = 0
    for t in range(sizes.shape[0]):
        n = sizes[t]
        end = first + n
        read_rows(widths, x[first:end], h[:n], from_rows, rows, blocks[first:end])
        _advance(widths, blocks[first:end], h, out[first:end])
        h = out[first:end]
        going_on = sizes[t + 1] if t + 1 < sizes.shape[0] else 0
        copy_rows(h[going_on:], last[going_on:n])
        first = end


@compiled
def _step(widths: Any, from_rows: Any, x: Any, h: Any, next_h: Any) -> None:
    rows = space_for_rows(x.shape[0], x, widths)
    blocks = np.empty((x.shape[0], GATES * h.shape[1]), x.dtype)
    read_rows(widths, x, h, from_rows, rows, blocks)
    _advance(widths, blocks, h, next_h)


@inner
def _advance(widths: Any, blocks: Any, h: Any, next_h: Any) -> None:
    for k in range(blocks.shape[0]):
        at = 0
        for width in widths:
            r, z, q, new = gates_of(k, at, width, blocks)
            squash(stretch(blocks, k, GATES * at, 2 * width))
            _renew(r, q, new)
            _update(z, new, stretch(h, k, at, width), stretch(next_h, k, at, width))
            at += width


@compiled
def _backward(
    sizes: Any,
    widths: Any,
    x: Any,
    matrices: Any,
    first_h: Any,
    blocks: Any,
    out: Any,
    of_out: Any,
    of_h: Any,
    of_matrices: Any,
    of_x: Any,
) -> None:
    n_rows = rows_at_once(sizes)
    gradients = np.empty((n_rows, blocks.shape[1]), x.dtype)
    before = np.empty((n_rows, first_h.shape[1]), x.dtype)
    first, free = blocks.shape[0], n_rows
    for t in range(sizes.shape[0] - 1, -1, -1):
        n = sizes[t]
        first -= n
        free -= n
        h = out[first - sizes[t - 1] : first] if t > 0 else first_h
        copy_rows(h[:n], before[free : free + n])
        at = 0
        for width in widths:
            for k in range(n):
                r, z, q, new = gates_of(first + k, at, width, blocks)
                of_r, of_z, of_q, of_new = gates_of(free + k, at, width, gradients)
                of_state = stretch(of_h, k, at, width)
                add(of_state, stretch(of_out, first + k, at, width))
                _back_to_mixed(z, new, stretch(h, k, at, width), of_state, of_z, of_new)
                _back_to_reset(r, q, of_new, of_r, of_q)
            block = slice(GATES * at, GATES * at + 3 * width)
            recurrent = matrices[block, x.shape[1] + 1 : x.shape[1] + 1 + width]
            add_product(gradients[free : free + n, block], recurrent, of_h[:n, at : at + width])
            at += width
        if t == 0 or sizes[t - 1] > free:
            done = slice(first, first + n_rows - free)
            add_up(
                widths, x[done], before[free:], gradients[free:], matrices, of_matrices, of_x[done]
            )
            free = n_rows


@apart
def _renew(r: Any, q: Any, n: Any) -> None:
    for j in range(r.shape[0]):
        n[j] = tanh(n[j] + r[j] * q[j])


@apart
def _update(z: Any, n: Any, h: Any, next_h: Any) -> None:
    for j in range(z.shape[0]):
        next_h[j] = n[j] + z[j] * (h[j] - n[j])


@apart
def _back_to_mixed(z: Any, n: Any, h: Any, of_h: Any, of_z: Any, of_n: Any) -> None:
    for j in range(z.shape[0]):
        of_new = of_h[j] * (ONE - z[j])
        of_z[j] = of_new * z[j] * (h[j] - n[j])
        of_n[j] = of_new * (ONE - n[j] * n[j])
        of_h[j] *= z[j]


@apart
def _back_to_reset(r: Any, q: Any, of_n: Any, of_r: Any, of_q: Any) -> None:
    for j in range(r.shape[0]):
        of_q[j] = of_n[j] * r[j]
        of_r[j] = of_n[j] * q[j] * r[j] * (ONE - r[j])


def gru_loop(x: Tensor, h: Tensor, sizes: list[int], *weights: Tensor) -> tuple[Tensor, Tensor]:
    """Steps of GRUs side by side, torch's four weights of each; see :meth:`GRULoop.forward`."""
    out, last = GRULoop.apply(x, h, sizes, *weights)  # type: ignore[no-untyped-call]
    return out, last
