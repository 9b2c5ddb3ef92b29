"""Initial weights of recurrent layers, by name."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from .layers import RecurrentLayer

Initialiser: TypeAlias = "Callable[..., None]"  # of a layer, and options by keyword
INITIALISERS: dict[str, Initialiser] = {}


def register_initialiser(name: str) -> Callable[[Initialiser], Initialiser]:
    """Make an initialiser available everywhere as ``init=name``.

    It writes the weights of a layer in place, and raises ``ValueError`` for a cell without the
    weights that it is about.
    """

    def register(initialiser: Initialiser) -> Initialiser:
        INITIALISERS[name] = initialiser
        return initialiser

    return register


def find_initialiser(name: str, **options: Any) -> Initialiser:
    """The initialiser registered as ``name``.

    :raises ValueError: if there is none, or it has no such option; the message lists what exists
    """
    if not isinstance(name, str) or name not in INITIALISERS:
        raise ValueError(f"init={name!r} is unknown; it must be one of {', '.join(INITIALISERS)}")
    known = list(inspect.signature(INITIALISERS[name]).parameters)[1:]
    for option in options:
        if option not in known:
            has = f"has {', '.join(known)}" if known else "has no options"
            raise ValueError(f"init={name!r}: unknown option {option!r}; it {has}")
    return INITIALISERS[name]


@register_initialiser("default")
def default(layer: "RecurrentLayer") -> None:
    """The classical initialisation of a cell: ``uniform`` for those with a cell state (LSTM),
    ``orthogonal`` for others.

    In single runs a warmed-up LSTM solved the T-maze of length 100 from uniform weights, not from
    orthogonal ones.
    """
    uniform(layer) if layer.cell_state else orthogonal(layer)


@register_initialiser("uniform")
def uniform(layer: "RecurrentLayer") -> None:
    """Torch's: everything uniform within 1 / sqrt(H)."""
    bound = layer.hidden_size**-0.5
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound)


@register_initialiser("orthogonal")
def orthogonal(layer: "RecurrentLayer") -> None:
    """Gate by gate: Xavier input, orthogonal recurrent, zero biases; weights of a unit on itself
    are 1.
    """
    for name, shape in layer.cell.weight_shapes.items():
        for gate in getattr(layer, name).data.chunk(shape.gates):
            if shape.kind == "input":
                nn.init.xavier_uniform_(gate)
            elif shape.kind == "recurrent":
                nn.init.orthogonal_(gate)
            else:
                nn.init.constant_(gate, 0.0 if name.startswith("bias") else 1.0)


@register_initialiser("identity")
def identity(layer: "RecurrentLayer", gain: float = 1.0) -> None:
    """``default``, but the recurrent matrix of the candidate state is ``gain`` times the identity
    (Le et al. 2015, arXiv 1504.00941).
    """
    default(layer)
    _, recurrent = _of_candidate(layer, "identity")
    recurrent.copy_(gain * torch.eye(layer.hidden_size))


@register_initialiser("chain")
def chain(layer: "RecurrentLayer", forward: float = 1.02, feedback: float = 0.0) -> None:
    """``default``, but the candidate state is a non-normal chain: unit i feeds unit i + 1, and the
    inputs enter at its first units (Orhan & Pitkow 2020, section 4).

    :param forward: weight from a unit to the next
    :param feedback: weight back
    """
    default(layer)
    inputs, recurrent = _of_candidate(layer, "chain")
    links = torch.ones(layer.hidden_size - 1)
    # h' = W h: what feeds unit i + 1 from unit i lies below the diagonal.
    recurrent.copy_(forward * links.diag(-1) + feedback * links.diag(1))
    inputs.copy_(0.9 * torch.eye(*inputs.shape))


@register_initialiser("fbchain")
def fbchain(layer: "RecurrentLayer") -> None:
    """A ``chain`` with feedback (Orhan & Pitkow 2020): 0.99 forward, 0.04 back."""
    chain(layer, forward=0.99, feedback=0.04)


@register_initialiser("mixed")
def mixed(layer: "RecurrentLayer") -> None:
    """An LSTM whose candidate is a ``chain``, the recurrent matrices of its gates Toeplitz ramps
    from -0.01 above the diagonal to 0.01 below (after Orhan & Pitkow 2020).
    """
    _must_be_lstm(layer, "mixed")
    chain(layer)
    unit = torch.arange(layer.hidden_size)
    ramp = 0.01 * (unit[:, None] - unit) / max(layer.hidden_size - 1, 1)
    for gate, block in enumerate(layer.weights()["weight_hh"].data.chunk(4)):
        if gate != layer.cell.candidate:
            block.copy_(ramp)


@register_initialiser("chrono")
def chrono(layer: "RecurrentLayer", t_max: float = 200) -> None:
    """``default``, but an LSTM's forget gates start with time constants spread from 1 to ``t_max``:
    b_f = log U(1, t_max - 1), b_i = -b_f, other biases 0 (Tallec & Ollivier 2018, eq. 16).

    :param t_max: longest time to be remembered (steps), above 2
    """
    _must_be_lstm(layer, "chrono")
    if not 2 < t_max < float("inf"):
        raise ValueError(f"init='chrono': t_max={t_max} must be above 2 and finite")
    default(layer)
    weights = layer.weights()
    # Torch has two biases for every gate; one of them is enough.
    nn.init.zeros_(weights["bias_hh"])
    write, forget, candidate, read = weights["bias_ih"].data.chunk(4)
    forget.uniform_(1, t_max - 1).log_()
    write.copy_(-forget)
    candidate.zero_()
    read.zero_()


def _of_candidate(layer: "RecurrentLayer", init: str) -> tuple[Tensor, Tensor]:
    """What the candidate state gets from input [H, I] and state [H, H], to be written."""
    candidate = layer.cell.candidate
    if candidate is None:
        raise ValueError(
            f"init={init!r} is not defined for cell={layer.cell.__name__.lower()!r}, whose "
            "candidate state has no recurrent matrix"
        )
    inputs, recurrent = (
        layer.weights()[name].data.chunk(layer.cell.weight_shapes[name].gates)[candidate]
        for name in ("weight_ih", "weight_hh")
    )
    return inputs, recurrent


def _must_be_lstm(layer: "RecurrentLayer", init: str) -> None:
    if not layer.cell_state:
        raise ValueError(
            f"init={init!r} is defined for cell='lstm' only, not for "
            f"{layer.cell.__name__.lower()!r}"
        )
