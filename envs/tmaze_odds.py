"""The chance to cross a T-maze's corridor in time when actions slip."""

from __future__ import annotations

import numpy as np

EXACT_LENGTH = 2000
"""Longest corridor whose chance is computed exactly; beyond it the limit is taken."""


def arrival_probability(length: int, stochasticity: float) -> float:
    """Probability that an agent that always goes right can act at the junction in time.

    It has to arrive within 3 L - 2 steps, to have one left for the turn. Up to length 2000 the
    distribution over cells is stepped exactly. Above, the law of large numbers decides: the mean
    speed is 1 - lambda, against the one third that is needed (at exactly one third the central
    limit theorem gives 1/2).

    :param length: corridor length L (cells).
    :param stochasticity: probability lambda of a uniformly random action.
    """
    if stochasticity == 0:
        return 1.0
    if length > EXACT_LENGTH:
        return float(np.heaviside(2 / 3 - stochasticity, 0.5))
    left, right = stochasticity / 4, 1 - 3 * stochasticity / 4
    stay = stochasticity / 2
    cells = np.zeros(length)  # probability of every cell before the junction
    cells[0] = 1.0
    for _ in range(3 * length - 2):
        after = stay * cells
        after[1:] += right * cells[:-1]
        after[:-1] += left * cells[1:]
        after[0] += left * cells[0]
        cells = after
    return float(1.0 - cells.sum())
