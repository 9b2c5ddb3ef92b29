"""An LSTM over many steps with a hand-written gradient, compiled for a CPU.

Per step only what depends on the step before remains in the loop: one matrix product, and one
pass over memory that is still in the cache. For packed sequences only: torch has a fused kernel for
sequences of one length, which is as fast, but none for packed ones.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .compiled import ONE, add_and_squash, as_many_threads_as_torch, compiled, tanh
from .time_steps import states_at_end, states_before


class LSTMLoop(Function):
    """Steps of an LSTM in the packed layout of :mod:`~warmrl.agents.time_steps`.

    Works on four blocks (i, f, o, g) of H columns, so that the three gates are one block.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        h: Tensor,
        c: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
        sizes: list[int],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All steps.

        :param x: inputs [sum of sizes, I]
        :param h: hidden states before the first step [N, H]
        :param c: cell states before the first step [N, H]
        :param sizes: sequences running in each step [T]
        :return: hidden states after each step [sum of sizes, H] and each sequence's last ``h`` and
            ``c`` [N, H]
        """
        inputs, recurrent = _own_order(weight_ih), _own_order(weight_hh)
        blocks = torch.addmm(_own_order(bias_ih + bias_hh), x, inputs.t())  # (S, 4H)
        h, c = h.contiguous(), c.contiguous()
        out, cells = blocks.new_empty(2, len(x), h.shape[1])
        with as_many_threads_as_torch():
            _forward(
                blocks.numpy(),
                np.asarray(sizes),
                h.numpy(),
                c.numpy(),
                recurrent.t().contiguous().numpy(),
                out.numpy(),
                cells.numpy(),
            )
        ctx.save_for_backward(x, h, c, inputs, recurrent, blocks, out, cells)
        ctx.sizes = sizes
        ctx.set_materialize_grads(False)
        ends = (states_at_end(after.split_with_sizes(sizes), sizes) for after in (out, cells))
        return out, *ends

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_out: Tensor | None, of_last_h: Tensor | None, of_last_c: Tensor | None
    ) -> tuple[Any, ...]:
        """Gradients with respect to all inputs of :meth:`forward`."""
        x, h, c, inputs, recurrent, blocks, out, cells = ctx.saved_tensors
        of_h = torch.zeros_like(h) if of_last_h is None else of_last_h.clone()
        of_c = torch.zeros_like(c) if of_last_c is None else of_last_c.clone()
        of_out = torch.zeros_like(out) if of_out is None else of_out.contiguous()
        gradients = torch.empty_like(blocks)
        with as_many_threads_as_torch():
            _backward(
                blocks.numpy(),
                np.asarray(ctx.sizes),
                c.numpy(),
                cells.numpy(),
                recurrent.numpy(),
                of_out.numpy(),
                of_h.numpy(),
                of_c.numpy(),
                gradients.numpy(),
            )
        before = torch.cat(states_before(h, out.split_with_sizes(ctx.sizes), ctx.sizes))
        of_bias = _torch_order(gradients.sum(0))
        return (
            gradients @ inputs if ctx.needs_input_grad[0] else None,
            of_h,
            of_c,
            _torch_order((x.t() @ gradients).t()),
            _torch_order(gradients.t() @ before),
            of_bias,
            of_bias,
            None,
        )


def _own_order(weight: Tensor) -> Tensor:
    """From torch's order (i, f, g, o) to (i, f, o, g), and back."""
    i, f, g, o = weight.chunk(4)
    return torch.cat((i, f, o, g))


_torch_order = _own_order


@compiled
def _forward(blocks: Any, sizes: Any, h: Any, c: Any, u: Any, out: Any, cells: Any) -> None:
    width = h.shape[1]
    products = np.empty((h.shape[0], u.shape[1]), h.dtype)
    row = 0
    for t in range(sizes.shape[0]):
        n = sizes[t]
        np.dot(h[:n], u, products[:n])
        for k in range(n):
            block, product = blocks[row + k], products[k]
            gates, g = block[: 3 * width], block[3 * width :]
            add_and_squash(gates, product[: 3 * width])
            _add_and_tanh(g, product[3 * width :])
            i, f, o = gates[:width], gates[width : 2 * width], gates[2 * width :]
            _update(i, f, o, g, c[k], cells[row + k], out[row + k])
        h, c = out[row : row + n], cells[row : row + n]
        row += n


@compiled
def _add_and_tanh(g: Any, to_g: Any) -> None:
    for j in range(g.shape[0]):
        g[j] = tanh(g[j] + to_g[j])


@compiled
def _update(i: Any, f: Any, o: Any, g: Any, c: Any, next_c: Any, next_h: Any) -> None:
    for j in range(c.shape[0]):
        new = f[j] * c[j] + i[j] * g[j]
        next_c[j] = new
        next_h[j] = o[j] * tanh(new)


@compiled
def _backward(
    blocks: Any,
    sizes: Any,
    first_c: Any,
    cells: Any,
    recurrent: Any,
    of_out: Any,
    of_h: Any,
    of_c: Any,
    gradients: Any,
) -> None:
    width = first_c.shape[1]
    row = blocks.shape[0]
    for t in range(sizes.shape[0] - 1, -1, -1):
        n = sizes[t]
        row -= n
        c = first_c if t == 0 else cells[row - sizes[t - 1] : row]
        for k in range(n):
            block, of_block = blocks[row + k], gradients[row + k]
            i, f = block[:width], block[width : 2 * width]
            o, g = block[2 * width : 3 * width], block[3 * width :]
            of_i, of_f = of_block[:width], of_block[width : 2 * width]
            of_o, of_g = of_block[2 * width : 3 * width], of_block[3 * width :]
            # Three passes: the compiler proves of few arrays at a time that they are apart
            _back_to_c(o, cells[row + k], of_out[row + k], of_h[k], of_c[k], of_o)
            _back_to_written(i, g, of_c[k], of_i, of_g)
            _back_to_kept(f, c[k], of_c[k], of_f)
        np.dot(gradients[row : row + n], recurrent, of_h[:n])


@compiled
def _back_to_c(o: Any, next_c: Any, of_out: Any, of_h: Any, of_c: Any, of_o: Any) -> None:
    for j in range(o.shape[0]):
        squashed = tanh(next_c[j])
        of_state = of_h[j] + of_out[j]
        of_o[j] = of_state * squashed * o[j] * (ONE - o[j])
        of_c[j] += of_state * o[j] * (ONE - squashed * squashed)


@compiled
def _back_to_written(i: Any, g: Any, of_c: Any, of_i: Any, of_g: Any) -> None:
    for j in range(i.shape[0]):
        of_i[j] = of_c[j] * g[j] * i[j] * (ONE - i[j])
        of_g[j] = of_c[j] * i[j] * (ONE - g[j] * g[j])


@compiled
def _back_to_kept(f: Any, c: Any, of_c: Any, of_f: Any) -> None:
    for j in range(f.shape[0]):
        of_f[j] = of_c[j] * c[j] * f[j] * (ONE - f[j])
        of_c[j] *= f[j]


def lstm_loop(
    x: Tensor, h: Tensor, c: Tensor, sizes: list[int], *weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps of an LSTM with torch's four weights; see :meth:`LSTMLoop.forward`."""
    out, h, c = LSTMLoop.apply(x, h, c, *weights, sizes)  # type: ignore[no-untyped-call]
    return out, h, c
