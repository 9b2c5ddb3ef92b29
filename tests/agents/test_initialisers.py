"""The classical initialisation, gate by gate."""

import pytest
import torch

from warmrl.agents.cells import CELLS
from warmrl.agents.layers import RecurrentLayer, RecurrentStack

X, H = 5, 8


@pytest.mark.parametrize("cell", [name for name, cell in CELLS.items() if not cell.cell_state])
def test_every_gate_is_xavier_and_orthogonal_with_zero_bias(cell: str) -> None:
    layer = RecurrentLayer(cell, X, H)
    bound = (6 / (X + H)) ** 0.5
    for name, shape in layer.cell.weight_shapes.items():
        gates = layer.weights()[name].detach().chunk(shape.gates)
        for gate in gates:
            if shape.kind == "input":
                assert gate.shape == (H, X)
                assert 0.5 * bound < gate.abs().max() <= bound
            elif shape.kind == "recurrent":
                torch.testing.assert_close(gate @ gate.T, torch.eye(H), rtol=0, atol=1e-5)
            else:
                assert (gate == (0.0 if name.startswith("bias") else 1.0)).all()
        if shape.kind != "gate":
            assert not any(torch.equal(gates[0], other) for other in gates[1:])


def test_an_lstm_starts_as_torchs_does() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = RecurrentLayer("lstm", X, 64)
    for parameter in layer.parameters():
        assert 0.9 / 8 < parameter.abs().max() <= 1 / 8
        assert abs(parameter.mean()) < 0.02


@pytest.mark.parametrize("double", [False, True])
def test_one_seed_gives_one_network(double: bool) -> None:
    def build(seed: int) -> list[torch.Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return [p.detach() for p in RecurrentStack("gru", X, H, 2, double).parameters()]

    pairs = list(zip(build(0), build(0), build(1), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert any(not torch.equal(a, other) for a, _, other in pairs)
