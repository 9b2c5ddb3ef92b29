"""Many steps of sequences of different lengths, in the layout of a ``PackedSequence``.

Step after step, each only of the sequences that are still running, longest first: with
``sizes = [3, 2, 2]`` rows 0-2 are the first step of the three sequences, rows 3-4 the second step
of the two longest, and so on. Sequences of one length T are the case ``sizes = [N] * T``.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def states_before(first: Tensor, after: Tensor, sizes: Sequence[int]) -> Tensor:
    """The state that each step starts from [sum of sizes, H].

    :param first: the state before the first step [N, H]
    :param after: the state after each step [sum of sizes, H]
    :param sizes: sequences running in each step, from N downwards [T]
    """
    n = [sizes[0], *sizes[:-1]]  # rows from the state before to the state after
    rows = len(first) + np.arange(len(after)) - np.repeat(n, sizes)
    return torch.cat((first, after)).index_select(0, torch.from_numpy(rows).to(after.device))


def states_at_end(after: Tensor, sizes: Sequence[int]) -> Tensor:
    """The state after each sequence's own last step [N, H]; see :func:`states_before`."""
    n = np.asarray(sizes)
    sequences = np.arange(n[0])
    last = np.searchsorted(-n, -sequences) - 1  # step: as many as run longer than k come before
    rows = (np.cumsum(n) - n)[last] + sequences
    return after.index_select(0, torch.from_numpy(rows).to(after.device))


def to_be_written(gradient: Tensor | None, like: Tensor) -> Tensor:
    """The gradient with respect to a tensor, as a contiguous copy; zeros if there is none."""
    if gradient is None:
        return torch.zeros_like(like)
    return gradient.clone(memory_format=torch.contiguous_format)


def to_be_read(gradient: Tensor | None, like: Tensor) -> Tensor:
    """The gradient with respect to a tensor, contiguous; zeros if there is none."""
    return torch.zeros_like(like) if gradient is None else gradient.contiguous()


def backward_start(
    h: Tensor, out: Tensor, of_out: Tensor | None, of_last: Tensor | None, sizes: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """What the gradient of a loop with one state begins with.

    :param h: the states before the first step [N, H]
    :param out: the states after each step [sum of sizes, H]
    :param of_out: gradient with respect to ``out``, if any
    :param of_last: gradient with respect to each sequence's last state [N, H], if any
    :param sizes: sequences running in each step [T]
    :return: gradients with respect to the last states, to be written, and to ``out``; and the state
        before each step [sum of sizes, H]
    """
    return (
        to_be_written(of_last, h),
        to_be_read(of_out, out),
        states_before(h, out, sizes),
    )
