"""Stretching: to learn to act in longer waits, and after them, as in those that there were."""

from collections.abc import Callable

import torch
from torch import Tensor

from .consolidation_config import ConsolidationConfig
from .longer_waits import LongerWaits
from .rounds import Rounds

MOST = 50.0  # how much of a change counts: as if one action had become a thousand times rarer
LONGER = 2  # times, from one length of waits to the next


class Stretching:
    """Rounds of a descent on what an agent does in longer waits.

    :param longer: episodes whose waits are made longer
    :param rounds: descends
    :param config: settings
    :param generator: draws how much longer waits are, and which
    """

    def __init__(
        self,
        longer: LongerWaits,
        rounds: Rounds,
        config: ConsolidationConfig,
        generator: torch.Generator,
    ) -> None:
        self._longer = longer
        self._rounds = rounds
        self._config = config
        self._generator = generator
        self._left = config.n_stretch_rounds

    def run(self, reach: int, anchor: Callable[[], Tensor]) -> bool:
        """Stretch farther and farther, unless nothing is lost anyway or no rounds are left.

        :param reach: by how many steps waits are longer at first
        :param anchor: what is added to the loss of every step
        :return: whether there was anything to learn
        """
        learned = False
        while self._left > 0 and len(self._longer.which) > 0:
            if not self._keeps(reach):
                self._rounds.run(lambda: anchor() + self.loss(reach), steady=True)  # noqa: B023
                self._left -= 1
                learned = True
            elif reach < self._config.stretch_steps:
                reach = min(LONGER * reach, self._config.stretch_steps)
            else:
                break
        return learned

    def loss(self, reach: int) -> Tensor:
        """Mean change of what is done in some of the waits, longer by at most twice as much.

        :param reach: by how many steps
        """
        u = float(torch.rand((), generator=self._generator))
        n_all, n = len(self._longer.which), self._config.batch_size
        drawn = torch.randperm(n_all, generator=self._generator)[:n]
        changed = self._longer.changes(int((2 * reach + 1) ** u), drawn)
        return self._config.rehearsal * changed.clamp(max=MOST).mean()

    @torch.no_grad()
    def _keeps(self, reach: int) -> bool:
        """Whether almost all is done as before if waits are longer, by up to so much."""
        config = self._config
        lost = torch.zeros(len(self._longer.which), dtype=torch.bool)
        for n_more in doubled(config.flow_steps, reach):
            lost |= self._longer.changes(n_more).cpu() > config.max_change
        return lost.float().mean().item() <= config.max_lost


def doubled(first: int, last: int) -> list[int]:
    """Lengths of which each is twice the one before, and a last.

    What is lost may be found again: an agent that counts can be right after 25 steps more and after
    400, and wrong in between.
    """
    lengths = list[int]()
    while first < last:
        lengths.append(first)
        first *= LONGER
    return [*lengths, last]
