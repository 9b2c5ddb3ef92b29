"""Recurrent layers and stacks of them, called like a time-major ``torch.nn.LSTM``."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from . import kernels
from .cells import Cell, Weights, WeightShape, find_cell
from .initialisers import Initialiser, default

State: TypeAlias = tuple[Tensor, Tensor]


class RecurrentLayer(nn.Module):
    """One layer of one cell.

    Called like a single-layer ``nn.LSTM``: inputs [T, N, I] or a ``PackedSequence``, a state pair
    ``(h, c)`` of [1, N, H] (zeros if absent); returns the hidden states and the last pair.

    :param cell: a name in :data:`~warmrl.agents.cells.CELLS`
    :param input_size: I
    :param hidden_size: H
    :param init: fills the weights
    :raises ValueError: if the cell is unknown, a size is below 1, ``init`` not for this cell, or
        ``WARMRL_KERNELS`` neither on nor off
    """

    def __init__(
        self, cell: str, input_size: int, hidden_size: int, init: Initialiser = default
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if size < 1:
                raise ValueError(f"{name}={size} must be at least 1")
        kernels.wanted()  # a mistake in the environment is said before there is anything to lose
        self.cell: type[Cell] = find_cell(cell)
        self.input_size = input_size
        self.hidden_size = hidden_size
        for name, shape in self.cell.weight_shapes.items():
            rows = shape.gates * hidden_size
            columns = {"input": (input_size,), "recurrent": (hidden_size,), "gate": ()}[shape.kind]
            self.register_parameter(name, nn.Parameter(torch.empty(rows, *columns)))
        init(self)

    @property
    def cell_state(self) -> bool:
        """Whether c is a part of the state."""
        return self.cell.cell_state

    def weights(self) -> Weights:
        """The weights of one step, by their names in the cell."""
        return {name: cast(Tensor, getattr(self, name)) for name in self.cell.weight_shapes}

    def step(self, x: Tensor, state: State) -> State:
        """One step, in operations that are differentiable more than once, as fused ones are not.

        :param x: inputs [N, I]
        :param state: ``(h, c)``, each [N, H]
        :raises ValueError: if one of them does not fit
        """
        weights = self.weights()
        kernels.check_pair(state)
        like = kernels.check_weights(self.cell, weights, self.input_size, self.hidden_size)
        kernels.check_step(x, *state, self.input_size, self.hidden_size, like)
        return self.cell.step(weights, self.cell.project(weights, x), *state)

    def forward(
        self, x: Tensor | PackedSequence, state: State | None = None
    ) -> tuple[Tensor | PackedSequence, State]:
        """Run over whole sequences; see the class.

        :raises ValueError: if inputs, state or weights do not fit each other
        """
        return kernels.sequence(self, x, state)

    @property
    def side_by_side(self) -> Sequence["RecurrentLayer"]:
        """The cells that the layer is: one."""
        return [self]


class DoubleLayer(RecurrentLayer):
    """Two parallel cells of half the width on the same input, their outputs concatenated.

    Only ``warm`` is meant to be warmed up: it remembers, while ``cold`` keeps its classical
    initialisation and the precision that goes with it (Lambrechts et al. 2023, "double layer").
    Both can run as one cell whose recurrent matrices are block diagonal.

    :raises ValueError: also if ``hidden_size`` is below 2
    """

    def __init__(
        self, cell: str, input_size: int, hidden_size: int, init: Initialiser = default
    ) -> None:
        nn.Module.__init__(self)
        if hidden_size < 2:
            raise ValueError(f"hidden_size={hidden_size} must be at least 2 for a double layer")
        self.cell = find_cell(cell)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.warm = RecurrentLayer(cell, input_size, hidden_size // 2, init)
        self.cold = RecurrentLayer(cell, input_size, hidden_size - hidden_size // 2, init)

    def weights(self) -> Weights:
        """The joined weights of both halves.

        :raises ValueError: if one of them is of another shape, type or device than it must be
        """
        warm, cold = self.warm.weights(), self.cold.weights()
        for half, weights in ((self.warm, warm), (self.cold, cold)):
            kernels.check_weights(self.cell, weights, half.input_size, half.hidden_size)
        return {
            name: _join(shape, warm[name], cold[name])
            for name, shape in self.cell.weight_shapes.items()
        }

    @property
    def side_by_side(self) -> Sequence[RecurrentLayer]:
        """Both halves."""
        return [self.warm, self.cold]


def _join(shape: WeightShape, warm: Tensor, cold: Tensor) -> Tensor:
    """One weight of two cells side by side, gate by gate."""
    a, b = (  # (gates * H, ...) -> (gates, H, ...)
        half.view(shape.gates, len(half) // shape.gates, *half.shape[1:]) for half in (warm, cold)
    )
    if shape.kind == "recurrent":
        h1, h2 = a.shape[-1], b.shape[-1]
        a = nn.functional.pad(a, (0, h2))  # (gates, H1, H1 + H2)
        b = nn.functional.pad(b, (h1, 0))
    return torch.cat((a, b), dim=1).flatten(0, 1)


class RecurrentStack(nn.Module):
    """Layers on top of each other, in place of an ``nn.LSTM`` of ``num_layers``.

    :param cell: a name in :data:`~warmrl.agents.cells.CELLS`
    :param input_size: I
    :param hidden_size: H of every layer
    :param num_layers: number of layers
    :param double: whether each layer is a :class:`DoubleLayer`
    :param init: fills the weights of a layer, see :data:`~warmrl.agents.initialisers.INITIALISERS`
    :param skip: whether the inputs are appended to the outputs, so that what reads them sees both
    :param dropout: share of the inputs of every layer but the first that is zeroed in training
        mode, as in ``nn.LSTM``
    :raises ValueError: if the cell is unknown or a size is too small
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        double: bool = False,
        init: Initialiser = default,
        skip: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers={num_layers} must be at least 1")
        layer_class = DoubleLayer if double else RecurrentLayer
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.skip = skip
        self.dropout = dropout
        layers = [
            layer_class(cell, hidden_size if depth else input_size, hidden_size, init)
            for depth in range(num_layers)
        ]
        self.layers: Sequence[RecurrentLayer] = nn.ModuleList(layers)  # type: ignore[assignment]

    def forward(
        self, x: Tensor | PackedSequence, state: State | None = None
    ) -> tuple[Tensor | PackedSequence, State]:
        """Run over whole sequences.

        :param x: inputs [T, N, I] or a ``PackedSequence``
        :param state: ``(h, c)``, each [layers, N, H]; zeros if absent
        :return: hidden states of the last layer [T, N, H], with ``skip`` the inputs beside them
            [T, N, H + I], and the last state pair
        :raises ValueError: if inputs, state or weights do not fit each other
        """
        inputs, last = x, list[State]()
        if state is not None:
            check_layers(state, self.num_layers, self.hidden_size)
        for depth, layer in enumerate(self.layers):
            own = None if state is None else (state[0][depth, None], state[1][depth, None])
            x, own = layer(_dropped(x, self.dropout) if depth and self.training else x, own)
            last.append(own)
        h, c = zip(*last, strict=True)
        out = _beside(x, inputs) if self.skip else x
        return out, (torch.cat(h), torch.cat(c))


