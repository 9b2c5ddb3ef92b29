"""Heads and loss against their twins, in results and gradients."""

import pytest
import torch
from torch import Tensor

from warmrl.agents import kernels
from warmrl.agents.kernels import Coefficients, Heads, Taken, plain

dtypes = pytest.mark.parametrize(
    ("dtype", "rounding"), [(torch.float64, 1e-12), (torch.float32, 2e-5)]
)


def drawn(
    n: int, width: int, n_actions: int, dtype: torch.dtype
) -> tuple[list[Tensor], Heads, Taken]:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    heads = Heads(draw(n_actions, width), draw(n_actions), draw(1, width), draw(1))
    actions = torch.randint(n_actions, (n,), generator=generator)
    taken = Taken(actions, -draw(n).abs(), draw(n), draw(n), draw(n))
    return [draw(n, width), draw(n, width)], heads, taken


def spread(tensor: Tensor) -> Tensor:
    """The same numbers, not one after the other."""
    return torch.empty(*tensor.shape, 2, dtype=tensor.dtype)[..., 0].copy_(tensor)


sizes = pytest.mark.parametrize(
    ("n", "width", "n_actions"), [(1, 6, 3), (40, 1, 12), (40, 6, 1), (3, 1, 2), (65, 33, 5)]
)


@dtypes
@sizes
@pytest.mark.parametrize("far", [float("inf"), 0.2])
def test_losses(
    n: int, width: int, n_actions: int, far: float, dtype: torch.dtype, rounding: float
) -> None:
    latents, heads, taken = drawn(n, width, n_actions, dtype)
    leaves = [leaf.requires_grad_() for leaf in (*latents, *heads)]
    results = []
    for loss, layout in ((kernels.loss, None), (plain.loss, None), (kernels.loss, spread)):
        given = [leaf if layout is None else layout(leaf) for leaf in leaves]
        numbers = taken if layout is None else Taken(*map(layout, taken))
        total, parts = loss(
            given[0], given[1], numbers, Coefficients(0.2, far, 0.1, 0.5), Heads(*given[2:])
        )
        assert not parts.requires_grad
        results.append([total, *parts, *torch.autograd.grad(3 * total, leaves)])
    for got in (results[0], results[2]):
        for a, b in zip(got, results[1], strict=True):
            torch.testing.assert_close(a, b, rtol=rounding, atol=rounding)


@dtypes
@sizes
def test_heads(n: int, width: int, n_actions: int, dtype: torch.dtype, rounding: float) -> None:
    latents, heads, _ = drawn(n, width, n_actions, dtype)
    results = []
    with torch.no_grad():
        for act, layout in (
            (kernels.heads(heads), None),
            (plain.heads(heads), None),
            (kernels.heads(Heads(*map(spread, heads))), spread),
        ):
            torch.manual_seed(3)
            results.append(act(*(latents if layout is None else map(layout, latents))))
    for got in (results[0], results[2]):
        assert torch.equal(got[0], results[1][0])
        for a, b in zip(got[1:], results[1][1:], strict=True):
            torch.testing.assert_close(a, b, rtol=rounding, atol=rounding)
