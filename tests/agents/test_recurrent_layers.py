"""Layers and stacks against torch's, and double layers against their two halves."""

from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from warmrl.agents.cells import CELLS
from warmrl.agents.layers import DoubleLayer, RecurrentLayer, RecurrentStack, State

T, N, X = 6, 5, 3
every_cell = pytest.mark.parametrize("cell", CELLS)


def randn(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def halves(layer: DoubleLayer, state: State, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The two halves run apart, their results put side by side."""
    width = layer.warm.hidden_size
    h, c = state
    warm_out, warm_state = layer.warm(x, (h[..., :width], c[..., :width]))
    cold_out, cold_state = layer.cold(x, (h[..., width:], c[..., width:]))
    pairs = ((warm_out, cold_out), *zip(warm_state, cold_state, strict=True))
    out, last_h, last_c = (torch.cat(cast(tuple[Tensor, Tensor], pair), -1) for pair in pairs)
    return out, last_h, last_c


def gradients(module: nn.Module, results: tuple[Tensor, ...], *inputs: Tensor) -> list[Tensor]:
    loss = torch.stack([(r * randn(*r.shape, seed=9)).sum() for r in results]).sum()
    return list(torch.autograd.grad(loss, [*inputs, *module.parameters()]))


@every_cell
@pytest.mark.parametrize("hidden", [2, 5, 8])
def test_a_double_layer_is_two_layers_side_by_side(
    cell: str, hidden: int, randomise: Callable[..., None]
) -> None:
    layer = DoubleLayer(cell, X, hidden).double()
    randomise(layer)
    assert (layer.warm.hidden_size, layer.cold.hidden_size) == (hidden // 2, -(-hidden // 2))
    x, h, c = (
        t.requires_grad_() for t in (randn(T, N, X), randn(1, N, hidden), randn(1, N, hidden))
    )
    out, state = layer(x, (h, c))
    want = halves(layer, (h, c), x)
    got = (cast(Tensor, out), *state)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)
    for a, b in zip(gradients(layer, got, x, h), gradients(layer, want, x, h), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


@every_cell
def test_a_double_layer_runs_packed_sequences(cell: str, randomise: Callable[..., None]) -> None:
    layer = DoubleLayer(cell, X, 5).double()
    randomise(layer)
    sequences = [randn(n, X, seed=n) for n in (2, 6, 1, 3)]
    out, (h, _) = layer(pack_sequence(sequences, enforce_sorted=False))
    padded, _ = pad_packed_sequence(out)
    for i, x in enumerate(sequences):
        zeros = x.new_zeros(1, 1, 5)
        alone, alone_h, _ = halves(layer, (zeros, zeros), x[:, None])
        torch.testing.assert_close(padded[: len(x), i], alone[:, 0], rtol=0, atol=1e-13)
        torch.testing.assert_close(h[0, i], alone_h[0, 0], rtol=0, atol=1e-13)


@every_cell
def test_the_cold_half_never_hears_the_warm_one(cell: str, randomise: Callable[..., None]) -> None:
    layer = DoubleLayer(cell, X, 4).double()
    x = randn(T, N, X)
    before = cast(Tensor, layer(x)[0]).detach()
    randomise(layer.warm, seed=3)
    after = cast(Tensor, layer(x)[0]).detach()
    assert torch.equal(before[..., 2:], after[..., 2:])
    assert not torch.equal(before[..., :2], after[..., :2])


@pytest.mark.parametrize(("cell", "torch_class"), [("lstm", nn.LSTM), ("gru", nn.GRU)])
@pytest.mark.parametrize("packed", [False, True])
def test_a_stack_is_torchs_with_as_many_layers(
    cell: str,
    torch_class: type[nn.LSTM] | type[nn.GRU],
    packed: bool,
    randomise: Callable[..., None],
) -> None:
    stack = RecurrentStack(cell, X, 4, num_layers=3).double()
    randomise(stack)
    theirs = torch_class(X, 4, num_layers=3, dtype=torch.float64)
    theirs.load_state_dict(
        {
            f"{name}_l{depth}": weight
            for depth, layer in enumerate(stack.layers)
            for name, weight in layer.weights().items()
        }
    )
    h, c = randn(3, N, 4), randn(3, N, 4, seed=2)
    x = randn(T, N, X)
    given = pack_sequence([x[: n + 1, n] for n in range(N)], enforce_sorted=False) if packed else x
    out, (last_h, last_c) = stack(given, (h, c))
    if cell == "lstm":
        want, (want_h, want_c) = theirs(given, (h, c))
    else:
        (want, want_h), want_c = theirs(given, h), c
    if packed:
        out, want = (pad_packed_sequence(sequences)[0] for sequences in (out, want))
    got, wanted = (out, last_h, last_c), (want, want_h, want_c)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)
    for name, grad in zip(
        dict(stack.named_parameters()), gradients(stack, (out, last_h)), strict=True
    ):
        _, depth, kind = name.split(".")
        (theirs_grad,) = torch.autograd.grad(
            sum((r * randn(*r.shape, seed=9)).sum() for r in (want, want_h)),
            getattr(theirs, f"{kind}_l{depth}"),
            retain_graph=True,
        )
        torch.testing.assert_close(grad, theirs_grad, rtol=0, atol=1e-11)


@every_cell
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_states_have_the_shape_of_torchs(cell: str, double: bool, layers: int) -> None:
    stack = RecurrentStack(cell, X, 4, layers, double)
    assert (stack.input_size, stack.hidden_size, stack.num_layers) == (X, 4, layers)
    x = randn(T, N, X).float()
    out, (h, c) = stack(x)
    assert cast(Tensor, out).shape == (T, N, 4)
    assert h.shape == c.shape == (layers, N, 4)
    assert torch.equal(cast(Tensor, out)[-1], h[-1])
    zeros = torch.zeros(layers, N, 4)
    assert torch.equal(cast(Tensor, stack(x, (zeros, zeros))[0]), cast(Tensor, out))


@every_cell
@pytest.mark.parametrize("double", [False, True])
def test_a_sequence_can_be_run_in_two_parts(cell: str, double: bool) -> None:
    stack = RecurrentStack(cell, X, 4, 2, double).double()
    x = randn(T, N, X)
    whole, last = stack(x)
    first, between = stack(x[:2])
    second, end = stack(x[2:], between)
    joined = torch.cat((cast(Tensor, first), cast(Tensor, second)))
    torch.testing.assert_close(joined, whole, rtol=0, atol=1e-14)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-14)


def test_sizes_that_make_no_layer_are_refused() -> None:
    with pytest.raises(ValueError, match="hidden_size=0 must be at least 1"):
        RecurrentLayer("gru", 3, 0)
    with pytest.raises(ValueError, match="input_size=0 must be at least 1"):
        RecurrentLayer("gru", 0, 3)
    with pytest.raises(ValueError, match="hidden_size=1 must be at least 2 for a double layer"):
        DoubleLayer("gru", 3, 1)
    with pytest.raises(ValueError, match="num_layers=0 must be at least 1"):
        RecurrentStack("gru", 3, 4, 0)
    with pytest.raises(ValueError, match="cell='elman' is unknown"):
        RecurrentStack("elman", 3, 4)
