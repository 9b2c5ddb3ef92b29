"""Layers seen one at a time, the states that they reach, and the stretches that drive them."""

import itertools
from typing import Any

import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from warmrl.warmup import Trajectories
from warmrl.warmup.drives import DRIVES
from warmrl.warmup.networks import find_networks

NETWORKS = pytest.mark.parametrize(
    ("module", "keywords"),
    [
        (nn.LSTM, {}),
        (nn.GRU, {}),
        (nn.GRU, {"bias": False}),
        (nn.RNN, {"nonlinearity": "relu"}),
        (nn.RNN, {}),
    ],
)


def numbered() -> Trajectories:
    """Input 10 n + t at step t of trajectory n, the lengths being 4, 1, 3."""
    t, n = torch.arange(4.0)[:, None], torch.arange(3.0)
    return Trajectories((10 * n + t)[..., None], torch.tensor([4, 1, 3]))


def noise() -> Trajectories:
    generator = torch.Generator().manual_seed(0)
    return Trajectories(torch.randn(6, 4, 3, generator=generator), torch.tensor([6, 2, 4, 5]))


@NETWORKS
def test_the_state_after_a_cut_is_that_of_the_whole_network(
    module: Any, keywords: dict[str, Any]
) -> None:
    rnn = module(3, 5, num_layers=3, **keywords)
    episodes, cuts = torch.tensor([3, 0, 0]), torch.tensor([2, 6, 1])
    (network,) = find_networks(rnn, noise())
    reached = network.reached(episodes, cuts)
    _, state = rnn(pack_padded_sequence(network.inputs[:, episodes], cuts, enforce_sorted=False))
    h, c = state if isinstance(state, tuple) else (state, torch.zeros_like(state))
    torch.testing.assert_close(torch.cat([h for h, _ in reached]), h)
    torch.testing.assert_close(torch.cat([c for _, c in reached]), c)


@NETWORKS
def test_views_share_parameters_and_draw_nothing(module: Any, keywords: dict[str, Any]) -> None:
    rnn = module(3, 5, num_layers=2, **keywords)
    before = torch.get_rng_state()
    (network,) = find_networks(rnn, noise())
    assert torch.equal(torch.get_rng_state(), before)
    viewed = {id(p) for layer in network.layers for p in layer.warmed.parameters()}
    assert viewed == {id(p) for p in rnn.parameters()}


def test_the_gradient_reaches_back_through_the_whole_prefix() -> None:
    trajectories = noise()
    (network,) = find_networks(nn.GRU(3, 5, num_layers=2), trajectories)
    network.inputs.requires_grad_()
    h, _ = network.reached(torch.tensor([0]), torch.tensor([4]))[1]
    (gradient,) = torch.autograd.grad(h.sum(), network.inputs)
    assert (gradient[:4, 0].abs().sum(-1) > 0).all()
    assert gradient[4:].abs().sum() == 0


@pytest.mark.parametrize("seed", range(20))
def test_a_stretch_is_real_and_goes_on_through_further_episodes(seed: int) -> None:
    (network,) = find_networks(nn.GRU(1, 5), numbered())
    (stretch,) = network.segment(40, torch.Generator().manual_seed(seed))
    assert stretch.shape == (40, 1)
    values = [int(v) for v in stretch.flatten()]
    ends = {3, 10, 22}
    for now, after in itertools.pairwise(values):
        assert after % 10 == 0 if now in ends else after == now + 1
    assert set(values) == {0, 1, 2, 3, 10, 20, 21, 22}


def test_stretches_start_anywhere() -> None:
    (network,) = find_networks(nn.GRU(1, 5), numbered())
    generator = torch.Generator().manual_seed(0)
    starts = [int(network.segment(1, generator)[0]) for _ in range(900)]
    assert set(starts) == {0, 1, 2, 3, 10, 20, 21, 22}
    assert 240 < starts.count(10) < 360  # every episode as often as any other


def test_deeper_layers_read_the_outputs_below() -> None:
    rnn = nn.LSTM(3, 5, num_layers=2)
    inputs = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(0))
    trajectories = Trajectories(inputs, torch.tensor([6, 2, 4, 5]))
    (network,) = find_networks(rnn, trajectories)
    first, second = network.segment(30, torch.Generator().manual_seed(3))
    assert first.shape == (30, 3)
    assert second.shape == (30, 5)
    assert not second.requires_grad
    below = network.layers[0].whole(network.inputs)[0].detach()  # (T, N, 5)
    for x, out in zip(first, second, strict=True):
        t, n = (network.inputs == x).all(-1).nonzero()[0]
        torch.testing.assert_close(out, below[t, n])


def test_gaussian_drive_is_constant_and_differs_between_layers() -> None:
    (network,) = find_networks(
        nn.GRU(5, 5, num_layers=2), Trajectories(torch.zeros(1, 2, 5), torch.ones(2).long())
    )
    first, second = DRIVES["gaussian"](network, 7, torch.Generator().manual_seed(0))
    assert first.shape == second.shape == (7, 5)
    assert torch.equal(first, first[:1].expand(7, 5))
    assert not torch.equal(first, second)


def test_a_frame_is_a_real_input_held_constant() -> None:
    rnn = nn.LSTM(3, 5, num_layers=2)
    trajectories = noise()
    (network,) = find_networks(rnn, trajectories)
    below = network.layers[0].whole(network.inputs)[0].detach()  # (T, N, 5)
    generator = torch.Generator().manual_seed(0)
    shown = set()
    for _ in range(50):
        first, second = DRIVES["frame"](network, 7, generator)
        assert torch.equal(first, first[:1].expand(7, 3))
        assert torch.equal(second, second[:1].expand(7, 5))
        assert not second.requires_grad
        ((t, n),) = (network.inputs == first[0]).all(-1).nonzero().tolist()
        assert t < trajectories.lengths[n]
        torch.testing.assert_close(second[0], below[t, n])
        shown.add((t, n))
    assert len(shown) > 10


def test_a_frame_is_seeded() -> None:
    (network,) = find_networks(nn.GRU(3, 5), noise())

    def frames(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.cat([DRIVES["frame"](network, 2, generator)[0] for _ in range(5)])

    assert torch.equal(frames(0), frames(0))
    assert not torch.equal(frames(0), frames(1))


class Shared(nn.Module):
    """A policy whose actor and critic are one network."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm_actor = self.lstm_critic = nn.GRU(3, 5)
        self.observation_space = spaces.Box(-1, 1, (3,))

    def obs_to_tensor(self, observation: Any) -> tuple[Tensor, bool]:
        return torch.as_tensor(observation), True

    def extract_features(self, observation: Tensor) -> Tensor:
        assert not self.training
        return observation


def test_a_network_shared_by_actor_and_critic_is_found_once() -> None:
    networks = find_networks(Shared(), noise())
    assert [layer.name for network in networks for layer in network.layers] == ["lstm_actor.0"]
    assert isinstance(noise().inputs, Tensor)
    assert torch.equal(networks[0].inputs, noise().inputs)  # type: ignore[arg-type]
