"""What every state of a batch is driven with, to see which of them stay apart."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from .networks import Network


class Drive(Protocol):
    """Draws one input sequence for every layer of a network."""

    def __call__(self, network: Network, n_steps: int, generator: torch.Generator) -> list[Tensor]:
        """Draw.

        :param network: the network to be driven
        :param n_steps: steps of the drive
        :param generator: source of all randomness, on the CPU
        :return: for every layer [n_steps, I], on the device of the network, without gradient
        """
        ...


DRIVES: dict[str, Drive] = {}
CONSTANT_DRIVES: set[str] = set()
Registration: TypeAlias = Callable[[Drive], Drive]


def register_drive(name: str, constant: bool = False) -> Registration:
    """Make a drive available as ``WarmupConfig(drive=name)``.

    :param name: its name
    :param constant: whether its input is the same at every step, so that states can come to rest
    """

    def register(drive: Drive) -> Drive:
        DRIVES[name] = drive
        if constant:
            CONSTANT_DRIVES.add(name)
        return drive

    return register


@register_drive("gaussian", constant=True)
def gaussian(network: Network, n_steps: int, generator: torch.Generator) -> list[Tensor]:
    """One N(0, I) input, constant over all steps (Lambrechts et al. 2023, algorithm 1)."""
    inputs = (torch.randn(layer.input_size, generator=generator) for layer in network.layers)
    return [x.to(network.inputs).expand(n_steps, -1) for x in inputs]


@register_drive("rollout")
def rollout(network: Network, n_steps: int, generator: torch.Generator) -> list[Tensor]:
    """What each layer really reads during a random stretch of the trajectories."""
    return network.segment(n_steps, generator)


@register_drive("frame", constant=True)
def frame(network: Network, n_steps: int, generator: torch.Generator) -> list[Tensor]:
    """What each layer reads at one random step of the trajectories, held constant.

    The paper's constant input, but a real one: under it a cell that merely counts saturates, and
    only attractors keep states apart.
    """
    return [x.expand(n_steps, -1) for x in network.segment(1, generator)]
