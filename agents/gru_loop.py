"""A GRU over many steps with a hand-written gradient, compiled for a CPU.

Torch has no fused kernel for it there; the same plan as :mod:`~warmrl.agents.lstm_loop`.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .compiled import ONE, add, add_and_squash, as_many_threads_as_torch, compiled, tanh
from .time_steps import backward_start, states_at_end


class GRULoop(Function):
    """Steps of a GRU in the packed layout of :mod:`~warmrl.agents.time_steps`.

    Works on four blocks (r, z, q, n) of H columns, with ``q = U_n h + b_hn`` and ``n`` the new
    state, so that r, z share one sigmoid and r, z, q one product with h, forward and backward.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        h: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
        sizes: list[int],
    ) -> tuple[Tensor, Tensor]:
        """All steps.

        :param x: inputs [sum of sizes, I]
        :param h: states before the first step [N, H]
        :param sizes: sequences running in each step [T]
        :return: states after each step [sum of sizes, H] and each sequence's last one [N, H]
        """
        h = h.contiguous()
        w_r, w_z, w_n = weight_ih.chunk(3)
        in_r, in_z, in_n = bias_ih.chunk(3)
        inputs = torch.cat((w_r, w_z, torch.zeros_like(w_n), w_n))  # (4H, I)
        bias = torch.cat((in_r, in_z, torch.zeros_like(in_n), in_n))
        bias[: len(bias_hh)] += bias_hh
        blocks = torch.addmm(bias, x, inputs.t())  # (S, 4H)
        out = blocks.new_empty(len(x), h.shape[1])
        with as_many_threads_as_torch():
            _forward(
                blocks.numpy(),
                np.asarray(sizes),
                h.numpy(),
                weight_hh.t().contiguous().numpy(),
                out.numpy(),
            )
        ctx.save_for_backward(x, h, inputs, weight_hh, blocks, out)
        ctx.sizes = sizes
        ctx.set_materialize_grads(False)
        return out, states_at_end(out.split_with_sizes(sizes), sizes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_out: Tensor | None, of_last: Tensor | None) -> tuple[Any, ...]:
        """Gradients with respect to all inputs of :meth:`forward`."""
        x, h, inputs, recurrent, blocks, out = ctx.saved_tensors
        width = h.shape[1]
        of_h, of_out, before = backward_start(h, out, of_out, of_last, ctx.sizes)
        of_products, of_n = blocks.new_empty(len(x), 3 * width), torch.empty_like(out)
        with as_many_threads_as_torch():
            _backward(
                blocks.numpy(),
                np.asarray(ctx.sizes),
                before.numpy(),
                recurrent.contiguous().numpy(),
                of_out.numpy(),
                of_h.numpy(),
                of_products.numpy(),
                of_n.numpy(),
            )
        of_gates = of_products[:, : 2 * width]
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (of_gates @ inputs[: 2 * width]).addmm_(of_n, inputs[3 * width :])
        of_bias_hh = of_products.sum(0)
        return (
            of_x,
            of_h,
            torch.cat((x.t() @ of_gates, x.t() @ of_n), dim=1).t(),
            of_products.t() @ before,
            torch.cat((of_bias_hh[: 2 * width], of_n.sum(0))),
            of_bias_hh,
            None,
        )


@compiled
def _forward(blocks: Any, sizes: Any, h: Any, u: Any, out: Any) -> None:
    width = h.shape[1]
    products = np.empty((h.shape[0], 3 * width), h.dtype)
    row = 0
    for t in range(sizes.shape[0]):
        n_rows = sizes[t]
        np.dot(h[:n_rows], u, products[:n_rows])
        for k in range(n_rows):
            block, product = blocks[row + k], products[k]
            gates = block[: 2 * width]
            add_and_squash(gates, product[: 2 * width])
            r, z = gates[:width], gates[width:]
            q, n = block[2 * width : 3 * width], block[3 * width :]
            _renew(r, q, n, product[2 * width :])
            _update(z, n, h[k], out[row + k])
        h = out[row : row + n_rows]
        row += n_rows


@compiled
def _renew(r: Any, q: Any, n: Any, to_q: Any) -> None:
    for j in range(r.shape[0]):
        from_state = q[j] + to_q[j]
        q[j] = from_state
        n[j] = tanh(n[j] + r[j] * from_state)


@compiled
def _update(z: Any, n: Any, h: Any, next_h: Any) -> None:
    for j in range(z.shape[0]):
        next_h[j] = n[j] + z[j] * (h[j] - n[j])


@compiled
def _backward(
    blocks: Any,
    sizes: Any,
    before: Any,
    recurrent: Any,
    of_out: Any,
    of_h: Any,
    of_products: Any,
    of_n: Any,
) -> None:
    width = of_h.shape[1]
    kept = np.empty_like(of_h)
    row = blocks.shape[0]
    for t in range(sizes.shape[0] - 1, -1, -1):
        n_rows = sizes[t]
        row -= n_rows
        for k in range(n_rows):
            block, of_product = blocks[row + k], of_products[row + k]
            r, z = block[:width], block[width : 2 * width]
            q, n = block[2 * width : 3 * width], block[3 * width :]
            of_r, of_z = of_product[:width], of_product[width : 2 * width]
            of_q = of_product[2 * width :]
            # Passes: the compiler proves of few arrays at a time that they are apart
            add(of_h[k], of_out[row + k])
            _back_to_mixed(z, n, before[row + k], of_h[k], of_z, of_n[row + k])
            _back_to_reset(r, q, of_n[row + k], of_r, of_q)
            _keep(z, of_h[k], kept[k])
        np.dot(of_products[row : row + n_rows], recurrent, of_h[:n_rows])
        for k in range(n_rows):
            add(of_h[k], kept[k])


@compiled
def _back_to_mixed(z: Any, n: Any, h: Any, of_h: Any, of_z: Any, of_n: Any) -> None:
    for j in range(z.shape[0]):
        of_new = of_h[j] * (ONE - z[j])
        of_z[j] = of_new * z[j] * (h[j] - n[j])
        of_n[j] = of_new * (ONE - n[j] * n[j])


@compiled
def _back_to_reset(r: Any, q: Any, of_n: Any, of_r: Any, of_q: Any) -> None:
    for j in range(r.shape[0]):
        of_q[j] = of_n[j] * r[j]
        of_r[j] = of_n[j] * q[j] * r[j] * (ONE - r[j])


@compiled
def _keep(z: Any, of_h: Any, kept: Any) -> None:
    for j in range(z.shape[0]):
        kept[j] = of_h[j] * z[j]


def gru_loop(x: Tensor, h: Tensor, sizes: list[int], *weights: Tensor) -> tuple[Tensor, Tensor]:
    """Steps of a GRU with torch's four weights; see :meth:`GRULoop.forward`."""
    out, last = GRULoop.apply(x, h, *weights, sizes)  # type: ignore[no-untyped-call]
    return out, last
