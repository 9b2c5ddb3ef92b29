"""VAA of networks whose attractors are known."""

from inspect import signature

import pytest
import torch
from torch import nn

from warmrl.warmup import Trajectories, reachable_vaa


def line(n: int = 16) -> Trajectories:
    """One step each, with inputs spread evenly over -1..1 and without 0."""
    inputs = torch.linspace(-1, 1, n)[None, :, None]
    return Trajectories(inputs, torch.ones(n, dtype=torch.long))


def unit(recurrent: float, read: float, nonlinearity: str = "tanh") -> nn.RNN:
    rnn = nn.RNN(1, 1, bias=False, nonlinearity=nonlinearity)
    rnn.load_state_dict(
        {"weight_hh_l0": torch.tensor([[recurrent]]), "weight_ih_l0": torch.tensor([[read]])}
    )
    return rnn


def test_a_contraction_has_one_attractor() -> None:
    assert reachable_vaa(unit(0.5, 1.0), line(), n_states=16) == {"rnn.0": pytest.approx(1 / 16)}


def test_a_bistable_unit_has_two() -> None:
    # tanh(3 h) is stable at +-0.995 and stays bistable under inputs of size at most 0.1.
    n = 16
    (value,) = reachable_vaa(unit(3.0, 0.1), line(n), n_states=400).values()
    assert value == pytest.approx(2 / n)  # 8 states in each


def test_an_integrator_without_input_keeps_all_apart() -> None:
    trajectories = line(16)
    identity = unit(1.0, 1.0, "relu")
    assert reachable_vaa(identity, trajectories, n_states=400, n_steps=999) == {
        "rnn.0": pytest.approx((8 + 1) / 16)  # relu sends the 8 negative inputs to 0
    }


def test_more_steps_than_one_call() -> None:
    slow = unit(0.999, 0.01)
    values = [reachable_vaa(slow, line(), n_steps=n)["rnn.0"] for n in (1, 600, 20_000)]
    assert values[0] == 1.0
    assert values[2] == pytest.approx(1 / 16)
    assert values == sorted(values, reverse=True)


def test_attractors_are_looked_for_as_long_as_published() -> None:
    assert signature(reachable_vaa).parameters["n_steps"].default == 10_000


def test_same_seed_same_value() -> None:
    torch.manual_seed(0)
    rnn = nn.GRU(1, 8)
    assert reachable_vaa(rnn, line(), n_steps=20, seed=4) == reachable_vaa(
        rnn, line(), n_steps=20, seed=4
    )