def _dropped(x: Tensor | PackedSequence, share: float) -> Tensor | PackedSequence:
    """Inputs of a layer above others, a share of them zeroed as in ``nn.LSTM``."""
    if not share:
        return x
    if isinstance(x, PackedSequence):
        return x._replace(data=nn.functional.dropout(x.data, share))
    return nn.functional.dropout(x, share)


def check_layers(state: State, n_layers: int, width: int) -> None:
    """Check that a state is one of as many layers; how many sequences it is of, each layer checks.

    :param state: ``(h, c)``, each [layers, N, H]
    :raises ValueError: if it is not
    """
    kernels.check_pair(state)
    for name, part in zip("hc", state, strict=True):
        shape = list(part.shape)
        if len(shape) != 3 or (shape[0], shape[2]) != (n_layers, width):
            n = shape[1] if len(shape) == 3 else "sequences"
            raise ValueError(f"state {name} of shape {shape} must be [{n_layers}, {n}, {width}]")


def check_rows(features: Tensor, state: State, starts: Tensor) -> int:
    """Check sequences of one length that lie one after the other, and return their number.

    :param features: [n_seq * T, I]
    :param state: ``(h, c)`` before each sequence, each [layers, n_seq, H]
    :param starts: of each step [n_seq * T]
    :raises ValueError: if they do not fit each other
    """
    kernels.check_pair(state)
    h, c = state
    n = h.shape[1] if h.ndim == 3 else 0
    if n == 0 or c.shape != h.shape:
        raise ValueError(
            f"state h of shape {list(h.shape)} and c of shape {list(c.shape)} must both be "
            "[layers, sequences, width], of one sequence or more"
        )
    rows = len(features)
    if rows == 0 or rows % n:
        raise ValueError(f"{rows} rows of features must be a multiple of the {n} sequences")
    if starts.numel() != rows:
        raise ValueError(
            f"episode starts of shape {list(starts.shape)} must be [{rows}]: one for each step"
        )
    return n


def restarted(state: State, starts: Tensor) -> State:
    """A state before a step: zeros where an episode starts.

    :param state: ``(h, c)``, each [layers, N, H]
    :param starts: 1 where an episode starts [N]
    :raises ValueError: if they are not of the same number of sequences
    """
    h, c = state
    shape = h.shape
    if len(shape) != 3 or c.shape != shape or starts.shape != shape[1:2]:
        raise ValueError(
            f"episode starts of shape {list(starts.shape)} must be one for each sequence of a "
            f"state of shapes {list(h.shape)} and {list(c.shape)}"
        )
    keep = starts.logical_not()[:, None]  # a tenth of the time of 1 - starts
    return keep * h, keep * c


def _beside(h: Tensor | PackedSequence, x: Tensor | PackedSequence) -> Tensor | PackedSequence:
    """What two results say of the same steps, side by side."""
    if isinstance(h, PackedSequence) and isinstance(x, PackedSequence):
        return h._replace(data=torch.cat((h.data, x.data), dim=-1))
    return torch.cat((h, x), dim=-1)  # type: ignore[arg-type]
