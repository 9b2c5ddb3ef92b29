"""An LSTM over many steps with a hand-written gradient, for a CPU.

The same plan as :mod:`~warmrl.agents.gru_loop`, for packed sequences only: torch has a fused kernel
for sequences of one length, which is faster still, but none for packed ones.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .time_steps import CHUNK, chunks, states_at_end, states_before


class LSTMLoop(Function):
    """Steps of an LSTM in the packed layout of :mod:`~warmrl.agents.time_steps`.

    Works on four blocks (o, f, i, g) of H columns: the three gates share one sigmoid, and f, i and
    g one product with the gradient of c.
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
        width = h.shape[1]
        inputs, recurrent = _own_order(weight_ih), _own_order(weight_hh)
        blocks = torch.addmm(_own_order(bias_ih + bias_hh), x, inputs.t())  # (S, 4H)
        out, cells, squashed = blocks.new_empty(3, len(x), width)
        hs, cs = out.split_with_sizes(sizes), cells.split_with_sizes(sizes)
        u = recurrent.t()
        for h_t, c_t, next_h, next_c, tanh_c, gates, ofi, o, f, i, g in zip(
            states_before(h, hs, sizes),
            states_before(c, cs, sizes),
            hs,
            cs,
            squashed.split_with_sizes(sizes),
            blocks.split_with_sizes(sizes),
            blocks[:, : 3 * width].split_with_sizes(sizes),
            *(block.split_with_sizes(sizes) for block in blocks.chunk(4, dim=1)),
            strict=True,
        ):
            gates.addmm_(h_t, u)
            ofi.sigmoid_()
            g.tanh_()
            torch.mul(f, c_t, out=next_c).addcmul_(i, g)
            torch.tanh(next_c, out=tanh_c)
            torch.mul(o, tanh_c, out=next_h)
        ctx.save_for_backward(x, h, c, inputs, recurrent, blocks, out, cells, squashed)
        ctx.sizes = sizes
        ctx.set_materialize_grads(False)
        return out, states_at_end(hs, sizes), states_at_end(cs, sizes)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_out: Tensor | None, of_last_h: Tensor | None, of_last_c: Tensor | None
    ) -> tuple[Any, ...]:
        """Gradients with respect to all inputs of :meth:`forward`."""
        x, h, c, inputs, recurrent, blocks, out, cells, squashed = ctx.saved_tensors
        sizes, width = ctx.sizes, h.shape[1]
        h_before = states_before(h, out.split_with_sizes(sizes), sizes)
        c_before = states_before(c, cells.split_with_sizes(sizes), sizes)
        carry_h = torch.zeros_like(h) if of_last_h is None else of_last_h.clone()
        carry_c = torch.zeros_like(c) if of_last_c is None else of_last_c.clone()
        of_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        of_inputs = inputs.new_zeros(inputs.shape[::-1])  # (I, 4H)
        of_recurrent = torch.zeros_like(recurrent)
        of_bias = inputs.new_zeros(len(inputs))
        for steps, rows in reversed(chunks(sizes, CHUNK // width)):
            o, f, i, g = blocks[rows].chunk(4, dim=1)
            tanh_c = squashed[rows]
            # What of the gradient at c' reaches f, i and g before their nonlinearities, and of the
            # gradient at h' reaches o and c'
            to_fig = torch.stack(
                (
                    torch.ops.aten.sigmoid_backward(torch.cat(c_before[steps]), f),
                    torch.ops.aten.sigmoid_backward(g, i),
                    torch.ops.aten.tanh_backward(i, g),
                ),
                dim=1,
            )
            to_o = torch.ops.aten.sigmoid_backward(tanh_c, o)
            to_c = torch.ops.aten.tanh_backward(o, tanh_c)
            gradients = torch.empty_like(blocks[rows])
            of_o, of_fig = gradients[:, :width], gradients.view(-1, 4, width)[:, 1:]
            own = sizes[steps]
            for n_t, f_t, fig_t, o_t, c_t, of_o_t, of_fig_t, products, extra in zip(
                own[::-1],
                *(
                    part.split_with_sizes(own)[::-1]
                    for part in (f, to_fig, to_o, to_c, of_o, of_fig, gradients)
                ),
                [None] * len(own) if of_out is None else of_out[rows].split_with_sizes(own)[::-1],
                strict=True,
            ):
                of_h = carry_h if n_t == sizes[0] else carry_h[:n_t]
                of_c = carry_c if n_t == sizes[0] else carry_c[:n_t]
                if extra is not None:
                    of_h.add_(extra)
                of_c.addcmul_(of_h, c_t)
                torch.mul(of_h, o_t, out=of_o_t)
                torch.mul(of_c[:, None], fig_t, out=of_fig_t)
                of_c.mul_(f_t)
                torch.mm(products, recurrent, out=of_h)
            of_inputs.addmm_(x[rows].t(), gradients)
            of_recurrent.addmm_(gradients.t(), torch.cat(h_before[steps]))
            of_bias += gradients.sum(0)
            if of_x is not None:
                torch.mm(gradients, inputs, out=of_x[rows])
        of_bias = _torch_order(of_bias)
        return (
            of_x,
            carry_h,
            carry_c,
            _torch_order(of_inputs.t()),
            _torch_order(of_recurrent),
            of_bias,
            of_bias,
            None,
        )


def _own_order(weight: Tensor) -> Tensor:
    """From torch's order (i, f, g, o) to (o, f, i, g)."""
    i, f, g, o = weight.chunk(4)
    return torch.cat((o, f, i, g))


def _torch_order(weight: Tensor) -> Tensor:
    """From (o, f, i, g) to torch's order."""
    o, f, i, g = weight.chunk(4)
    return torch.cat((i, f, g, o))


def lstm_loop(
    x: Tensor, h: Tensor, c: Tensor, sizes: list[int], *weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps of an LSTM with torch's four weights; see :meth:`LSTMLoop.forward`."""
    out, h, c = LSTMLoop.apply(x, h, c, *weights, sizes)  # type: ignore[no-untyped-call]
    return out, h, c
