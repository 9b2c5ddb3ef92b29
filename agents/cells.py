"""Recurrent cells: each is its equations for one step and the shapes of its weights.

A cell owns no parameters. :class:`~warmrl.agents.layers.RecurrentLayer` holds them, and hands them
over as a mapping, so that the two halves of a double layer can be joined into one product.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from .kernels.gru import GRUSteps, gru_loop
from .kernels.lstm import LSTMSteps, lstm_loop
from .kernels.numba_math import can_run_compiled
from .time_steps import states_at_end

MANY = 32  # from as many sequences on an LSTM's loop outruns torch's kernel, without a gradient
Weights = Mapping[str, Tensor]
Parts = Sequence[Weights]
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

    @staticmethod
    def compiled(x: Tensor | PackedSequence) -> bool:  # noqa: ARG004
        """Whether a compiled loop would run over these inputs.

        It takes cells side by side, faster than a wide one whose matrices are block diagonal.
        """
        return False

    @classmethod
    def width(cls, weights: Weights) -> int:
        """Units of a cell with these weights, H."""
        name, shape = next(iter(cls.weight_shapes.items()))
        return len(weights[name]) // shape.gates

    @classmethod
    def steps(cls, parts: Parts) -> Step | None:  # noqa: ARG003
        """Compiled single steps of cells side by side, if there are any.

        :param parts: weights on a CPU, which do not change meanwhile
        """
        return None

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

    @classmethod
    def sequence(
        cls, parts: Parts, x: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """T steps.

        :param parts: weights of cells side by side, which share H; several if :meth:`compiled`
        :param x: inputs [T, N, I]
        :return: hidden states [T, N, H] and the last ``(h, c)`` [N, H]
        """
        sizes = [x.shape[1]] * len(x)
        out, h, c = cls.loop(parts, x.flatten(0, 1), h, c, sizes)
        return out.view(*x.shape[:2], -1), h, c

    @classmethod
    def packed_sequence(
        cls, parts: Parts, x: PackedSequence, h: Tensor, c: Tensor
    ) -> tuple[PackedSequence, Tensor, Tensor]:
        """Sequences of different lengths; see :meth:`sequence`.

        :return: hidden states, packed, and ``(h, c)`` after each sequence's last step [N, H]
        """
        sizes = x.batch_sizes.tolist()
        out, h, c = cls.loop(parts, x.data, _sorted(h, x), _sorted(c, x), sizes)
        return x._replace(data=out), _unsorted(h, x), _unsorted(c, x)

    @classmethod
    def loop(
        cls, parts: Parts, x: Tensor, h: Tensor, c: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Steps in the packed layout of :mod:`~warmrl.agents.time_steps`; see :meth:`sequence`.

        :param x: inputs [sum of sizes, I]
        :param sizes: sequences running in each step [T]
        :return: hidden states [sum of sizes, H] and each sequence's last ``(h, c)`` [N, H]
        """
        (weights,) = parts
        hs, cs = [], []
        for projected in cls.project(weights, x).split_with_sizes(sizes):
            n = len(projected)
            h, c = cls.step(weights, projected, h[:n], c[:n])
            hs.append(h)
            cs.append(c)
        out = torch.cat(hs)
        return out, states_at_end(out, sizes), states_at_end(torch.cat(cs), sizes)


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

    @staticmethod
    def compiled(x: Tensor | PackedSequence) -> bool:
        """Sequences with a gradient on a CPU, and many of them; see :meth:`Cell.compiled`."""
        n = int(x.batch_sizes[0]) if isinstance(x, PackedSequence) else x.shape[1]
        return (torch.is_grad_enabled() or n >= MANY) and can_run_compiled(x)

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
        if x.device.type != "cpu":
            return super().advance(weights, x, h, c)
        return torch.lstm_cell(x, (h, c), *_flat(weights))

    @classmethod
    def sequence(
        cls, parts: Parts, x: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """T steps by a compiled loop or torch's fused kernel; see :meth:`Cell.sequence`."""
        if cls.compiled(x):
            return super().sequence(parts, x, h, c)
        (weights,) = parts
        out, h, c = torch.lstm(x, (h[None], c[None]), _flat(weights), *_settings(), False)
        return out, h[0], c[0]

    @classmethod
    def packed_sequence(
        cls, parts: Parts, x: PackedSequence, h: Tensor, c: Tensor
    ) -> tuple[PackedSequence, Tensor, Tensor]:
        """Packed sequences by a compiled loop; see :meth:`Cell.packed_sequence`."""
        if cls.compiled(x):
            return super().packed_sequence(parts, x, h, c)
        (weights,) = parts
        state = (_sorted(h, x)[None], _sorted(c, x)[None])
        data, h, c = torch.lstm(x.data, x.batch_sizes, state, _flat(weights), *_settings())
        return x._replace(data=data), _unsorted(h[0], x), _unsorted(c[0], x)

    @classmethod
    def loop(
        cls, parts: Parts, x: Tensor, h: Tensor, c: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The compiled loop; see :meth:`Cell.loop`."""
        return lstm_loop(x, h, c, sizes, *_flat(*parts))

    @classmethod
    def steps(cls, parts: Parts) -> Step:
        """Compiled single steps; see :meth:`Cell.steps`."""
        return LSTMSteps(*_flat(*parts))


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

    @staticmethod
    def compiled(x: Tensor | PackedSequence) -> bool:
        """All sequences on a CPU, where torch's kernel is not fused; see :meth:`Cell.compiled`."""
        return can_run_compiled(x)

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
        return torch.gru_cell(x, h, *_flat(weights)), c

    @classmethod
    def sequence(
        cls, parts: Parts, x: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """T steps by a compiled loop; see :meth:`Cell.sequence`."""
        if cls.compiled(x):
            return super().sequence(parts, x, h, c)
        (weights,) = parts
        out, h = torch.gru(x, h[None], _flat(weights), *_settings(), False)
        return out, h[0], c

    @classmethod
    def packed_sequence(
        cls, parts: Parts, x: PackedSequence, h: Tensor, c: Tensor
    ) -> tuple[PackedSequence, Tensor, Tensor]:
        """Packed sequences by a compiled loop; see :meth:`Cell.packed_sequence`."""
        if cls.compiled(x):
            return super().packed_sequence(parts, x, h, c)
        (weights,) = parts
        first = _sorted(h, x)[None]
        data, last = torch.gru(x.data, x.batch_sizes, first, _flat(weights), *_settings())
        return x._replace(data=data), _unsorted(last[0], x), c

    @classmethod
    def loop(
        cls, parts: Parts, x: Tensor, h: Tensor, c: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The compiled loop; see :meth:`Cell.loop`."""
        return *gru_loop(x, h, sizes, *_flat(*parts)), c

    @classmethod
    def steps(cls, parts: Parts) -> Step:
        """Compiled single steps; see :meth:`Cell.steps`."""
        return GRUSteps(*_flat(*parts))


def _settings() -> tuple[bool, int, float, bool, bool]:
    """Of torch's kernels: biases, one layer, no dropout, keep what a gradient needs, one way."""
    return True, 1, 0.0, torch.is_grad_enabled(), False


def _flat(*parts: Weights) -> list[Tensor]:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [weights[name] for weights in parts for name in names]


def _sorted(state: Tensor, x: PackedSequence) -> Tensor:
    return state if x.sorted_indices is None else state[x.sorted_indices]


def _unsorted(state: Tensor, x: PackedSequence) -> Tensor:
    return state if x.unsorted_indices is None else state[x.unsorted_indices]
