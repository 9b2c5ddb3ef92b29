"""Compiled loops give what a plain loop over the equations gives, in every use of the results."""

import pytest
import torch
from torch import Tensor

from warmrl.agents.cells import CELLS, Cell

X, H, SIZES = 3, 4, [5, 5, 3, 1]


def randn(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def leaves(cell: type[Cell]) -> list[Tensor]:
    columns = {"input": (X,), "recurrent": (H,), "gate": ()}
    weights = [
        randn(shape.gates * H, *columns[shape.kind], seed=seed)
        for seed, shape in enumerate(cell.weight_shapes.values())
    ]
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
        return cell.loop(dict(zip(cell.weight_shapes, flat, strict=True)), x, h, c, SIZES)

    want, got = run(plain(cell)), run(cell)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)
    of_plain = gradients(want)
    for _ in range(2):  # a second pass finds what it needs unchanged
        for a, b in zip(gradients(got), of_plain, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["mgu", "brc", "nbrc"])
def test_half_precision_takes_the_plain_loop(name: str) -> None:
    cell = CELLS[name]
    x, h, c, *flat = (t.detach().bfloat16() for t in leaves(cell))
    weights = dict(zip(cell.weight_shapes, flat, strict=True))
    for a, b in zip(
        cell.loop(weights, x, h, c, SIZES), plain(cell).loop(weights, x, h, c, SIZES), strict=True
    ):
        assert torch.equal(a, b)
