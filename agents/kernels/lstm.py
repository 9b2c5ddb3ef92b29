"""LSTMs over many steps with a hand-written gradient, compiled for a CPU.

Torch has a fused kernel for sequences of one length, but none for packed ones.
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
from .gemm import put_product
from .numba_math import (
    ONE,
    TWO,
    add,
    apart,
    compiled,
    copy_rows,
    inner,
    squash,
    stretch,
    tanh_of,
)
from .threads import as_many_threads_as_torch


class LSTMLoop(Function):
    """Steps of LSTMs side by side, in the packed layout of :mod:`~warmrl.agents.time_steps`.

    Their blocks hold sigmoids only, of all gates at once: in place of g there is ``s`` with
    ``g = 2 s - 1``, since ``tanh(x) = 2 sigmoid(2 x) - 1``.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h: Tensor, c: Tensor, sizes: list[int], *weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All steps.

        :param x: inputs [sum of sizes, I]
        :param h: hidden states before the first step, one LSTM's units beside the other's [N, H]
        :param c: cell states before the first step [N, H]
        :param sizes: sequences running in each step [T]
        :param weights: torch's four of each LSTM
        :return: hidden states after each step [sum of sizes, H] and each sequence's last ``h`` and
            ``c`` [N, H]
        """
        x, h, c = x.contiguous(), h.contiguous(), c.contiguous()
        matrices, widths = _matrices(weights), [u.shape[1] for u in weights[1::4]]
        blocks = x.new_empty(len(x), len(matrices))
        out, cells = x.new_empty(2, len(x), h.shape[1])
        last_h, last_c = torch.empty_like(h), torch.empty_like(c)
        from_rows = _doubled(matrices, widths, x.shape[1])
        arrays = (x, from_rows, h, c, blocks, out, cells, last_h, last_c)
        with as_many_threads_as_torch():
            _forward(np.asarray(sizes), np.asarray(widths), *(a.numpy() for a in arrays))
        ctx.save_for_backward(x, matrices, h, c, blocks, out, cells)
        ctx.sizes, ctx.widths = sizes, widths
        ctx.set_materialize_grads(False)
        return out, last_h, last_c

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_out: Tensor | None, of_last_h: Tensor | None, of_last_c: Tensor | None
    ) -> tuple[Any, ...]:
        """Gradients with respect to all inputs of :meth:`forward`."""
        x, matrices, h, c, _, out, _ = ctx.saved_tensors
        of_h, of_c = to_be_written(of_last_h, h), to_be_written(of_last_c, c)
        of_out = to_be_read(of_out, out)
        of_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else x[:0]
        of_matrices = torch.zeros_like(matrices)
        arrays = (*ctx.saved_tensors, of_out, of_h, of_c, of_matrices, of_x)
        with as_many_threads_as_torch():
            _backward(np.asarray(ctx.sizes), np.asarray(ctx.widths), *(a.numpy() for a in arrays))
        of_weights: list[Tensor] = []
        n_inputs = x.shape[1]
        for own in unstacked(of_matrices, ctx.widths, n_inputs):
            of_bias = own[:, n_inputs]
            of_weights += own[:, :n_inputs], own[:, n_inputs + 1 :], of_bias, of_bias
        return of_x if ctx.needs_input_grad[0] else None, of_h, of_c, None, *of_weights


class LSTMSteps:
    """Single steps of LSTMs side by side, without a gradient, of weights that do not change.

    Whoever takes many holds the threads of the products.

    :param weights: torch's four of each LSTM
    """

    def __init__(self, *weights: Tensor) -> None:
        widths = [u.shape[1] for u in weights[1::4]]
        self._widths = np.asarray(widths)
        self._from_rows = _doubled(_matrices(weights), widths, weights[0].shape[1]).numpy()

    def __call__(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The next ``h`` and ``c`` [N, H]; see :meth:`LSTMLoop.forward`."""
        next_h, next_c = torch.empty_like(h), torch.empty_like(c)
        arrays = (x.contiguous(), h.contiguous(), c.contiguous(), next_h, next_c)
        _step(self._widths, self._from_rows, *(a.numpy() for a in arrays))
        return next_h, next_c


def _matrices(weights: Sequence[Tensor]) -> Tensor:
    of_each = zip(*(weights[i::4] for i in range(4)), strict=True)
    return stacked([torch.cat((w, (b_ih + b_hh)[:, None], u), 1) for w, u, b_ih, b_hh in of_each])


def _doubled(matrices: Tensor, widths: Sequence[int], n_inputs: int) -> Tensor:
    """Matrices that give g doubled, transposed."""
    factors = [f for width in widths for f in (1, 1, 2, 1) for _ in range(width)]
    return transposed(matrices * matrices.new_tensor(factors)[:, None], widths, n_inputs)


