"""Warm-up does what it is for: after it, the cue is still in the state at the end of a corridor."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from warmrl.warmup import Trajectories, WarmupConfig, vaa_star, warm_up
from warmrl.warmup.networks import find_networks
from warmrl.warmup.starts import Histories


def corridor(
    length: int, n: int, seed: int, right: float = 0.5
) -> tuple[Trajectories, NDArray[np.int64]]:
    """Walks of at most 3 L - 1 steps until the junction, and the cue of each, 0 or 1 [N].

    An input is [one-hot action (right, up, left, down), reward, one-hot (cue 0, cue 1, corridor,
    junction)].

    :param length: L
    :param right: probability of a step to the right; the other actions share the rest
    """
    rng = np.random.default_rng(seed)
    probabilities = [right, *[(1 - right) / 3] * 3]
    inputs = np.zeros((3 * length - 1, n, 9), np.float32)
    cues = rng.integers(2, size=n)
    lengths = []
    for i, cue in enumerate(cues):
        x = t = 0
        inputs[0, i, 5 + cue] = 1
        while x < length and t + 1 < len(inputs):
            action = rng.choice(4, p=probabilities)
            moved = min(max(x + {0: 1, 2: -1}.get(action, 0), 0), length)
            t += 1
            inputs[t, i, action] = 1
            inputs[t, i, 4] = -0.1 if moved == x else 0
            x = moved
            inputs[t, i, 5 + (cue if x == 0 else 3 if x == length else 2)] = 1
        lengths.append(t + 1)
    return Trajectories(torch.from_numpy(inputs), torch.tensor(lengths)), cues


def states_at_junction(rnn: nn.Module, length: int, n: int) -> tuple[Tensor, Tensor]:
    """Last states [n, D] and cues, of walks that reach the junction."""
    trajectories, cues = corridor(length, n, seed=77, right=0.8)
    (network,) = find_networks(rnn, trajectories)
    with torch.no_grad():
        states = network.reached(torch.arange(n), trajectories.lengths)
    return network.layers[-1].flat(states[-1]), torch.from_numpy(cues)


def decodability(rnn: nn.Module, length: int) -> float:
    """Accuracy of a linear readout of the cue, fitted on one half of the walks, on the other."""
    states, cues = states_at_junction(rnn, length, 200)
    x = torch.cat((states, torch.ones(len(states), 1)), 1).double()
    y = 2.0 * cues.double() - 1
    gram = x[:100].T @ x[:100] + 1e-6 * torch.eye(x.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, x[:100].T @ y[:100])
    return float(((x[100:] @ weights).sign() == y[100:]).double().mean())


def driven_vaa_star(rnn: nn.Module) -> float:
    """VAA* of states along new walks, after 200 steps of one real stretch."""
    trajectories, _ = corridor(20, 100, seed=5)
    (network,) = find_networks(rnn, trajectories)
    (layer,) = network.layers
    generator = torch.Generator().manual_seed(5)
    episodes, cuts = Histories.of(trajectories, "log_uniform").draw(32, generator)
    (x,) = network.segment(200, generator)
    with torch.no_grad():
        (state,) = network.reached(episodes, cuts)
        _, state = layer.warmed(x[:, None].expand(-1, 32, -1), state)
    return vaa_star(layer.flat(state)).item()


@pytest.mark.parametrize(("cell", "n_steps"), [(nn.LSTM, 150), (nn.GRU, 120)])
def test_the_cue_survives_the_corridor(cell: type[nn.LSTM | nn.GRU], n_steps: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rnn = cell(9, 64)
    assert driven_vaa_star(rnn) < 0.3
    before = decodability(rnn, 30)
    result = warm_up(rnn, corridor(20, 200, seed=0)[0], WarmupConfig(n_steps=n_steps))
    assert driven_vaa_star(rnn) > 0.9
    assert np.mean(result.vaa_star[-10:]) > 0.75
    assert result.mean_vaa_before < 0.1
    assert result.mean_vaa_after > 0.9
    assert decodability(rnn, 30) > max(0.95, before + 0.2)
