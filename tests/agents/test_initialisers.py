"""Initial weights, by name."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from warmrl.agents import CELLS, INITIALISERS
from warmrl.agents.initialisers import find_initialiser
from warmrl.agents.layers import RecurrentLayer, RecurrentStack

X, H = 5, 8
WITH_CANDIDATE = [name for name, cell in CELLS.items() if cell.candidate is not None]


def layer(cell: str, init: str = "default", width: int = H, **options: Any) -> RecurrentLayer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return RecurrentLayer(cell, X, width, partial(find_initialiser(init, **options), **options))


def gates(of: RecurrentLayer, name: str) -> tuple[Tensor, ...]:
    return of.weights()[name].detach().chunk(of.cell.weight_shapes[name].gates)


@pytest.mark.parametrize("init", ["default", "orthogonal"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_gate_is_xavier_and_orthogonal_with_zero_bias(cell: str, init: str) -> None:
    if init == "default" and CELLS[cell].cell_state:
        init = "orthogonal"
    ours = layer(cell, init)
    bound = (6 / (X + H)) ** 0.5
    for name, shape in ours.cell.weight_shapes.items():
        blocks = gates(ours, name)
        for gate in blocks:
            if shape.kind == "input":
                assert gate.shape == (H, X)
                assert 0.5 * bound < gate.abs().max() <= bound
            elif shape.kind == "recurrent":
                torch.testing.assert_close(gate @ gate.T, torch.eye(H), rtol=0, atol=1e-5)
            else:
                assert (gate == (0.0 if name.startswith("bias") else 1.0)).all()
        if shape.kind != "gate":
            assert not any(torch.equal(blocks[0], other) for other in blocks[1:])


@pytest.mark.parametrize("init", ["default", "uniform"])
def test_an_lstm_starts_as_torchs_does(init: str) -> None:
    for parameter in layer("lstm", init, width=64).parameters():
        assert 0.9 / 8 < parameter.abs().max() <= 1 / 8
        assert abs(parameter.mean()) < 0.02


@pytest.mark.parametrize("cell", WITH_CANDIDATE)
def test_a_chain_passes_an_impulse_on(cell: str) -> None:
    ours = layer(cell, "chain")
    recurrent = gates(ours, "weight_hh")[ours.cell.candidate or 0]
    impulse = torch.eye(H)[0]
    for position in range(1, H):
        impulse = recurrent @ impulse
        torch.testing.assert_close(impulse, 1.02**position * torch.eye(H)[position])
    assert not (recurrent @ impulse).any()
    inputs = gates(ours, "weight_ih")[ours.cell.candidate or 0]
    assert torch.equal(inputs, torch.cat((0.9 * torch.eye(X), torch.zeros(H - X, X))))


@pytest.mark.parametrize("cell", WITH_CANDIDATE)
@pytest.mark.parametrize("init", ["chain", "identity"])
def test_the_other_gates_are_the_default(cell: str, init: str) -> None:
    ours, usual = layer(cell, init), layer(cell)
    for i, (gate, other) in enumerate(
        zip(gates(ours, "weight_hh"), gates(usual, "weight_hh"), strict=True)
    ):
        assert torch.equal(gate, other) == (i != ours.cell.candidate)


def test_feedback_and_gain() -> None:
    expected = torch.full((H - 1,), 0.99).diag(-1) + torch.full((H - 1,), 0.04).diag(1)
    assert torch.equal(gates(layer("gru", "fbchain"), "weight_hh")[2], expected)
    assert torch.equal(
        gates(layer("gru", "identity", gain=0.5), "weight_hh")[2], 0.5 * torch.eye(H)
    )


def test_a_mixed_lstm() -> None:
    write, forget, candidate, read = gates(layer("lstm", "mixed"), "weight_hh")
    assert torch.equal(candidate, gates(layer("lstm", "chain"), "weight_hh")[2])
    assert torch.equal(write, forget)
    assert torch.equal(write, read)
    for offset in range(1 - H, H):
        diagonal = write.diagonal(offset)
        torch.testing.assert_close(diagonal, torch.full_like(diagonal, -0.01 * offset / (H - 1)))


def test_a_chrono_lstm_spreads_its_time_constants() -> None:
    ours = layer("lstm", "chrono", width=1000, t_max=100)
    write, forget, candidate, read = gates(ours, "bias_ih")
    times = forget.exp()
    assert times.min() >= 1
    assert 90 < times.max() <= 99
    assert math.isclose(times.mean(), 50, abs_tol=3)
    assert torch.equal(write, -forget)
    assert not any(part.any() for part in (candidate, read, ours.weights()["bias_hh"]))


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("init", INITIALISERS)
def test_one_seed_gives_one_network(double: bool, init: str) -> None:
    def build(seed: int) -> list[Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            stack = RecurrentStack("lstm", X, H, 2, double, INITIALISERS[init])
            return [p.detach() for p in stack.parameters()]

    pairs = list(zip(build(0), build(0), build(1), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert any(not torch.equal(a, other) for a, _, other in pairs)


@pytest.mark.parametrize(
    ("cell", "init", "options", "message"),
    [
        ("gru", "xavier", {}, "init='xavier' is unknown; it must be one of default, uniform"),
        ("gru", "default", {"gain": 1}, "init='default': unknown option 'gain'; it has no options"),
        ("gru", "identity", {"scale": 1}, "unknown option 'scale'; it has gain"),
        ("brc", "chain", {}, "init='chain' is not defined for cell='brc', whose candidate"),
        ("nbrc", "identity", {}, "init='identity' is not defined for cell='nbrc'"),
        ("gru", "mixed", {}, "init='mixed' is defined for cell='lstm' only, not for 'gru'"),
        ("mgu", "chrono", {}, "init='chrono' is defined for cell='lstm' only, not for 'mgu'"),
        ("lstm", "chrono", {"t_max": 2}, "t_max=2 must be above 2"),
    ],
)
def test_rejects(cell: str, init: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer(cell, init, **options)
