"""What studies compare, its names in their rows and tables, and how it looks in their figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch

from warmrl.agents.cells import find_cell
from warmrl.agents.initialisers import find_initialiser
from warmrl.agents.layers import RecurrentLayer
from warmrl.checks import check_choice, check_positive
from warmrl.training.config import WARMUPS

Layers: TypeAlias = Literal["double", "single"]
PAPER = "paper"  # the warm-up with all its published settings

COLOURS = {
    "none": "#8c8c8c",
    "gaussian": "#6aa84f",
    "rollout": "#3d85c6",
    "frame": "#d9480f",
    "stability": "#8e63b5",
    "paper": "#2b8a7e",
}
DASHES: dict[str, str | tuple[int, tuple[int, ...]]] = {
    "gru": "-",
    "lstm": "--",
    "mgu": ":",
    "brc": "-.",
    "nbrc": (0, (5, 1, 1, 1)),
}
MARKERS = {"gru": "o", "lstm": "s", "mgu": "^", "brc": "D", "nbrc": "v"}


@dataclass(frozen=True)
class Variant:
    """A recurrent network and how it is prepared; runs of one variant differ in their seed only.

    :raises ValueError: for an unknown name, or initial weights that are not defined for the cell
    """

    cell: str
    """recurrent cell"""
    warmup: str = "none"
    """preparation, as in ``train.py --warmup``, or "paper" for all the published settings"""
    layers: Layers = "double"
    """double or single layers"""
    init: str = "default"
    """initial weights"""
    stability_radius: float = 1.0
    """radius that local stability aims at"""

    def __post_init__(self) -> None:
        check_choice("warmup", self.warmup, (*WARMUPS, PAPER))
        check_choice("layers", self.layers, ("double", "single"))
        check_positive("stability_radius", self.stability_radius)
        with torch.random.fork_rng(devices=[]):
            RecurrentLayer(self.cell, 1, 2, find_initialiser(self.init))

    @property
    def name(self) -> str:
        """The group of its rows: cell and warm-up, and what is not as usual."""
        further = {
            "layers": self.layers,
            "init": self.init,
            "stability_radius": f"radius {self.stability_radius:g}",
        }
        unusual = [
            f for name, f in further.items() if getattr(self, name) != getattr(Variant, name)
        ]
        return ", ".join([f"{self.cell} {self.warmup}", *unusual])

    @property
    def label(self) -> str:
        """Its name in figures."""
        kind = {"none": "cold", "stability": "locally stable"}.get(self.warmup)
        if kind is None:
            kind = "half-warmed" if self.layers == "double" else "warmed"
            kind += "" if self.warmup == "frame" else f" ({self.warmup})"
        return ", ".join([self.cell.upper(), kind, *self.name.split(", ")[1:]])

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of :class:`~warmrl.training.TrainConfig` that make it."""
        return {
            "cell": self.cell,
            "warmup": self.warmup,
            "double": self.layers == "double",
            "init": self.init,
            "stability_radius": self.stability_radius,
        }

    @property
    def style(self) -> dict[str, Any]:
        """Its looks in figures: colour of the warm-up, marker of the cell, hollow for single."""
        colour = COLOURS.get(self.warmup, "black")
        face = colour if self.layers == "double" else "white"
        return {"color": colour, "marker": MARKERS.get(self.cell, "o"), "markerfacecolor": face}

    @property
    def dashes(self) -> str | tuple[int, tuple[int, ...]]:
        """Its line in figures: dashes of the cell."""
        return DASHES.get(self.cell, "-")


def is_defined(init: str, cell: str) -> bool:
    """Whether initial weights are defined for a cell.

    :raises ValueError: if either is unknown
    """
    find_cell(cell)
    find_initialiser(init)
    try:
        Variant(cell, init=init)
    except ValueError:  # how an initialiser says that it is not
        return False
    return True


def variants(
    cells: Sequence[str],
    warmups: Sequence[str],
    layers: Sequence[Layers] = ("double",),
    inits: Sequence[str] = ("default",),
) -> Iterator[Variant]:
    """All combinations."""
    for cell in cells:
        for init in inits:
            for width in layers:
                for warmup in warmups:
                    yield Variant(cell, warmup, width, init)
