"""Only states that come to rest under a constant input are attractors worth having."""

import pytest
import torch
from torch import nn

from warmrl.warmup import Trajectories, WarmupConfig, warm_up
from warmrl.warmup.networks import find_networks
from warmrl.warmup.procedure import _drive_batch
from warmrl.warmup.starts import Histories


def trajectories() -> Trajectories:
    generator = torch.Generator().manual_seed(0)
    return Trajectories(torch.randn(6, 40, 1, generator=generator), torch.full((40,), 6))


def motion(rnn: nn.RNN, config: WarmupConfig) -> float:
    networks = find_networks(rnn, trajectories(), True)
    histories = Histories.of(trajectories(), config.cut)
    generator = torch.Generator().manual_seed(3)
    _, motions = _drive_batch(networks, histories, 30, config, generator)
    return motions.item()


@pytest.mark.parametrize("config", [WarmupConfig(settle=0.0), WarmupConfig(drive="rollout")])
def test_motion_counts_only_where_it_is_asked_for(config: WarmupConfig) -> None:
    torch.manual_seed(0)
    rnn = nn.RNN(1, 4)
    assert motion(rnn, config) == 0.0
    for drive in ("frame", "gaussian"):
        assert motion(rnn, WarmupConfig(drive=drive)) > 0.0


def test_the_motion_is_that_of_the_second_half() -> None:
    torch.manual_seed(0)
    rnn: nn.GRU = nn.GRU(1, 3)
    config = WarmupConfig(batch_size=40, cut="uniform")
    networks = find_networks(rnn, trajectories(), True)
    histories = Histories.of(trajectories(), config.cut)
    _, motions = _drive_batch(networks, histories, 9, config, torch.Generator().manual_seed(1))

    generator = torch.Generator().manual_seed(1)
    episodes, cuts = histories.draw(config.batch_size, generator)
    n_steps = int(torch.randint(1, 11, (), generator=generator))
    assert n_steps > 2
    (state,) = networks[0].reached(episodes, cuts)
    (frame,) = networks[0].segment(1, generator)
    states = []
    h = state[0]
    for _ in range(n_steps):
        _, h = rnn(frame[:, None].expand(1, len(episodes), 1), h)
        states.append(h)
    midway = states[n_steps - n_steps // 2 - 1]
    expected = (states[-1].tanh() - midway.tanh()).square().mean()
    torch.testing.assert_close(motions[0], expected)


def test_a_warm_up_that_must_settle_moves_less() -> None:
    moved = []
    for settle in (0.0, 10.0):
        torch.manual_seed(1)
        rnn = nn.RNN(1, 16)
        with torch.no_grad():
            dict(rnn.named_parameters())["weight_hh_l0"].mul_(3.0)  # chaotic
        warm_up(rnn, trajectories(), WarmupConfig(n_steps=60, settle=settle, vaa_steps=1))
        moved.append(motion(rnn, WarmupConfig()))
    assert moved[1] < moved[0] / 2
