"""VAA and VAA*: values by hand, the definition in two loops, and the gradient."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from warmrl.warmup import vaa, vaa_star


def random_states(seed: int, n: int, d: int, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, d, generator=generator, dtype=torch.float64)


def looped_vaa_star(states: Tensor, eps: float, margin: float | None = None) -> float:
    total = 0.0
    for s_i in states.tolist():
        row = 0.0
        for s_j in states.tolist():
            d = math.sqrt(
                sum((math.tanh(a) - math.tanh(b)) ** 2 for a, b in zip(s_i, s_j, strict=True))
            )
            if margin is None:
                row += 1 - max(d - eps, 0) / (d + 1e-6)
            else:
                row += max(math.log((d + eps) / margin) / math.log(eps / margin), 0)
        total += 1 / row
    return total / len(states)


def looped_vaa(states: Tensor, eps: float) -> float:
    rows = states.tolist()
    return sum(1 / sum(math.dist(a, b) < eps for b in rows) for a in rows) / len(rows)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([[1.0, 2.0]] * 5, 1 / 5),
        ([[0.0], [1.0], [2.0], [3.0]], 1.0),
        ([[0.0], [0.0], [0.0], [5.0]], (3 * (1 / 3) + 1) / 4),
        ([[0.0], [0.0], [5.0], [5.0]], 1 / 2),
        ([[0.0], [0.00009], [0.00018]], (1 / 2 + 1 / 3 + 1 / 2) / 3),
        ([[7.0]], 1.0),
    ],
)
def test_vaa_by_hand(states: list[list[float]], expected: float) -> None:
    assert vaa(torch.tensor(states)) == pytest.approx(expected, abs=1e-12)


def test_vaa_is_exact_for_large_states_in_float32() -> None:
    states = torch.full((2, 64), 30.0)
    states[1, 0] += 2e-4  # a distance that a product of matrices would lose
    assert vaa(states) == 1.0


def test_vaa_star_limits() -> None:
    assert vaa_star(torch.ones(8, 3)).item() == pytest.approx(1 / 8)
    far = torch.tensor([[-9.0], [9.0]], dtype=torch.float64)
    closeness = (1e-4 + 1e-6) / (2 + 1e-6)  # C_ij at d = 2, up to tanh(9) = 1 - 3e-8
    assert vaa_star(far).item() == pytest.approx(1 / (1 + closeness), abs=1e-9)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 7), d=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_both_equal_their_definition(seed: int, n: int, d: int) -> None:
    states = random_states(seed, n, d)
    states[n // 2] = states[0]
    states[n - 1] = states[0] + 3e-5
    assert vaa(states) == pytest.approx(looped_vaa(states, 1e-4), rel=1e-12)
    for margin in (None, 0.5, 1.0):
        value = vaa_star(states, margin=margin).item()
        assert value == pytest.approx(looped_vaa_star(states, 1e-4, margin), rel=1e-9)


@given(seed=st.integers(0, 10_000), n=st.integers(2, 20), scale=st.floats(1e-5, 10.0))
@settings(max_examples=40, deadline=None)
def test_order_does_not_matter_and_the_range_holds(seed: int, n: int, scale: float) -> None:
    states = random_states(seed, n, 3, scale)
    shuffled = states[torch.randperm(n, generator=torch.Generator().manual_seed(seed))]
    for measure in (vaa, lambda s: vaa_star(s).item(), lambda s: vaa_star(s, margin=1.0).item()):
        value = measure(states)
        assert measure(shuffled) == pytest.approx(value, rel=1e-12)
        assert 1 / n - 1e-12 <= value <= 1 + 1e-12


def test_vaa_star_of_a_batch_is_that_of_each() -> None:
    states = random_states(0, 24, 3).reshape(2, 3, 4, 3)
    batched = vaa_star(states)
    assert batched.shape == (2, 3)
    torch.testing.assert_close(batched[1, 2], vaa_star(states[1, 2]))


def test_with_a_margin_by_hand() -> None:
    d = torch.tensor([0.0, 0.01 - 1e-4, 1.0 - 1e-4], dtype=torch.float64)
    for distance, closeness in zip(d, (1.0, 0.5, 0.0), strict=True):
        states = torch.stack((torch.zeros_like(distance), torch.atanh(distance)))[:, None]
        value = vaa_star(states, margin=1.0).item()
        assert value == pytest.approx(1 / (1 + closeness), rel=1e-9)


@pytest.mark.parametrize("margin", [None, 0.4])
def test_gradient_of_vaa_star(margin: float | None) -> None:
    states = random_states(1, 5, 3, 0.3).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: vaa_star(s, margin=margin), (states,))


def test_the_margin_pulls_apart_what_the_paper_counts_as_apart() -> None:
    def pull(margin: float | None) -> float:
        states = torch.tensor([[0.0], [0.1]], requires_grad=True)
        (gradient,) = torch.autograd.grad(vaa_star(states, margin=margin), states)
        return gradient[1].item()

    assert pull(1.0) > 50 * pull(None) > 0
    assert pull(0.05) == 0.0


def test_gradient_is_finite_where_states_coincide() -> None:
    states = random_states(2, 4, 3)
    states[1] = states[0]
    states.requires_grad_()
    (gradient,) = torch.autograd.grad(vaa_star(states), states)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    same = torch.zeros(4, 3, requires_grad=True)
    for margin in (None, 1.0):
        (gradient,) = torch.autograd.grad(vaa_star(same, margin=margin), same)
        assert torch.equal(gradient, torch.zeros(4, 3))
