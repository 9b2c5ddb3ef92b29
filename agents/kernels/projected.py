"""Cells whose compiled loop takes inputs that are projected already."""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from ..cells import Cell, Parts
from .numba_math import can_run_compiled


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
        cls, parts: Parts, x: Tensor, h: Tensor, c: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """A compiled loop for each part where there can be one; see :meth:`Cell.loop`."""
        if not cls.compiled(x):
            return super().loop(parts, x, h, c, sizes)
        own = h.split_with_sizes([cls.width(weights) for weights in parts], dim=-1)
        results = [
            cls.compiled_loop(cls.project(weights, x), state, weights["weight_hh"], sizes)
            for weights, state in zip(parts, own, strict=True)
        ]
        out, last = (torch.cat(of_parts, dim=-1) for of_parts in zip(*results, strict=True))
        return out, last, c
