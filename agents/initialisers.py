"""Initial weights of recurrent layers."""

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from .layers import RecurrentLayer


def initialise(layer: "RecurrentLayer") -> None:
    """The classical initialisation of a cell.

    Cells with a cell state (LSTM): torch's, uniform within 1 / sqrt(H). In single runs a
    warmed-up LSTM solved the T-maze of length 100 from these weights, not from orthogonal ones.
    Others: gate by gate, Xavier input, orthogonal recurrent, zero biases; weights of a unit on
    itself are 1.

    :param layer: the layer whose weights are written in place
    """
    if layer.cell_state:
        bound = layer.hidden_size**-0.5
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        return
    for name, shape in layer.cell.weight_shapes.items():
        for gate in getattr(layer, name).data.chunk(shape.gates):
            if shape.kind == "input":
                nn.init.xavier_uniform_(gate)
            elif shape.kind == "recurrent":
                nn.init.orthogonal_(gate)
            else:
                nn.init.constant_(gate, 0.0 if name.startswith("bias") else 1.0)
