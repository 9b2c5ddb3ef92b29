"""Initial weights of recurrent layers."""

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from .layers import RecurrentLayer


def initialise(layer: "RecurrentLayer") -> None:
    """The classical initialisation, gate by gate: Xavier input, orthogonal recurrent, zero biases.

    :param layer: the layer whose weights are written in place
    """
    for name, shape in layer.cell.weight_shapes.items():
        for gate in getattr(layer, name).data.chunk(shape.gates):
            if shape.kind == "input":
                nn.init.xavier_uniform_(gate)
            elif shape.kind == "recurrent":
                nn.init.orthogonal_(gate)
            else:
                nn.init.zeros_(gate)
