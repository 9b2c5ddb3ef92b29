"""Histories that lead to the states to be told apart: episodes, each cut at a random step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .cuts import CUTS
from .trajectories import Trajectories

_SPARE = 4  # candidates drawn per history kept, since some are the same


@dataclass(frozen=True, eq=False)
class Histories:
    """A sampler of different histories.

    Two episodes that begin alike are, cut early, one history twice; no network can tell those
    apart, so that only one of them is kept.

    :param cut: name of the law of the cut
    :param lengths: steps of each episode [N]
    :param numbers: which different history the first t + 1 steps of each episode are [T, N]
    """

    cut: str
    lengths: Tensor
    numbers: Tensor

    @classmethod
    def of(cls, trajectories: Trajectories, cut: str) -> "Histories":
        """The histories of some trajectories.

        :raises ValueError: if there are fewer than two different ones
        """
        numbers = _number(trajectories)
        if len(torch.unique(numbers[trajectories.valid])) < 2:
            raise ValueError(
                f"all {trajectories.n_trajectories} trajectories are one and the same input; "
                "there must be at least two different ones to tell apart"
            )
        return cls(cut, trajectories.lengths, numbers)

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw up to ``n`` different histories; fewer only where different ones are rare.

        :return: episodes [B] and steps read of each [B]
        """
        episodes = torch.randint(len(self.lengths), (_SPARE * n,), generator=generator)
        cuts = CUTS[self.cut](self.lengths[episodes], generator)
        _, which = torch.unique(self.numbers[cuts - 1, episodes], return_inverse=True)
        first = torch.full((int(which.max()) + 1,), len(which)).scatter_reduce(
            0, which, torch.arange(len(which)), "amin"
        )
        kept = first.sort().values[:n]
        return episodes[kept], cuts[kept]


def _number(trajectories: Trajectories) -> Tensor:
    """Number the histories [T, N]: the same where lengths and all inputs so far are the same."""
    inputs = trajectories.inputs
    tensors = list(inputs.values()) if isinstance(inputs, dict) else [inputs]
    n_steps, n = trajectories.valid.shape
    numbers = torch.zeros(n_steps, n, dtype=torch.long)
    now = torch.zeros(n, dtype=torch.long)
    for t in range(n_steps):
        if t == 0 or int(now.max()) + 1 < n:  # otherwise all differ, and go on to
            for x in tensors:
                _, seen = torch.unique(x[t].reshape(n, -1), dim=0, return_inverse=True)
                _, now = torch.unique(torch.stack((now, seen)), dim=1, return_inverse=True)
        numbers[t] = now + t * n
    return numbers