@compiled
def _forward(
    sizes: Any,
    widths: Any,
    x: Any,
    from_rows: Any,
    h: Any,
    c: Any,
    blocks: Any,
    out: Any,
    cells: Any,
    last_h: Any,
    last_c: Any,
) -> None:
    rows = space_for_rows(sizes[0], x, widths)
    first = 0
    for t in range(sizes.shape[0]):
        n = sizes[t]
        end = first + n
        read_rows(widths, x[first:end], h[:n], from_rows, rows, blocks[first:end])
        _advance(widths, blocks[first:end], c, out[first:end], cells[first:end])
        h, c = out[first:end], cells[first:end]
        going_on = sizes[t + 1] if t + 1 < sizes.shape[0] else 0
        copy_rows(h[going_on:], last_h[going_on:n])
        copy_rows(c[going_on:], last_c[going_on:n])
        first = end


@compiled
def _step(widths: Any, from_rows: Any, x: Any, h: Any, c: Any, next_h: Any, next_c: Any) -> None:
    rows = space_for_rows(x.shape[0], x, widths)
    blocks = np.empty((x.shape[0], GATES * h.shape[1]), x.dtype)
    read_rows(widths, x, h, from_rows, rows, blocks)
    _advance(widths, blocks, c, next_h, next_c)


@inner
def _advance(widths: Any, blocks: Any, c: Any, next_h: Any, next_c: Any) -> None:
    for k in range(blocks.shape[0]):
        squash(stretch(blocks, k, 0, blocks.shape[1]))
        at = 0
        for width in widths:
            i, f, g, o = gates_of(k, at, width, blocks)
            new_h, new_c = stretch(next_h, k, at, width), stretch(next_c, k, at, width)
            _update(i, f, g, stretch(c, k, at, width), new_c)
            tanh_of(new_c, new_h)
            _read(o, new_h)
            at += width


@apart
def _update(i: Any, f: Any, g: Any, c: Any, next_c: Any) -> None:
    for j in range(c.shape[0]):
        next_c[j] = f[j] * c[j] + i[j] * (TWO * g[j] - ONE)


@apart
def _read(o: Any, h: Any) -> None:
    for j in range(o.shape[0]):
        h[j] *= o[j]


@compiled
def _backward(
    sizes: Any,
    widths: Any,
    x: Any,
    matrices: Any,
    first_h: Any,
    first_c: Any,
    blocks: Any,
    out: Any,
    cells: Any,
    of_out: Any,
    of_h: Any,
    of_c: Any,
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
        h, c = first_h, first_c
        if t > 0:
            h, c = out[first - sizes[t - 1] : first], cells[first - sizes[t - 1] : first]
        copy_rows(h[:n], before[free : free + n])
        at = 0
        for width in widths:
            for k in range(n):
                i, f, g, o = gates_of(first + k, at, width, blocks)
                of_i, of_f, of_g, of_o = gates_of(free + k, at, width, gradients)
                of_state, of_cell = stretch(of_h, k, at, width), stretch(of_c, k, at, width)
                add(of_state, stretch(of_out, first + k, at, width))
                tanh_of(stretch(cells, first + k, at, width), of_g)
                _back_to_c(o, of_g, of_state, of_cell, of_o)
                _back_to_gates(i, f, g, stretch(c, k, at, width), of_cell, of_i, of_f, of_g)
            block = slice(GATES * at, GATES * (at + width))
            recurrent = matrices[block, x.shape[1] + 1 : x.shape[1] + 1 + width]
            put_product(gradients[free : free + n, block], recurrent, of_h[:n, at : at + width])
            at += width
        if t == 0 or sizes[t - 1] > free:
            done = slice(first, first + n_rows - free)
            add_up(
                widths, x[done], before[free:], gradients[free:], matrices, of_matrices, of_x[done]
            )
            free = n_rows


@apart
def _back_to_c(o: Any, squashed: Any, of_h: Any, of_c: Any, of_o: Any) -> None:
    for j in range(o.shape[0]):
        of_o[j] = of_h[j] * squashed[j] * o[j] * (ONE - o[j])
        of_c[j] += of_h[j] * o[j] * (ONE - squashed[j] * squashed[j])


@apart
def _back_to_gates(
    i: Any, f: Any, g: Any, c: Any, of_c: Any, of_i: Any, of_f: Any, of_g: Any
) -> None:
    for j in range(i.shape[0]):
        candidate = TWO * g[j] - ONE
        of_i[j] = of_c[j] * candidate * i[j] * (ONE - i[j])
        of_f[j] = of_c[j] * c[j] * f[j] * (ONE - f[j])
        of_g[j] = of_c[j] * i[j] * (ONE - candidate * candidate)
        of_c[j] *= f[j]


def lstm_loop(
    x: Tensor, h: Tensor, c: Tensor, sizes: list[int], *weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps of LSTMs side by side, torch's four weights of each; see :meth:`LSTMLoop.forward`."""
    out, h, c = LSTMLoop.apply(x, h, c, sizes, *weights)  # type: ignore[no-untyped-call]
    return out, h, c
