"""Cells: their equations, torch's kernels, and every way of running many steps."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence

from warmrl.agents.cells import CELLS, GRU, LSTM, Cell, find_cell
from warmrl.tests.abstract_classes import check_needed
from warmrl.tests.agents.bare_layer import run, run_packed
from warmrl.tests.reference.cells import STEPS

X, H = 3, 4
every_cell = pytest.mark.parametrize("name", CELLS)
torch_cell = pytest.mark.parametrize(("name", "torch_class"), [("lstm", nn.LSTM), ("gru", nn.GRU)])


def random_weights(cell: type[Cell], seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    columns = {"input": (X,), "recurrent": (H,), "gate": ()}
    return {
        name: torch.randn(
            shape.gates * H, *columns[shape.kind], generator=generator, dtype=torch.float64
        )
        for name, shape in cell.weight_shapes.items()
    }


def randn(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@every_cell
def test_a_step_is_its_equations(name: str) -> None:
    cell = CELLS[name]
    weights, inputs = random_weights(cell), (randn(5, X), randn(5, H), randn(5, H, seed=2))
    x, h, c = inputs
    got = cell.step(weights, cell.project(weights, x), h, c)
    rows = [STEPS[name](weights, *row) for row in zip(*inputs, strict=True)]
    for a, b in zip(got, map(torch.stack, zip(*rows, strict=True)), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)


@every_cell
def test_advancing_is_a_step_from_the_input(name: str) -> None:
    cell = CELLS[name]
    weights, inputs = random_weights(cell), (randn(5, X), randn(5, H), randn(5, H, seed=2))
    want = cell.step(weights, cell.project(weights, inputs[0]), *inputs[1:])
    for a, b in zip(cell.advance(weights, *inputs), want, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", [1, 3, 64])
def test_an_advancing_lstm_rounds_as_its_equations(n: int) -> None:
    weights = {key: weight.float() for key, weight in random_weights(LSTM).items()}
    inputs = [randn(n, size, seed=n).float() for size in (X, H, H)]
    want = LSTM.step(weights, LSTM.project(weights, inputs[0]), *inputs[1:])
    for a, b in zip(LSTM.advance(weights, *inputs), want, strict=True):
        assert torch.equal(a.view(torch.int32), b.view(torch.int32))


@torch_cell
def test_equals_torch_with_the_same_weights(
    name: str, torch_class: type[nn.LSTM] | type[nn.GRU]
) -> None:
    cell = CELLS[name]
    theirs = torch_class(X, H, dtype=torch.float64)
    weights = {
        key: getattr(theirs, f"{key}_l0").detach().clone().requires_grad_()
        for key in cell.weight_shapes
    }
    ours_in = [t.requires_grad_() for t in (randn(6, 5, X), randn(5, H), randn(5, H, seed=2))]
    x, h, c = (t.detach().clone().requires_grad_() for t in ours_in)
    if cell.cell_state:
        want, (want_h, want_c) = theirs(x, (h[None], c[None]))
    else:
        (want, want_h), want_c = theirs(x, h[None]), c[None]
    got = run(cell, [weights], *ours_in)
    for a, b in zip(got, (want, want_h[0], want_c[0]), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)

    probe = [randn(*t.shape, seed=3) for t in got]
    sum((a * p).sum() for a, p in zip(got, probe, strict=True)).backward()  # type: ignore[union-attr]
    sum((a * p).sum() for a, p in zip((want, want_h[0], want_c[0]), probe, strict=True)).backward()
    for a, b in zip(ours_in, (x, h, c), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-12)
    for key, weight in weights.items():
        torch.testing.assert_close(
            weight.grad, getattr(theirs, f"{key}_l0").grad, rtol=0, atol=1e-12
        )


def looped(
    cell: type[Cell], weights: dict[str, Tensor], x: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    outputs = []
    for x_t in x:
        h, c = cell.step(weights, cell.project(weights, x_t), h, c)
        outputs.append(h)
    return torch.stack(outputs), h, c


@every_cell
@pytest.mark.parametrize("steps", [1, 7])
def test_a_sequence_is_looped_steps(name: str, steps: int) -> None:
    cell = CELLS[name]
    weights, inputs = random_weights(cell), (randn(steps, 5, X), randn(5, H), randn(5, H, seed=2))
    want = looped(cell, weights, *inputs)
    for a, b in zip(run(cell, [weights], *inputs), want, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)


@every_cell
def test_a_sequence_of_single_precision_is_looped_steps(name: str) -> None:
    cell = CELLS[name]
    weights = {key: weight.float() for key, weight in random_weights(cell).items()}
    inputs = (randn(9, 5, X).float(), randn(5, H).float(), randn(5, H, seed=2).float())
    with torch.no_grad():
        for a, b in zip(run(cell, [weights], *inputs), looped(cell, weights, *inputs), strict=True):
            assert a.dtype == torch.float32
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


@every_cell
def test_states_given_are_left_as_they_were(name: str) -> None:
    cell = CELLS[name]
    h, c = randn(2, H), randn(2, H, seed=2)
    kept = h.clone(), c.clone()
    _, last_h, last_c = run(cell, [random_weights(cell)], randn(3, 2, X), h, c)
    assert torch.equal(h, kept[0])
    assert torch.equal(c, kept[1])
    assert not torch.equal(last_h, h)
    assert torch.equal(last_c, c) is not cell.cell_state


@every_cell
@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_packed_sequences_are_run_one_by_one(name: str, lengths: list[int]) -> None:
    cell = CELLS[name]
    weights, n = random_weights(cell), len(lengths)
    h, c = randn(n, H), randn(n, H, seed=2)
    sequences = [randn(length, X, seed=10 + i) for i, length in enumerate(lengths)]
    packed = pack_sequence(sequences, enforce_sorted=False)
    out, last_h, last_c = run_packed(cell, [weights], packed, h, c)
    padded, out_lengths = pad_packed_sequence(out)
    assert out_lengths.tolist() == lengths
    for i, x in enumerate(sequences):
        alone, h_i, c_i = looped(cell, weights, x[:, None], h[i, None], c[i, None])
        torch.testing.assert_close(padded[: len(x), i], alone[:, 0], rtol=0, atol=1e-13)
        torch.testing.assert_close(last_h[i], h_i[0], rtol=0, atol=1e-13)
        torch.testing.assert_close(last_c[i], c_i[0], rtol=0, atol=1e-13)


@every_cell
def test_packed_sequences_may_be_sorted_already(name: str) -> None:
    cell = CELLS[name]
    weights, h = random_weights(cell), randn(3, H)
    packed = pack_sequence([randn(n, X, seed=n) for n in (5, 3, 3)], enforce_sorted=True)
    assert packed.sorted_indices is None
    out, last_h, _ = run_packed(cell, [weights], packed, h, h)
    padded, lengths = pad_packed_sequence(out)
    assert lengths.tolist() == [5, 3, 3]
    ends = padded[lengths - 1, torch.arange(3)]
    torch.testing.assert_close(last_h, ends, rtol=0, atol=0)


@every_cell
@pytest.mark.parametrize("packed", [False, True])
def test_gradients_are_those_of_finite_differences(name: str, packed: bool) -> None:
    cell = CELLS[name]
    weights = random_weights(cell)
    names = list(weights)
    sequences = pack_sequence([randn(n, X, seed=n) for n in (1, 3, 2)], enforce_sorted=False)

    def results(x: Tensor, h: Tensor, c: Tensor, *flat: Tensor) -> tuple[Tensor, ...]:
        own = dict(zip(names, flat, strict=True))
        if not packed:
            return run(cell, [own], x, h, c)
        layout = (sequences.batch_sizes, sequences.sorted_indices, sequences.unsorted_indices)
        out, last_h, last_c = run_packed(cell, [own], PackedSequence(x, *layout), h, c)
        return pad_packed_sequence(out)[0], last_h, last_c

    x = sequences.data if packed else randn(3, 3, X)
    inputs = (x, randn(3, H), randn(3, H, seed=2), *weights.values())
    assert torch.autograd.gradcheck(results, [t.requires_grad_() for t in inputs])


def test_a_cell_must_have_its_equations() -> None:
    check_needed(Cell, {"step"})


class Slower(GRU):
    """A GRU whose state moves half as far: other equations than those of its base's kernel."""

    @classmethod
    def step(cls, weights: Any, projected: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        after, c = super().step(weights, projected, h, c)
        return (h + after) / 2, c


def test_a_subclass_runs_its_own_equations() -> None:
    weights, inputs = random_weights(Slower), (randn(3, 5, X), randn(5, H), randn(5, H, seed=2))
    for a, b in zip(run(Slower, [weights], *inputs), looped(Slower, weights, *inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)
    x, h, c = inputs
    want = Slower.step(weights, Slower.project(weights, x[0]), h, c)
    assert torch.equal(Slower.advance(weights, x[0], h, c)[0], want[0])


def test_an_unknown_cell_is_told_what_exists() -> None:
    with pytest.raises(ValueError, match=r"cell='rnn' is unknown.*lstm.*gru") as error:
        find_cell("rnn")
    assert all(name in str(error.value) for name in CELLS)
