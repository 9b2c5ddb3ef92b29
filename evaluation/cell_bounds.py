"""What is certain about cell states c that drift while everything else repeats.

An LSTM's gates see h and x only, so while those repeat with period p, each unit's c follows a
fixed map: the composition phi of ``c <- fl(fl(forget * c) + write)`` over the p phases. Rounding to
nearest is monotone and a forget gate is never negative, so every partial composition is monotone
in c. Hence, for a barrier b > 0: if phi(b) >= b, then ``c >= b`` now implies that in every later
period c is, at each phase, at least what b's own orbit is there. If that orbit stays where
float32's tanh is exactly 1, so does tanh(c), for ever, and h = read * tanh(c) keeps its bits,
wherever c goes. Below zero it is the same with the signs turned round.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, cast

import torch
from torch import Tensor

from warmrl.agents.cells import LSTM, Weights

from .corridor import Corridor
from .protocols import GreedyStep

SATURATED = 10.0
"""From here on tanh is exactly 1 in float32: 1 - tanh(c) < 2 exp(-2 c) = 4e-9, below the half
unit in the last place of 3e-8; what torch computes is checked (`tanh_saturates`)."""


class Remembered(NamedTuple):
    """A recurrent state of which c is known up to an interval, unit by unit."""

    h: Tensor
    """[layers, 1, H]"""
    low: Tensor
    """smallest c [layers, 1, H]"""
    high: Tensor
    """largest c [layers, 1, H]; equal to ``low`` where c is known exactly"""


Gates = tuple[Tensor, Tensor, Tensor]


@cache
def tanh_saturates(device: torch.device, width: int) -> bool:
    """Whether this machine's tanh is exactly +-1 from +-`SATURATED` on.

    Tried on rows of the width that agents use, at 2^16 values spaced evenly over the float32 from
    the threshold to the largest, and at infinity.
    """
    first = int(torch.tensor(SATURATED).view(torch.int32))
    last = int(torch.tensor(torch.inf).view(torch.int32))
    bits = torch.linspace(first, last, 2**16, dtype=torch.float64).round().to(torch.int32)
    bits[0], bits[-1] = first, last
    values = bits.view(torch.float32).to(device)
    return all(
        bool((torch.tanh(row) == 1).all()) and bool((torch.tanh(-row) == -1).all())
        for row in torch.split(values, width)
    )


def layer_gates(
    step: GreedyStep, observation: Tensor, h: Tensor, low: Tensor, high: Tensor
) -> tuple[list[Gates], Tensor, Tensor, Tensor]:
    """One step of an LSTM for both ends of an interval of c.

    The same operations on the same shapes as ``LSTM.step``.

    :return: every layer's (forget, write, read) [1, H], then h and the interval of c afterwards,
        [layers, 1, H] each; h is meaningful if the interval :func:`determines_h`
    """
    x = step.features(observation)
    gates, hs, lows, highs = [], [], [], []
    for depth, (cell, weights) in enumerate(_lstm_layers(step)):
        own = cell.gates(weights, cell.project(weights, x), h[depth])
        x, own_low = cell.update(*own, low[depth])
        _, own_high = cell.update(*own, high[depth])
        gates.append(own)
        hs.append(x)
        lows.append(own_low)
        highs.append(own_high)
    return gates, torch.stack(hs), torch.stack(lows), torch.stack(highs)


def determines_h(low: Tensor, high: Tensor) -> bool:
    """Whether tanh is the same for all c of the interval, in every unit."""
    exact = low.view(torch.int32) == high.view(torch.int32)
    return bool((exact | (low >= SATURATED) | (high <= -SATURATED)).all())


def bounded_step(
    step: GreedyStep, observation: Tensor, remembered: Remembered
) -> tuple[Tensor, Remembered] | None:
    """One greedy step for all recurrent states of an interval at once.

    :param observation: [1, I]
    :return: the action [1] and the next interval; ``None`` if the action or h could differ
    """
    h, low, high = remembered
    if low is high:
        action, (h, c) = step(observation, (h, low))
        return action, Remembered(h, c, c)
    _, h, low, high = layer_gates(step, observation, h, low, high)
    if not determines_h(low, high):
        return None
    action = step.act(step.seen(h[-1], step.features(observation)))
    return action, Remembered(h, low, high)


def corridor_bounds(corridor: Corridor, start: int, period: int) -> Sequence[Remembered] | None:
    """Bounds on the state at every phase of a cycle, valid in this period and all later ones.

    :param corridor: a run in which h and the observation at ``start + period`` are those at
        ``start``, and the observations go on to repeat as long as the actions do
    :return: the state at each of the ``period`` phases; ``None`` if nothing is certain yet
    """
    c = corridor.c(start)
    if torch.equal(_bits(c), _bits(corridor.c(start + period))):
        states = []
        for time in range(start, start + period):
            c = corridor.c(time)
            states.append(Remembered(corridor.h(time), c, c))
        return states
    if not corridor.step.layers or not all(cell.cell_state for cell, _ in corridor.step.layers):
        return None
    if not tanh_saturates(corridor.device, c.shape[-1]):
        return None
    gates = [_gates_at(corridor, time) for time in range(start, start + period)]
    orbit = _held_orbit(corridor, gates, c, corridor.c(start + period))
    if orbit is None:
        return None
    lows, highs = orbit
    return [
        Remembered(corridor.h(start + phase), lows[phase], highs[phase]) for phase in range(period)
    ]


def _held_orbit(
    corridor: Corridor, gates: list[list[Gates]], c: Tensor, after: Tensor
) -> tuple[list[Tensor], list[Tensor]] | None:
    """Lower and upper bounds of c at every phase, or ``None`` if a unit is neither periodic nor
    held beyond saturation.
    """
    periodic = _bits(c) == _bits(after)
    sign = torch.where(c < 0, -1.0, 1.0)
    orbit, undecided = _orbit(corridor, gates, c), ~periodic
    nearest = [torch.where(undecided, torch.nan, phase) for phase in orbit[:-1]]
    barrier = c
    while True:
        held = undecided & (sign * orbit[-1] >= sign * barrier) & (sign * barrier >= SATURATED)
        for phase in orbit:
            held &= sign * phase >= SATURATED
        nearest = [
            torch.where(held, o, known) for o, known in zip(orbit[:-1], nearest, strict=True)
        ]
        undecided &= ~held
        if not undecided.any():
            break
        # The next barrier: the power of two times the threshold below the last one.
        size = (sign * barrier / SATURATED).clamp(min=0.0)
        lower = SATURATED * torch.exp2(torch.ceil(torch.log2(size)) - 1)
        if not (~undecided | ((lower >= SATURATED) & (lower < sign * barrier))).all():
            return None
        barrier = torch.where(undecided, sign * lower, barrier)
        orbit = _orbit(corridor, gates, barrier)
    infinite = torch.where(periodic, torch.nan, sign * torch.inf)
    pairs = [(known, torch.where(periodic, known, infinite)) for known in nearest]
    return [torch.minimum(*pair) for pair in pairs], [torch.maximum(*pair) for pair in pairs]


def _orbit(corridor: Corridor, gates: list[list[Gates]], c: Tensor) -> list[Tensor]:
    """c before each phase and after the last, by the very operations of a step."""
    orbit = [c]
    for phase in gates:
        layers = zip(_lstm_layers(corridor.step), phase, c, strict=True)
        c = torch.stack([cell.update(*own, own_c)[1] for (cell, _), own, own_c in layers])
        orbit.append(c)
    return orbit


def _gates_at(corridor: Corridor, time: int) -> list[Gates]:
    """The gates of a recorded step.

    :raises RuntimeError: if they do not reproduce it, bit by bit
    """
    c = corridor.c(time)
    gates, h, after, _ = layer_gates(
        corridor.step, corridor.observation(time), corridor.h(time), c, c
    )
    same_h = torch.equal(_bits(h), _bits(corridor.h(time + 1)))
    if not (same_h and torch.equal(_bits(after), _bits(corridor.c(time + 1)))):
        raise RuntimeError(f"the LSTM's equations do not reproduce the agent's step {time}")
    return gates


def _lstm_layers(step: GreedyStep) -> Sequence[tuple[type[LSTM], Weights]]:
    """The layers of a step whose cells have a c; its gates and update are the LSTM's."""
    return cast(Sequence[tuple[type[LSTM], Weights]], step.layers)


def _bits(values: Tensor) -> Tensor:
    return values.view(torch.int32)
