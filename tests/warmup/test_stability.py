"""Local stability: its Jacobians, the radii that it reaches, and what it leaves alone."""

import copy
from typing import Any

import pytest
import torch
from sb3_contrib import RecurrentPPO
from torch import Tensor, nn

from warmrl.agents import CELLS, MlpRnnPolicy
from warmrl.agents.layers import RecurrentStack
from warmrl.envs import make_vec_env
from warmrl.warmup import (
    LocalStabilityConfig,
    LocalStabilityResult,
    Trajectories,
    local_stability,
    random_rollouts,
)
from warmrl.warmup.networks import find_networks
from warmrl.warmup.spectra import largest_gain, spectral_radius
from warmrl.warmup.stability import jacobians

SHORT = LocalStabilityConfig(n_steps=3, batch_size=8, vaa_states=10, vaa_steps=5)
TORCH: list[tuple[type[nn.RNNBase], dict[str, Any]]] = [
    *[(nn.LSTM, {}), (nn.GRU, {}), (nn.GRU, {"bias": False}), (nn.RNN, {})],
    (nn.RNN, {"nonlinearity": "relu"}),
]


def noise() -> Trajectories:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 9, (12,), generator=generator)
    return Trajectories(torch.randn(8, 12, 5, generator=generator), lengths)


def seeded(make: Any, *args: Any, **kwargs: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*args, **kwargs)


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(module.state_dict())


