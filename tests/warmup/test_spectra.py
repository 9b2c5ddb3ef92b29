"""Spectral radius: against eigenvalues, and where those have no gradient."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from warmrl.warmup.spectra import largest_gain, spectral_radius


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 12))
def test_is_the_largest_modulus_of_an_eigenvalue(seed: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    matrices = torch.randn(4, size, size, generator=generator, dtype=torch.float64)
    expected = torch.linalg.eigvals(matrices).abs().amax(dim=-1)
    radius = spectral_radius(matrices)
    assert (radius >= expected * (1 - 1e-9)).all()
    torch.testing.assert_close(radius, expected, rtol=5e-3, atol=0)


@pytest.mark.parametrize("scale", [1e-20, 0.5, 3.0, 1e12])
def test_a_scaled_rotation(scale: float) -> None:
    angle = torch.tensor(0.7)
    rotation = torch.stack(
        (torch.stack((angle.cos(), -angle.sin())), torch.stack((angle.sin(), angle.cos())))
    )
    torch.testing.assert_close(
        spectral_radius(scale * rotation), torch.tensor(scale), rtol=1e-3, atol=0
    )


def test_the_gradient_is_that_of_the_dominant_eigenvalue() -> None:
    matrix = torch.tensor([[2.0, 1.0], [0.0, 0.5]], requires_grad=True)
    (gradient,) = torch.autograd.grad(spectral_radius(matrix), matrix)
    # u v^T / u^T v with the eigenvectors v = (1, 0) and, of the transpose, u = (1.5, 1)
    torch.testing.assert_close(gradient, torch.tensor([[1, 0], [2 / 3, 0]]), rtol=1e-3, atol=1e-3)


def test_a_complex_pair_has_a_gradient() -> None:
    generator = torch.Generator().manual_seed(3)
    matrix = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    values = torch.linalg.eigvals(matrix)
    assert values[values.abs().argmax()].imag.abs() > 0.1
    ours, theirs = matrix.clone().requires_grad_(), matrix.clone().requires_grad_()
    (a,) = torch.autograd.grad(spectral_radius(ours), ours)
    (b,) = torch.autograd.grad(torch.linalg.eigvals(theirs).abs().max(), theirs)
    assert torch.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.99


def test_a_defective_matrix_has_a_finite_gradient() -> None:
    matrix = torch.tensor([[0.9, 1.0], [0.0, 0.9]], requires_grad=True)
    radius = spectral_radius(matrix)
    assert radius.item() == pytest.approx(0.9, rel=3e-3)
    (gradient,) = torch.autograd.grad(radius, matrix)
    assert gradient.isfinite().all()
    assert gradient.trace() > 0.5


@pytest.mark.parametrize("matrix", [torch.zeros(3, 3), torch.ones(3, 3).triu(1)])
def test_where_a_power_vanishes_radius_and_gradient_are_zero(matrix: torch.Tensor) -> None:
    both = torch.stack((matrix, torch.eye(3))).requires_grad_()
    radius = spectral_radius(both)
    assert radius[0] == 0
    torch.testing.assert_close(radius[1], torch.tensor(1.0), rtol=1e-3, atol=0)
    (gradient,) = torch.autograd.grad(radius.sum(), both)
    assert gradient.isfinite().all()
    assert (gradient[0] == 0).all()


def test_only_square_matrices_have_one() -> None:
    with pytest.raises(ValueError, match=r"matrices has shape \(2, 3\); it must be \[..., D, D\]"):
        spectral_radius(torch.zeros(2, 3))


def test_largest_gain_of_a_matrix_that_is_not_square() -> None:
    matrix = torch.tensor([[3.0, 0.0, 4.0], [0.0, 2.0, 0.0]])
    assert largest_gain(matrix).item() == pytest.approx(math.hypot(3, 4))
