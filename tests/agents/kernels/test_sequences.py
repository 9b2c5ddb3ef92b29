"""Compiled loops give what a plain loop over the equations gives, in every use of the results."""

import pytest
import torch
from torch import Tensor

from warmrl.agents.cells import CELLS, Cell

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


def plain(cell: type[Cell]) -> type[Cell]:
    """The cell without loops of its own."""
    return type("Plain", (cell,), {"loop": vars(Cell)["loop"]})


@pytest.mark.parametrize("used", ["states", "last", "both"])
@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_the_plain_loops(name: str, used: str) -> None:
    cell = CELLS[name]
    inputs = leaves(cell)

    def gradients(results: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
        out, h, c = results
        last = [h, c] if cell.cell_state else [h]
        probes = {"states": [out], "last": last, "both": [out, *last]}[used]
        weights = [randn(*probe.shape, seed=5) for probe in probes]
        of = [t for i, t in enumerate(inputs) if cell.cell_state or i != 2]
        return torch.autograd.grad(probes, of, weights, retain_graph=True)

    def run(cell: type[Cell]) -> tuple[Tensor, Tensor, Tensor]:
        x, h, c, *flat = inputs
        return cell.loop([dict(zip(cell.weight_shapes, flat, strict=True))], x, h, c, SIZES)

    want, got = run(plain(cell)), run(cell)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)
    of_plain = gradients(want)
    for _ in range(2):  # a second pass finds what it needs unchanged
        for a, b in zip(gradients(got), of_plain, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


MANY = [150, 150, 90, 40, 1]  # more rows than gradients are added up of at once


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
        plain(cell).loop([part], x, own_h, own_c, MANY)
        for part, own_h, own_c in zip(parts, *states, strict=True)
    ]
    want = [torch.cat(of_each, dim=-1) for of_each in zip(*alone, strict=True)]
    got = cell.loop(parts, x, h, c, MANY)
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
        cell.loop(parts, x, h, c, SIZES), plain(cell).loop(parts, x, h, c, SIZES), strict=True
    ):
        assert torch.equal(a, b)
