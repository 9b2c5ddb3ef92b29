"""Recurrent cells: each is its equations for one step and the shapes of its weights.

A cell owns no parameters. :class:`~warmrl.agents.layers.RecurrentLayer` holds them, and hands them
over as a mapping, so that the two halves of a double layer can be joined into one product. Time
loops over these equations are in :mod:`~warmrl.agents.kernels`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Mapping[str, Tensor]
Step = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]  # (x, h, c) -> (h, c)


class WeightShape(NamedTuple):
    """How a weight grows with the layer: ``input`` [gates * H, I], ``recurrent`` [gates * H, H] or
    ``gate`` [gates * H] (a bias, or a recurrent weight of each unit on itself).
    """

    kind: Literal["input", "recurrent", "gate"]
    gates: int


class Cell(ABC):
    """One step of a recurrence ``(x, h, c) -> (h, c)``, batched over N sequences."""

    weight_shapes: ClassVar[dict[str, WeightShape]]
    cell_state: ClassVar[bool] = False  # whether c is used; otherwise it is passed on untouched
    candidate: ClassVar[int | None] = None  # which gate is a candidate state with a full matrix

    kernel: ClassVar[str | None] = None  # compiled time loop of these very equations, if any
    kernel_from: ClassVar[int] = 0  # sequences from which on it outruns torch's, without a gradient

    def __init_subclass__(cls, **kwargs: object) -> None:
        """A subclass may have other equations, so that it does not inherit a kernel."""
        super().__init_subclass__(**kwargs)
        if "kernel" not in cls.__dict__:
            cls.kernel = None

    @staticmethod
    def project(weights: Weights, x: Tensor) -> Tensor:
        """The part of a step that does not depend on the state, for any number of steps at once.

        :param x: inputs [..., I]
        :return: ``W_ih x + b_ih`` [..., gates * H]
        """
        return F.linear(x, weights["weight_ih"], weights["bias_ih"])

    @classmethod
    @abstractmethod
    def step(
        cls, weights: Weights, projected: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step from the projected input.

        :param projected: result of :meth:`project` [N, gates * H]
        :param h: hidden state [N, H]
        :param c: cell state [N, H]
        :return: the next ``(h, c)``
        """

    @classmethod
    def advance(cls, weights: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """One step from the input itself: what an agent does that acts.

        :param x: inputs [N, I]
        :return: the next ``(h, c)``; of an LSTM bit by bit what :meth:`step` gives
        """
        return cls.step(weights, cls.project(weights, x), h, c)


CELLS: dict[str, type[Cell]] = {}


def register_cell(name: str) -> Callable[[type[Cell]], type[Cell]]:
    """Make a cell available everywhere as ``cell=name``."""

    def register(cell: type[Cell]) -> type[Cell]:
        CELLS[name] = cell
        return cell

    return register


def find_cell(name: str) -> type[Cell]:
    """The cell registered as ``name``.

    :raises ValueError: if there is none; the message lists what exists
    """
    if not isinstance(name, str) or name not in CELLS:
        raise ValueError(f"cell={name!r} is unknown; it must be one of {', '.join(CELLS)}")
    return CELLS[name]


@register_cell("lstm")
class LSTM(Cell):
    """Long short-term memory, in torch's gate order (i, f, g, o)::

    c' = sigmoid(f) * c + sigmoid(i) * tanh(g)        h' = sigmoid(o) * tanh(c')
    """

    weight_shapes: ClassVar = {
        "weight_ih": WeightShape("input", 4),
        "weight_hh": WeightShape("recurrent", 4),
        "bias_ih": WeightShape("gate", 4),
        "bias_hh": WeightShape("gate", 4),
    }
    cell_state: ClassVar = True
    candidate: ClassVar = 2
    kernel: ClassVar[str | None] = "lstm"
    kernel_from: ClassVar = 32

    @staticmethod
    def gates(weights: Weights, projected: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What a step does to c, which the gates themselves never see.

        :return: forget ``sigmoid(f)``, write ``sigmoid(i) * tanh(g)``, read ``sigmoid(o)`` [N, H]
        """
        i, f, g, o = (projected + F.linear(h, weights["weight_hh"], weights["bias_hh"])).chunk(
            4, -1
        )
        return torch.sigmoid(f), torch.sigmoid(i) * torch.tanh(g), torch.sigmoid(o)

    @staticmethod
    def update(forget: Tensor, write: Tensor, read: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """``c' = forget * c + write`` and ``h' = read * tanh(c')``, returned as ``(h, c)``."""
        c = forget * c + write
        return read * torch.tanh(c), c

    @classmethod
    def step(
        cls, weights: Weights, projected: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step; see :meth:`Cell.step`."""
        return cls.update(*cls.gates(weights, projected, h), c)

    @classmethod
    def advance(cls, weights: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """One step by torch's kernel, where it rounds as :meth:`step` does.

        Certificates of drifting cells need the gates of the very step that was taken.
        """
        if cls.kernel is None or x.device.type != "cpu":
            return super().advance(weights, x, h, c)
        return torch.lstm_cell(x, (h, c), *torch_weights(weights))


@register_cell("gru")
class GRU(Cell):
    """Gated recurrent unit, in torch's gate order (r, z, n) and with its reset inside the product::

    n = tanh(W_n x + b_in + r * (U_n h + b_hn))        h' = (1 - z) * n + z * h
    """

    weight_shapes: ClassVar = {
        "weight_ih": WeightShape("input", 3),
        "weight_hh": WeightShape("recurrent", 3),
        "bias_ih": WeightShape("gate", 3),
        "bias_hh": WeightShape("gate", 3),
    }
    candidate: ClassVar = 2
    kernel: ClassVar[str | None] = "gru"

    @classmethod
    def step(
        cls, weights: Weights, projected: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step; see :meth:`Cell.step`."""
        hidden = h.shape[-1]
        recurrent = F.linear(h, weights["weight_hh"], weights["bias_hh"])
        r, z = torch.sigmoid(
            projected[..., : 2 * hidden] + recurrent[..., : 2 * hidden]
        ).chunk(2, dim=-1)  # fmt: skip
        n = torch.tanh(projected[..., 2 * hidden :] + r * recurrent[..., 2 * hidden :])
        return n + z * (h - n), c

    @classmethod
    def advance(cls, weights: Weights, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """One step by torch's kernel; see :meth:`Cell.advance`."""
        if cls.kernel is None:
            return super().advance(weights, x, h, c)
        return torch.gru_cell(x, h, *torch_weights(weights)), c


def torch_weights(weights: Weights) -> list[Tensor]:
    """The weights of an LSTM or a GRU in the order in which torch's own functions take them."""
    return [weights[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
