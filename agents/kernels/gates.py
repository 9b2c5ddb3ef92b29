"""What cells side by side see of input and state: for each a matrix times rows ``(x, 1, h)``.

A cell of width w has its own w columns of the states, and its own 4w columns of the blocks that its
matrix [4w, I + 1 + w] gives: bias and recurrent weights are columns of it like those of the input.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .gemm import add_product, add_transposed_product, put_product
from .numba_math import copy_rows, inner, stretch

ROWS = 256  # of gradients that stay in the cache, about
GATES = 4


def stacked(matrices: Sequence[Tensor]) -> Tensor:
    """One matrix under the other, contiguous; narrower ones are filled up with zeros."""
    widest = max(matrix.shape[1] for matrix in matrices)
    return torch.cat([F.pad(matrix, (0, widest - matrix.shape[1])) for matrix in matrices])


def unstacked(matrices: Tensor, widths: Sequence[int], n_inputs: int) -> list[Tensor]:
    """The matrix of each cell [4w, I + 1 + w].

    :param matrices: stacked
    :param widths: w of each
    :param n_inputs: I
    """
    ends = zip(widths, accumulate(widths), strict=True)
    return [
        matrices[GATES * (end - width) : GATES * end, : n_inputs + 1 + width] for width, end in ends
    ]


def transposed(matrices: Tensor, widths: Sequence[int], n_inputs: int) -> Tensor:
    """Stacked matrices, each of them transposed; see :func:`unstacked`."""
    return stacked([matrix.t() for matrix in unstacked(matrices, widths, n_inputs)])


@inner
def gates_of(k: Any, at: Any, width: Any, blocks: Any) -> Any:
    """The four parts of a cell's block in row k, of a cell whose states begin at a column."""
    first = GATES * at
    return (
        stretch(blocks, k, first, width),
        stretch(blocks, k, first + width, width),
        stretch(blocks, k, first + 2 * width, width),
        stretch(blocks, k, first + 3 * width, width),
    )


@inner
def read_rows(widths: Any, x: Any, h: Any, matrices: Any, rows: Any, blocks: Any) -> None:
    """Write the blocks of a step.

    :param widths: w of each cell
    :param x: inputs [n, I]
    :param h: states [n, H]
    :param matrices: :func:`transposed`
    :param rows: space for as many rows, or more
    :param blocks: [n, 4H]
    """
    at, first = 0, 0
    for width in widths:
        own, block = slice(at, at + width), slice(GATES * at, GATES * (at + width))
        n_read = x.shape[1] + 1 + width
        read = rows[: x.shape[0], :n_read]
        _write_rows(x, h[:, own], read)
        put_product(read, matrices[first : first + n_read, : GATES * width], blocks[:, block])
        at += width
        first += n_read


@inner
def space_for_rows(n: Any, x: Any, widths: Any) -> Any:
    """Space for n rows of any of the cells."""
    widest = 0
    for width in widths:
        widest = max(widest, width)
    return np.empty((n, x.shape[1] + 1 + widest), x.dtype)


@inner
def rows_at_once(sizes: Any) -> Any:
    """Of how many rows gradients are added up: of one step at least, and while in the cache."""
    return max(ROWS, sizes[0])


@inner
def add_up(
    widths: Any,
    x: Any,
    h: Any,
    gradients: Any,
    matrices: Any,
    of_matrices: Any,
    of_x: Any,
) -> None:
    """Add to the gradients of matrices, and of inputs unless there are no rows for them.

    :param widths: w of each cell
    :param x: inputs [n, I]
    :param h: states before the step [n, H]
    :param gradients: of blocks [n, 4H]
    :param matrices: stacked
    :param of_matrices: their gradients so far
    :param of_x: those of the inputs so far [n, I], or of no rows
    """
    rows = space_for_rows(x.shape[0], x, widths)
    at = 0
    for width in widths:
        own, block = slice(at, at + width), slice(GATES * at, GATES * (at + width))
        columns = slice(0, x.shape[1] + 1 + width)
        read, of_block = rows[:, columns], gradients[:, block]
        _write_rows(x, h[:, own], read)
        add_transposed_product(of_block, read, of_matrices[block, columns])
        if of_x.shape[0] > 0:
            add_product(of_block, matrices[block, : x.shape[1]], of_x)
        at += width


@inner
def _write_rows(x: Any, h: Any, rows: Any) -> None:
    n_inputs = x.shape[1]
    copy_rows(x, rows[:, :n_inputs])
    for k in range(x.shape[0]):
        rows[k, n_inputs] = 1
    copy_rows(h, rows[:, n_inputs + 1 :])
