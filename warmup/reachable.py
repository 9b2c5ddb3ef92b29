"""Reachable multistability: the VAA of states that real inputs lead to."""

from typing import Any

import torch
from torch import Tensor

from .drives import DRIVES
from .layers import Layer, State
from .multistability import vaa
from .networks import Network, find_networks
from .starts import Histories
from .trajectories import Trajectories

_CHUNK = 250  # steps per call of a layer, which bounds the memory


def reachable_vaa(
    target: Any,
    trajectories: Trajectories,
    n_states: int = 200,
    n_steps: int = 10_000,
    seed: int = 0,
    *,
    drive: str = "rollout",
    cut: str = "log_uniform",
    eps: float = 1e-4,
    partial: bool = True,
) -> dict[str, float]:
    """VAA of every recurrent layer after many steps of one constant input.

    The states start where the trajectories, cut at random steps, lead to. All states of a layer are
    driven with the same input: one N(0, I) draw for ``drive="gaussian"``, as in the paper; one that
    the layer reads at a random step of the trajectories for ``drive="rollout"`` and ``"frame"``.

    The number of attractors depends on that input, and some inputs leave only one: compare several
    seeds. States that differ after some hundred steps may still be on their way to the same
    attractor.

    :param target: SB3 model, policy or recurrent network, see :func:`~warmrl.warmup.warm_up`
    :param trajectories: episodes to start from
    :param n_states: states per layer
    :param n_steps: steps of constant input
    :param seed: seed of all that is drawn
    :param drive: where the constant input comes from
    :param cut: where the trajectories are cut
    :param eps: distance below which two states are in the same attractor
    :param partial: whether only the first half of double layers is measured
    :return: VAA by the name of the layer
    :raises ValueError: as :func:`~warmrl.warmup.warm_up`
    :raises TypeError: as there
    """
    networks = find_networks(target, trajectories, partial)
    histories = Histories.of(trajectories, cut)
    return measure(networks, histories, n_states, n_steps, seed, drive, eps)


@torch.no_grad()
def measure(
    networks: list[Network],
    histories: Histories,
    n_states: int,
    n_steps: int,
    seed: int,
    drive: str,
    eps: float,
) -> dict[str, float]:
    """:func:`reachable_vaa` of networks already found."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for network in networks:
        episodes, cuts = histories.draw(n_states, generator)
        states = network.reached(episodes, cuts)
        constants = DRIVES[drive](network, 1, generator)
        for layer, state, constant in zip(network.layers, states, constants, strict=True):
            found[layer.name] = vaa(layer.flat(_hold(layer, state, constant, n_steps)), eps)
    return found


def _hold(layer: Layer, state: State, constant: Tensor, n_steps: int) -> State:
    """The state after ``n_steps`` of one input [1, I]."""
    x = constant[:, None].expand(_CHUNK, state[0].shape[1], -1)
    chunks, rest = divmod(n_steps, _CHUNK)
    for _ in range(chunks):
        before = layer.flat(state)
        _, state = layer.warmed(x, state)
        if torch.equal(before, layer.flat(state)):  # so it is after any number of further chunks
            break
    return layer.warmed(x[:rest], state)[1] if rest else state
