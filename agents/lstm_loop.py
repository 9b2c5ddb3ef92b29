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

    Works on four blocks (i, f, o, g) of H columns, so that the three gates share one sigmoid.
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
        inputs, recurrent = _swapped(weight_ih), _swapped(weight_hh)
        blocks = torch.addmm(_swapped(bias_ih + bias_hh), x, inputs.t())  # (S, 4H)
        out, cells, squashed = blocks.new_empty(3, len(x), width)
        hs, cs = out.split_with_sizes(sizes), cells.split_with_sizes(sizes)
        u = recurrent.t()
        for h_t, c_t, next_h, next_c, tanh_c, gates, ifo, i, f, o, g in zip(
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
            ifo.sigmoid_()
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
            i, f, o, g = blocks[rows].chunk(4, dim=1)
            tanh_c = squashed[rows]
            # What of the gradient at c' reaches i, f and g before their nonlinearities, and of the
            # gradient at h' reaches o and c'
            to_i = torch.ops.aten.sigmoid_backward(g, i)
            to_f = torch.ops.aten.sigmoid_backward(torch.cat(c_before[steps]), f)
            to_g = torch.ops.aten.tanh_backward(i, g)
            to_o = torch.ops.aten.sigmoid_backward(tanh_c, o)
            to_c = torch.ops.aten.tanh_backward(o, tanh_c)
            gradients = torch.empty_like(blocks[rows])
            blocks_of = (f, to_i, to_f, to_o, to_g, to_c, *gradients.chunk(4, dim=1), gradients)
            own = sizes[steps]
            for f_t, i_t, forget_t, o_t, g_t, c_t, of_i, of_f, of_o, of_g, products, extra in zip(
                *(part.split_with_sizes(own)[::-1] for part in blocks_of),
                [None] * len(own) if of_out is None else of_out[rows].split_with_sizes(own)[::-1],
                strict=True,
            ):
                whole = len(f_t) == len(carry_h)
                of_h = carry_h if whole else carry_h[: len(f_t)]
                of_c = carry_c if whole else carry_c[: len(f_t)]
                if extra is not None:
                    of_h.add_(extra)
                of_c.addcmul_(of_h, c_t)
                torch.mul(of_h, o_t, out=of_o)
                torch.mul(of_c, i_t, out=of_i)
                torch.mul(of_c, forget_t, out=of_f)
                torch.mul(of_c, g_t, out=of_g)
                of_c.mul_(f_t)
                torch.mm(products, recurrent, out=of_h)
            of_inputs.addmm_(x[rows].t(), gradients)
            of_recurrent.addmm_(gradients.t(), torch.cat(h_before[steps]))
            of_bias += gradients.sum(0)
            if of_x is not None:
                torch.mm(gradients, inputs, out=of_x[rows])
        of_bias = _swapped(of_bias)
        return (
            of_x,
            carry_h,
            carry_c,
            _swapped(of_inputs.t()),
            _swapped(of_recurrent),
            of_bias,
            of_bias,
            None,
        )


def _swapped(weight: Tensor) -> Tensor:
    """Between torch's order (i, f, g, o) and (i, f, o, g), either way."""
    i, f, g, o = weight.chunk(4)
    return torch.cat((i, f, o, g))


def lstm_loop(
    x: Tensor, h: Tensor, c: Tensor, sizes: list[int], *weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps of an LSTM with torch's four weights; see :meth:`LSTMLoop.forward`."""
    out, h, c = LSTMLoop.apply(x, h, c, *weights, sizes)  # type: ignore[no-untyped-call]
    return out, h, c