def changed(module: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {k for k, v in module.state_dict().items() if not torch.equal(v, before[k])}


def test_jacobians_of_a_network_that_is_linear() -> None:
    rnn: Any = nn.RNN(2, 3, nonlinearity="relu")
    weight_ih = torch.tensor([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
    weight_hh = torch.tensor([[0.0, -0.5, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.1]])
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(weight_ih)
        rnn.weight_hh_l0.copy_(weight_hh)
        rnn.bias_ih_l0.fill_(100.0)  # so that no unit is cut off
    inputs = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(0))
    trajectories = Trajectories(inputs, torch.full((3,), 4))
    (network,) = find_networks(rnn, trajectories)
    ((x, state),) = network.last_steps(torch.arange(3), torch.tensor([1, 2, 4]))
    of_input, of_state = jacobians(network.layers[0], x, state)
    assert torch.equal(of_input, weight_ih.expand(3, 3, 2))
    assert torch.equal(of_state, weight_hh.expand(3, 3, 3))
    torch.testing.assert_close(largest_gain(of_input), torch.full((3,), 4.0))
    # a quarter turn, shrinking by half
    torch.testing.assert_close(spectral_radius(of_state), torch.full((3,), 0.5), rtol=1e-3, atol=0)


@pytest.mark.parametrize(("module", "keywords"), TORCH)
def test_torch_steps_are_those_of_the_network(module: Any, keywords: dict[str, Any]) -> None:
    (network,) = find_networks(seeded(module, 5, 4, num_layers=2, **keywords), noise())
    episodes = torch.tensor([0, 3, 7])
    cuts = network.lengths[episodes]
    after = network.reached(episodes, cuts)
    for layer, (x, (h, c)), state in zip(
        network.layers, network.last_steps(episodes, cuts), after, strict=True
    ):
        stepped: Any = layer.warmed
        h, c = stepped.step(x, (h[0], c[0]))
        torch.testing.assert_close(layer.flat((h[None], c[None])), layer.flat(state))


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_jacobians_of_every_cell(cell: str) -> None:
    stack = seeded(RecurrentStack, cell, 5, 6, num_layers=2, double=True).double()
    (network,) = find_networks(stack, noise())
    episodes, cuts = torch.tensor([0, 3]), torch.tensor([1, 3])
    for layer, (x, state) in zip(network.layers, network.last_steps(episodes, cuts), strict=True):
        of_input, of_state = jacobians(layer, x, state)
        reached = layer.flat(state)
        for i in range(reached.shape[1]):
            nudge = torch.zeros_like(reached)
            nudge[:, i] = 1e-6
            ends = []
            for flat in (reached + nudge, reached - nudge):
                h, c = flat[None, :, :3], flat[None, :, 3:]
                c = c if layer.cell_state else torch.zeros_like(h)
                ends.append(layer.flat(layer.warmed(x[None], (h, c))[1]))
            torch.testing.assert_close(of_state[..., i], (ends[0] - ends[1]) / 2e-6)
        for i in range(x.shape[1]):
            nudge = torch.zeros_like(x)
            nudge[:, i] = 1e-6
            up, down = (layer.warmed(near[None], state)[0][0] for near in (x + nudge, x - nudge))
            torch.testing.assert_close(of_input[..., i], (up - down) / 2e-6)


@pytest.mark.parametrize(
    ("cell", "radius"), [("gru", 1.0), ("lstm", 1.0), *((cell, 0.5) for cell in sorted(CELLS))]
)
def test_every_cell_reaches_its_radii(cell: str, radius: float) -> None:
    stack = seeded(RecurrentStack, cell, 5, 16, double=True)
    config = LocalStabilityConfig(
        n_steps=100,
        learning_rate=5e-2,
        anneal=True,
        batch_size=16,
        vaa_steps=1,
        time_radius=radius,
        depth_radius=radius,
    )
    result = local_stability(stack, noise(), config)
    assert result.loss[0] > 0.02
    assert result.loss[-1] < 0.01
    assert result.time_radius[-1] == pytest.approx(radius, abs=0.07)
    assert result.depth_radius[-1] == pytest.approx(radius, abs=0.07)


@pytest.mark.parametrize(("module", "keywords"), TORCH[:-1])  # a bias moves no slope of a ReLU
def test_torch_networks(module: Any, keywords: dict[str, Any]) -> None:
    rnn = seeded(module, 5, 8, num_layers=2, **keywords).eval()
    before = snapshot(rnn)
    calls: list[tuple[int, float]] = []
    result = local_stability(rnn, noise(), SHORT, lambda *call: calls.append(call))
    assert changed(rnn, before) == set(before)
    assert not rnn.training
    assert all(p.grad is None for p in rnn.parameters())
    assert list(result.vaa_before) == list(result.vaa_after) == ["rnn.0", "rnn.1"]
    assert calls == list(enumerate(result.time_radius, start=1))
    assert len(result.loss) == len(result.depth_radius) == 3


@pytest.mark.parametrize("partial", [True, False])
def test_only_recurrent_parameters_of_a_policy_change(partial: bool) -> None:
    env = make_vec_env("warmrl/TMaze-v0", 8, seed=0, length=5)
    kwargs = {"cell": "gru", "lstm_hidden_size": 8, "n_lstm_layers": 2}
    agent = RecurrentPPO(MlpRnnPolicy, env, seed=0, device="cpu", policy_kwargs=kwargs)
    before = snapshot(agent.policy)
    random_state = torch.get_rng_state()
    config = LocalStabilityConfig(n_steps=2, batch_size=8, vaa_steps=5, partial=partial)
    local_stability(agent, random_rollouts(env, 16, seed=0), config)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert changed(agent.policy, before) == {
        k for k in before if ".warm." in k or (".cold." in k and not partial)
    }


def test_same_seed_same_bits() -> None:
    def run(seed: int) -> tuple[LocalStabilityResult, Tensor]:
        rnn = seeded(nn.LSTM, 5, 8)
        config = LocalStabilityConfig(
            n_steps=3, batch_size=8, vaa_states=10, vaa_steps=5, seed=seed
        )
        return local_stability(rnn, noise(), config), nn.utils.parameters_to_vector(
            rnn.parameters()
        )

    first, weights = run(0)
    torch.manual_seed(99)
    again, weights_again = run(0)
    assert first == again
    assert torch.equal(weights, weights_again)
    assert run(1)[0] != first


def test_divergence_is_an_error_and_restores_the_parameters() -> None:
    rnn = seeded(nn.RNN, 5, 8, nonlinearity="relu")
    before = snapshot(rnn)
    config = LocalStabilityConfig(n_steps=20, batch_size=8, learning_rate=1e30, vaa_steps=1)
    with pytest.raises(FloatingPointError, match=r"local_stability: .*learning_rate=1e\+28"):
        local_stability(rnn, noise(), config)
    assert changed(rnn, before) == set()


def test_radii_are_those_of_the_attempt_that_went_through() -> None:
    rnn = seeded(nn.RNN, 5, 8, nonlinearity="relu")
    config = LocalStabilityConfig(n_steps=20, batch_size=8, learning_rate=1e4, vaa_steps=1)
    result = local_stability(rnn, noise(), config)
    assert result.learning_rate == 1e3
    assert len(result.time_radius) == len(result.depth_radius) == result.n_steps == 20


class Stepless(nn.Module):
    """A layer that can only be called."""

    cell_state = False
    input_size = 5

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 4)

    def forward(self, x: Any, state: Any = None) -> Any:
        out, h = self.gru(x, None if state is None else state[0])
        return out, (h, torch.zeros_like(h))


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Stepless()])


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (nn.Linear(5, 5), TypeError, "policy Linear has no recurrent layer"),
        (Stack(), TypeError, r"local_stability: rnn.0 is a Stepless without `step`; it must"),
        (nn.GRU(7, 8), ValueError, r"shape \(5,\); rnn reads inputs of width 7"),
        (nn.GRU(5, 8, bidirectional=True), ValueError, "must have bidirectional=False"),
        (nn.GRU(5, 8).requires_grad_(False), ValueError, "local_stability needs at least one"),
    ],
)
def test_rejects(target: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        local_stability(target, noise(), SHORT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"time_radius": 0.0}, "time_radius=0.0 must be a positive number"),
        ({"depth_radius": float("nan")}, "depth_radius=nan must be a positive number"),
        ({"n_steps": 0}, "n_steps=0 must be at least 1"),
        ({"cut": "middle"}, "cut='middle' must be one of log_uniform, uniform"),
    ],
)
def test_rejects_settings(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LocalStabilityConfig(**keywords)
