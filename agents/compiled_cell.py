"""Cells whose compiled loop takes inputs that are projected already."""

from abc import abstractmethod

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from .cells import Cell, Weights
from .compiled import can_run_compiled


class CompiledCell(Cell):
    """A cell without a cell state that runs its own loop over all sequences on a CPU."""

    @staticmethod
    @abstractmethod
    def compiled_loop(
        projected: Tensor, h: Tensor, weight_hh: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor]:
        """Steps in the packed layout of :mod:`~warmrl.agents.time_steps`.

        :param projected: result of :meth:`project` [sum of sizes, gates * H]
        :return: states after each step [sum of sizes, H] and each sequence's last one [N, H]
        """

    @staticmethod
    def compiled(x: Tensor | PackedSequence) -> bool:
        """All sequences on a CPU; see :meth:`Cell.compiled`."""
        return can_run_compiled(x)

    @classmethod
    def loop(
        cls, weights: Weights, x: Tensor, h: Tensor, c: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """A compiled loop where there can be one; see :meth:`Cell.loop`."""
        if not cls.compiled(x):
            return super().loop(weights, x, h, c, sizes)
        return *cls.compiled_loop(cls.project(weights, x), h, weights["weight_hh"], sizes), c
