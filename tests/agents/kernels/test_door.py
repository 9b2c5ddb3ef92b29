"""What does not fit is refused in a line that says what it must be, and never reaches a kernel."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from warmrl.agents import kernels
from warmrl.agents.cells import CELLS
from warmrl.agents.kernels import Coefficients, Heads, Taken
from warmrl.agents.layers import RecurrentStack

T, N, X, H = 3, 4, 5, 6
every_cell = pytest.mark.parametrize("cell", CELLS)
with_and_without_gradient = pytest.mark.parametrize("gradient", [True, False])
kinds = pytest.mark.parametrize(("double", "layers"), [(False, 1), (True, 2)])


def zeros(*shape: int, **kind: Any) -> Tensor:
    return torch.zeros(*shape, **kind)


def packed(data: Tensor, sizes: list[int], order: list[int] | None = None) -> PackedSequence:
    indices = None if order is None else torch.tensor(order)
    return PackedSequence(data, torch.tensor(sizes), indices, indices)


Wrong = tuple[Any, Any, str]  # inputs, state, message


def wrong_calls(layers: int) -> dict[str, Wrong]:
    x, part = zeros(T, N, X), zeros(layers, N, H)
    data, sizes = zeros(7, X), [4, 2, 1]
    return {
        "width of x": (zeros(T, N, X + 1), None, r"x of shape \[3, 4, 6\] must be \[.*, 5\]"),
        "narrow x": (zeros(T, N, X - 1), (part, part), r"x of shape \[3, 4, 4\]"),
        "flat x": (zeros(T, X), None, r"x of shape \[3, 5\] must be"),
        "no step": (zeros(0, N, X), None, r"x of shape \[0, 4, 5\] must have at least one step"),
        "type of x": (x.double(), None, "x of dtype float64 must be float32, as the weights are"),
        "whole numbers": (x.long(), None, "x of dtype int64 must be float32"),
        "x on no device": (x.to("meta"), None, "x on meta must be on cpu"),
        "x no tensor": (x.numpy(), None, "x of type ndarray must be a torch tensor"),
        "width of h": (x, (zeros(layers, N, H - 2), part), rf"state h of shape \[{layers}, 4, 4\]"),
        "width of c": (
            x,
            (part, zeros(layers, N, H + 1)),
            rf"state c .* must be \[{layers}, 4, 6\]",
        ),
        "sequences": (x, (zeros(layers, 3, H), part), "state h of shape"),
        "sequences of c": (x, (part, zeros(layers, 5, H)), "state c of shape"),
        "one for all": (x, (zeros(layers, 1, H),) * 2, "state h of shape"),
        "layers": (x, (zeros(layers + 1, N, H),) * 2, rf"must be \[{layers}, 4, 6\]"),
        "flat state": (x, (zeros(N, H),) * 2, "state h of shape"),
        "type of h": (x, (part.double(), part), "state h of dtype float64 must be float32"),
        "type of c": (x, (part, part.half()), "state c of dtype float16 must be float32"),
        "h only": (x, part, "must be a pair of tensors"),
        "c is none": (x, (part, None), "state c of type NoneType must be a torch tensor"),
        "rows": (packed(data[:6], sizes), None, r"data .* of shape \[6, 5\] must be \[7, 5\]"),
        "rows beyond": (packed(zeros(9, X), sizes), None, r"must be \[7, 5\]"),
        "packed width": (packed(zeros(7, X + 1), sizes), None, r"must be \[7, 5\]"),
        "growing": (packed(data, [2, 4, 1]), None, "batch_sizes .* never grow"),
        "nobody": (packed(data, [4, 3, 0]), None, "batch_sizes .* positive"),
        "negative": (packed(data, [9, -2]), None, "batch_sizes .* positive"),
        "no size": (packed(data[:0], []), None, "batch_sizes"),
        "packed state": (packed(data, sizes), (zeros(layers, 3, H),) * 2, r"must be \[\d, 4, 6\]"),
        "order": (
            packed(data, sizes, [0, 1, 2]),
            None,
            "sorted_indices .* each of the 4 sequences",
        ),
        "order beyond": (packed(data, sizes, [0, 1, 2, 9]), None, "sorted_indices"),
        "order twice": (packed(data, sizes, [0, 1, 2, 2]), None, "sorted_indices"),
    }


@every_cell
@kinds
@with_and_without_gradient
def test_calls_of_layers(cell: str, double: bool, layers: int, gradient: bool) -> None:
    stack = RecurrentStack(cell, X, H, layers, double, skip=double)
    for called in (stack, stack.layers[0]) if layers == 1 else (stack,):
        for name, (x, state, message) in wrong_calls(layers).items():
            with (
                torch.set_grad_enabled(gradient),
                pytest.raises((ValueError, TypeError), match=message) as error,
            ):
                called(x, state)
            assert "\n" not in str(error.value), name


def replaced(layer: nn.Module, name: str, value: Tensor) -> None:
    layer.register_parameter(name, nn.Parameter(value))


@every_cell
@pytest.mark.parametrize("double", [False, True])
def test_weights_that_were_replaced(cell: str, double: bool) -> None:
    for name in CELLS[cell].weight_shapes:
        for change, message in cast(
            list[tuple[Callable[[Tensor], Tensor], str]],
            [
                (lambda weight: weight[:-1], f"{name} of shape .* must be"),
                (lambda weight: torch.cat((weight, weight)), f"{name} of shape .* must be"),
                (lambda weight: weight[..., None], f"{name} of shape .* must be"),
                (lambda weight: weight.double(), "float64 must be|must be float64"),
            ],
        ):
            stack = RecurrentStack(cell, X, H, 1, double)
            layer = stack.layers[0].side_by_side[-1]
            replaced(layer, name, change(getattr(layer, name).detach()))
            with pytest.raises(ValueError, match=message):
                stack(zeros(T, N, X))


@every_cell
@pytest.mark.parametrize("double", [False, True])
def test_weights_in_any_layout_and_type_that_agree(cell: str, double: bool) -> None:
    torch.manual_seed(0)
    stack = RecurrentStack(cell, X, H, 2, double)
    x = torch.randn(T, N, X)
    want = cast(Tensor, stack(x)[0])
    for parameter in stack.parameters():
        spread = torch.empty(*parameter.shape, 2)[..., 0]
        parameter.data = spread.copy_(parameter.data)
        parameter.requires_grad = False
    strange = torch.empty(X, N, T).permute(2, 1, 0).copy_(x)
    torch.testing.assert_close(stack(strange)[0], want, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        cast(Tensor, stack.double()(x.double())[0]).float(), want, rtol=0, atol=1e-5
    )


@every_cell
@pytest.mark.parametrize("double", [False, True])
@with_and_without_gradient
def test_no_sequence_is_an_empty_result(cell: str, double: bool, gradient: bool) -> None:
    stack = RecurrentStack(cell, X, H, 2, double)
    with torch.set_grad_enabled(gradient):
        out, (h, c) = stack(zeros(T, 0, X), (zeros(2, 0, H), zeros(2, 0, H)))
    assert (cast(Tensor, out).shape, h.shape, c.shape) == ((T, 0, H), (2, 0, H), (2, 0, H))


@every_cell
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_converts_types_as_torch_does(cell: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    stack, x = RecurrentStack(cell, X, H, 2, double=True), torch.randn(T, N, X)
    want = cast(Tensor, stack(x)[0])
    with torch.autocast("cpu", torch.bfloat16):
        got = cast(Tensor, stack(x.to(dtype))[0])
    torch.testing.assert_close(got.float(), want, rtol=0, atol=0.03)


@every_cell
@pytest.mark.parametrize("compiled", [False, True])
def test_steps(cell: str, compiled: bool) -> None:
    layer = RecurrentStack(cell, X, H, 1, double=True).layers[0]
    halves = [half.weights() for half in layer.side_by_side] if compiled else []
    with torch.no_grad():
        step = kernels.step(layer.cell, layer.weights(), halves)
        x, h = zeros(N, X), zeros(N, H)
        for given, message in (
            ((zeros(N, X + 1), h, h), r"x of shape \[4, 6\] must be \[sequences, 5\]"),
            ((zeros(X), h, h), "x of shape"),
            ((x.double(), h, h), "x of dtype float64"),
            ((x, zeros(N, H - 1), h), r"state h of shape \[4, 5\] must be \[4, 6\]"),
            ((x, zeros(1, H), h), "state h of shape"),
            ((x, h, zeros(N - 1, H)), r"state c of shape \[3, 6\] must be \[4, 6\]"),
            ((x, h.double(), h), "state h of dtype float64"),
            ((x, h, None), "state c of type NoneType"),
        ):
            with pytest.raises((ValueError, TypeError), match=message):
                step(*cast(tuple[Tensor, Tensor, Tensor], given))
            with pytest.raises((ValueError, TypeError), match=message):
                layer.step(given[0], cast(tuple[Tensor, Tensor], given[1:]))
        assert step(zeros(0, X), zeros(0, H), zeros(0, H))[0].shape == (0, H)
        spread = zeros(N, 2 * X)[:, ::2]
        assert torch.equal(step(spread, h, h)[0], step(x, h, h)[0])
        broken = dict(layer.weights()) | {"bias_ih": zeros(1)}
        with pytest.raises(ValueError, match=r"bias_ih of shape \[1\] must be"):
            kernels.step(layer.cell, broken, halves)


A = 3


def drawn_heads() -> Heads:
    generator = torch.Generator().manual_seed(0)
    shapes = ((A, H), (A,), (1, X), (1,))
    return Heads(*(torch.randn(*shape, generator=generator) for shape in shapes))


def drawn_taken() -> Taken:
    return Taken(torch.tensor([0, 1, 2, 0]), *(zeros(N) for _ in range(4)))


COEFFICIENTS = Coefficients(0.2, 0.3, 0.1, 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"actor": zeros(A, H + 1)}, r"latent of shape \[4, 6\] must be \[4, 7\]"),
        ({"actor": zeros(H)}, "weight of the actor's head of shape"),
        ({"actor": zeros(0, H)}, "weight of the actor's head of shape"),
        ({"actor_bias": zeros(A + 1)}, r"bias of the actor's head of shape \[4\] must be \[3\]"),
        (
            {"critic": zeros(2, X)},
            r"weight of the critic's head of shape \[2, 5\] must be \[1, 5\]",
        ),
        ({"critic": zeros(1, X).double()}, "critic's head of dtype float64 must be float32"),
        ({"critic_bias": torch.tensor(0.0)}, "bias of the critic's head of shape"),
    ],
)
def test_heads(change: dict[str, Tensor], message: str) -> None:
    weights = drawn_heads()._replace(**change)
    with pytest.raises(ValueError, match=message):
        kernels.heads(weights)(zeros(N, H), zeros(N, X))
    with pytest.raises(ValueError, match=message):
        kernels.loss(zeros(N, H), zeros(N, X), drawn_taken(), COEFFICIENTS, weights)


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        ((zeros(N, H + 1), zeros(N, X)), r"latent of shape \[4, 7\] must be \[4, 6\]"),
        ((zeros(N, H), zeros(N, X - 1)), r"critic_latent of shape \[4, 4\] must be \[4, 5\]"),
        ((zeros(N, H), zeros(N - 1, X)), r"critic_latent of shape \[3, 5\] must be \[4, 5\]"),
        ((zeros(N, H).double(), zeros(N, X)), "latent of dtype float64 must be float32"),
        ((zeros(H), zeros(N, X)), r"latent of shape \[6\] must be \[steps, 6\]"),
    ],
)
def test_what_heads_see(latents: tuple[Tensor, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kernels.heads(drawn_heads())(*latents)
    with pytest.raises(ValueError, match=message):
        kernels.loss(*latents, drawn_taken(), COEFFICIENTS, drawn_heads())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"actions": torch.tensor([0, 1, 2, A])}, "actions from 0 to 3 must be from 0 to 2"),
        ({"actions": torch.tensor([0, -1, 2, 0])}, "actions from -1 to 2 must be from 0 to 2"),
        ({"actions": torch.tensor([0, 1, 2])}, r"actions of shape \[3\] must be \[4\]"),
        ({"actions": zeros(N)}, "actions are torch.float32"),
        ({"actions": torch.zeros(N, 1, dtype=torch.int64)}, "actions of shape"),
        ({"old_log_probs": zeros(N - 1)}, r"old_log_probs of shape \[3\] must be \[4\]"),
        ({"advantages": zeros(N, 1)}, r"advantages of shape \[4, 1\] must be \[4\]"),
        ({"returns": zeros(N + 1)}, "returns of shape"),
        ({"old_values": zeros(N).to("meta")}, "old_values on meta must be on cpu"),
        ({"old_values": [0.0] * N}, "old_values of type list must be a torch tensor"),
    ],
)
def test_what_was_taken(change: dict[str, Any], message: str) -> None:
    taken = drawn_taken()._replace(**change)
    with pytest.raises((ValueError, TypeError), match=message):
        kernels.loss(zeros(N, H), zeros(N, X), taken, COEFFICIENTS, drawn_heads())


def test_a_loss_of_nothing_is_refused() -> None:
    nothing = Taken(torch.zeros(0, dtype=torch.int64), *(zeros(0) for _ in range(4)))
    with pytest.raises(ValueError, match="at least one step"):
        kernels.loss(zeros(0, H), zeros(0, X), nothing, COEFFICIENTS, drawn_heads())
    with torch.no_grad():
        actions, values, log_probs = kernels.heads(drawn_heads())(zeros(0, H), zeros(0, X))
    assert (actions.shape, values.shape, log_probs.shape) == ((0,), (0, 1), (0,))
