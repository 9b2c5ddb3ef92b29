"""Compiled loops give what a plain loop over the equations gives, in every use of the results."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from warmrl.agents.cells import CELLS, Cell, Weights
from warmrl.agents.kernels import wanted
from warmrl.agents.kernels.plain import time_loop
from warmrl.tests.agents.bare_layer import run_packed

X, H, SIZES = 3, 4, [5, 5, 3, 1]


def randn(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def weights_of(cell: type[Cell], width: int = H) -> list[Tensor]:
    columns = {"input": (X,), "recurrent": (width,), "gate": ()}
    return [
        randn(shape.gates * width, *columns[shape.kind], seed=seed)
        for seed, shape in enumerate(cell.weight_shapes.values())
    ]


def leaves(cell: type[Cell]) -> list[Tensor]:
    weights = weights_of(cell)
    states = [randn(SIZES[0], H, seed=seed) for seed in (7, 8)]
    return [t.requires_grad_() for t in (randn(sum(SIZES), X), *states, *weights)]


def compiled_loop(
    cell: type[Cell], parts: Sequence[Weights], x: Tensor, h: Tensor, c: Tensor, sizes: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    out, h, c = run_packed(cell, parts, PackedSequence(x, torch.tensor(sizes)), h, c)
    return out.data, h, c


@pytest.mark.parametrize("used", ["states", "last", "both"])
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(
    ("dtype", "rounding"), [(torch.float64, 1e-13), (torch.float32, 2e-6)], ids=["double", "single"]
)
def test_results_and_gradients_are_the_twins(
    name: str, used: str, dtype: torch.dtype, rounding: float
) -> None:
    cell = CELLS[name]
    inputs = [leaf.detach().to(dtype).requires_grad_() for leaf in leaves(cell)]

    def gradients(results: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
        out, h, c = results
        last = [h, c] if cell.cell_state else [h]
        probes = {"states": [out], "last": last, "both": [out, *last]}[used]
        weights = [randn(*probe.shape, seed=5).to(dtype) for probe in probes]
        of = [t for i, t in enumerate(inputs) if cell.cell_state or i != 2]
        return torch.autograd.grad(probes, of, weights, retain_graph=True)

    x, h, c, *flat = inputs
    weights = dict(zip(cell.weight_shapes, flat, strict=True))
    want = time_loop(cell, weights, x, h, c, SIZES)
    got = compiled_loop(cell, [weights], x, h, c, SIZES)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=rounding)
    of_plain = gradients(want)
    for _ in range(2):  # a second pass finds what it needs unchanged
        for a, b in zip(gradients(got), of_plain, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=10 * rounding)


MANY = [150, 150, 90, 40, 1]  # more rows than gradients are added up of at once


@pytest.mark.skipif(not wanted(), reason="without kernels a layer joins its cells itself")
@pytest.mark.parametrize("name", CELLS)
def test_cells_side_by_side_are_each_alone(name: str) -> None:
    cell, widths = CELLS[name], (2, 5)
    x = randn(sum(MANY), X).requires_grad_()
    h, c = (randn(MANY[0], sum(widths), seed=seed).requires_grad_() for seed in (7, 8))
    parts = [
        dict(zip(cell.weight_shapes, weights_of(cell, width), strict=True)) for width in widths
    ]
    for weight in (weight for part in parts for weight in part.values()):
        weight.requires_grad_()
    states = (part.split_with_sizes(widths, -1) for part in (h, c))
    alone = [
        time_loop(cell, part, x, own_h, own_c, MANY)
        for part, own_h, own_c in zip(parts, *states, strict=True)
    ]
    want = [torch.cat(of_each, dim=-1) for of_each in zip(*alone, strict=True)]
    got = compiled_loop(cell, parts, x, h, c, MANY)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    n = 3 if cell.cell_state else 2
    of = [x, h, *[c][: n - 2], *(t for part in parts for t in part.values())]
    probes = [randn(*t.shape, seed=5) for t in want[:n]]
    wanted = torch.autograd.grad(want[:n], of, probes)
    for a, b in zip(torch.autograd.grad(got[:n], of, probes), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["mgu", "brc", "nbrc"])
def test_half_precision_takes_the_plain_loop(name: str) -> None:
    cell = CELLS[name]
    x, h, c, *flat = (t.detach().bfloat16() for t in leaves(cell))
    parts = [dict(zip(cell.weight_shapes, flat, strict=True))]
    for a, b in zip(
        compiled_loop(cell, parts, x, h, c, SIZES),
        time_loop(cell, parts[0], x, h, c, SIZES),
        strict=True,
    ):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_may_come_in_any_layout(name: str) -> None:
    cell = CELLS[name]
    x, h, c, *flat = leaves(cell)
    weights = dict(zip(cell.weight_shapes, flat, strict=True))
    probe = randn(H, SIZES[0], seed=6)
    used = 1 if not cell.cell_state else 2
    grads = []
    for transposed in (True, False):
        last = compiled_loop(cell, [weights], x, h, c, SIZES)[1 : 1 + used]
        parts = [(part.t() * probe if transposed else part * probe.t()).sum() for part in last]
        grads.append(torch.autograd.grad(torch.stack(parts).sum(), [x, h, *flat]))
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)
