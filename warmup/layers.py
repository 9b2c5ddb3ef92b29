"""The layers of a recurrent network, one at a time, found by duck typing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

State: TypeAlias = tuple[Tensor, Tensor]
Run: TypeAlias = Callable[
    [Tensor | PackedSequence, State | None], tuple[Tensor | PackedSequence, State]
]

_STEPS = {
    "LSTM": torch.lstm_cell,
    "GRU": torch.gru_cell,
    "RNN_TANH": torch.rnn_tanh_cell,
    "RNN_RELU": torch.rnn_relu_cell,
}


@dataclass(frozen=True)
class Layer:
    """One layer to be warmed up.

    :param name: where it is, for example ``lstm_actor.0``
    :param whole: the layer, whose outputs the next layer reads; called like a single-layer
        ``nn.LSTM``
    :param warmed: the part of it that is warmed up, on the same input: all of it, or the first half
        of a double layer
    :param input_size: width of its input
    :param cell_state: whether c is a part of its state
    """

    name: str
    whole: nn.Module
    warmed: nn.Module
    input_size: int
    cell_state: bool

    def flat(self, state: State) -> Tensor:
        """The state as one vector: h, or (h, c) concatenated.

        :param state: ``(h, c)``, each [1, N, H]
        :return: [N, D]
        """
        h, c = state
        return torch.cat((h[0], c[0]), dim=-1) if self.cell_state else h[0]


class TorchLayer(nn.Module):
    """One layer of a torch RNN as a module of its own that shares its Parameters.

    :param rnn: an ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``, unidirectional
    :param depth: which of its layers
    """

    def __init__(self, rnn: nn.RNNBase, depth: int) -> None:
        super().__init__()
        self.input_size = rnn.hidden_size if depth else rnn.input_size
        self.cell_state = isinstance(rnn, nn.LSTM)
        nonlinearity = {"nonlinearity": rnn.nonlinearity} if isinstance(rnn, nn.RNN) else {}
        # On the meta device, so that no weight is drawn from the global generator.
        torch_class: Any = type(rnn)
        self.layer = torch_class(
            self.input_size, rnn.hidden_size, bias=rnn.bias, device="meta", **nonlinearity
        )
        for name, _ in list(self.layer.named_parameters()):
            shared = getattr(rnn, name.replace("_l0", f"_l{depth}"))
            setattr(self.layer, name, shared)

    def forward(
        self, x: Tensor | PackedSequence, state: State | None = None
    ) -> tuple[Tensor | PackedSequence, State]:
        """Run over whole sequences, as ``nn.LSTM`` does; without a cell state c is zeros.

        :param x: [T, N, I] or packed
        :param state: ``(h, c)``, each [1, N, H]; zeros if absent
        """
        if self.cell_state:
            out, state = self.layer(x, state)
            return out, state
        out, h = self.layer(x, None if state is None else state[0])
        return out, (h, torch.zeros_like(h))

    def step(self, x: Tensor, state: State) -> State:
        """One step by torch's cells, which are differentiable more than once.

        :param x: [N, I]
        :param state: ``(h, c)``, each [N, H]
        """
        step: Any = _STEPS[self.layer.mode]
        weights = self.layer.parameters()  # without biases the last two are left out
        if self.cell_state:
            h, c = step(x, state, *weights)
            return h, c
        h = step(x, state[0], *weights)
        return h, torch.zeros_like(h)


def find_layers(rnn: nn.Module, name: str, partial: bool) -> list[Layer]:
    """The layers of a torch RNN, or of a stack with an attribute ``layers``.

    :param rnn: ``nn.LSTM``, ``nn.GRU``, ``nn.RNN``, or a module whose ``layers`` each behave as a
        single-layer ``nn.LSTM``; a double layer has its half to be warmed up as ``warm``
    :param name: prefix of the layers' names
    :param partial: whether only the first half of double layers is warmed up
    :raises ValueError: if a torch RNN is bidirectional or has projections
    :raises TypeError: if the module is neither
    """
    if isinstance(rnn, nn.RNNBase):
        if rnn.bidirectional or rnn.proj_size:
            raise ValueError(
                f"{name} has bidirectional={rnn.bidirectional}, proj_size={rnn.proj_size}; "
                "it must have bidirectional=False, proj_size=0"
            )
        views = [TorchLayer(rnn, depth) for depth in range(rnn.num_layers)]
        return [
            Layer(f"{name}.{depth}", view, view, view.input_size, view.cell_state)
            for depth, view in enumerate(views)
        ]
    stack = getattr(rnn, "layers", None)
    layers: list[Any] = list(stack) if isinstance(stack, nn.ModuleList) else []
    if not layers or not all(hasattr(layer, "cell_state") for layer in layers):
        raise TypeError(
            f"policy {type(rnn).__name__} has no recurrent layer ({name} must be nn.LSTM, "
            "nn.GRU, nn.RNN, or have a ModuleList `layers` of layers with `cell_state`)"
        )
    found = []
    for depth, layer in enumerate(layers):
        half = getattr(layer, "warm", None) if partial else None
        warmed = layer if half is None else half
        found.append(
            Layer(f"{name}.{depth}", layer, warmed, layer.input_size, bool(layer.cell_state))
        )
    return found
