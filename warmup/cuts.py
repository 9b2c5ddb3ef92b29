"""At which step an episode is cut; the state there starts the drive."""

from collections.abc import Callable

import torch
from torch import Tensor

Cut = Callable[[Tensor, torch.Generator], Tensor]


def uniform(lengths: Tensor, generator: torch.Generator) -> Tensor:
    """Every step as likely as any other (the paper's).

    :param lengths: steps of each episode [B]
    :return: steps read before the cut [B], each in 1..length
    """
    u = torch.rand(len(lengths), generator=generator, dtype=torch.float64)
    return 1 + (u * lengths).long()


def log_uniform(lengths: Tensor, generator: torch.Generator) -> Tensor:
    """Short prefixes as likely as long ones.

    :param lengths: steps of each episode [B]
    :return: steps read before the cut [B], each in 1..length
    """
    u = torch.rand(len(lengths), generator=generator, dtype=torch.float64)
    return torch.pow(1.0 + lengths, u).long()


CUTS: dict[str, Cut] = {"log_uniform": log_uniform, "uniform": uniform}
