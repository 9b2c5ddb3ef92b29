"""How many different attractors a set of states is in: VAA and its differentiable form VAA*."""

import math

import torch
from torch import Tensor

from ..checks import check_kind, check_positive


def vaa(states: Tensor, eps: float = 1e-4) -> float:
    """Variability amongst attractors, ``mean_i 1 / #{j : |s_i - s_j| < eps}``.

    The states are those reached after many steps of one constant input. The value is ``1 / N`` when
    all of them fell into one attractor and 1 when each is in its own (Lambrechts et al. 2023,
    section 3).

    :param states: [N, D]
    :param eps: Euclidean distance below which two states are in the same attractor
    :return: a number in [1 / N, 1]
    :raises ValueError: if ``states`` is not [N, D] with N >= 1, is not finite, or ``eps`` is not
        positive
    :raises TypeError: if ``states`` is no tensor of floating point numbers, or ``eps`` no number
    """
    _check(states, eps)
    if states.ndim != 2:
        raise ValueError(f"states has shape {tuple(states.shape)}; it must be [N, D]")
    if not states.isfinite().all():
        raise ValueError("states holds NaN or infinite values; it must be finite")
    neighbours = (_distances(states.detach()) < eps).sum(dim=-1)  # (N,), each counts itself
    return float(neighbours.double().reciprocal().mean())


def vaa_star(states: Tensor, eps: float = 1e-4, margin: float | None = None) -> Tensor:
    """VAA*, the differentiable form of :func:`vaa` on which warm-up descends.

    With ``t_i = tanh(s_i)`` and ``d_ij = |t_i - t_j|``, it is ``mean_i 1 / sum_j C_ij`` where
    ``C_ij = 1 - relu(d_ij - eps) / (d_ij + 1e-6)`` (Lambrechts et al. 2023, section 4). Two states
    that coincide have a zero gradient towards each other.

    Its gradient is as good as gone once states are a little more than eps apart, too near for a
    policy to tell them apart. With a margin, closeness is linear in the logarithm of the distance
    (ours), ``C_ij = clip(log(margin / (d_ij + eps)) / log(margin / eps), 0, 1)``: 1 where states
    coincide, 0 from the margin on, and every doubling of a distance in between counts the same.

    :param states: [..., N, D]
    :param eps: distance below which two states count as the same
    :param margin: distance from which on they count as different, above eps; ``None`` as in the
        paper
    :return: [...], each in [1 / N, 1]
    :raises ValueError: if ``states`` has fewer than two dimensions or N is 0, ``eps`` is not
        positive, or ``margin`` not above it
    :raises TypeError: if ``states`` is no tensor of floating point numbers, or ``eps`` no number
    """
    _check(states, eps)
    if margin is not None and not eps < margin:
        raise ValueError(f"margin={margin} must be above eps={eps}")
    d = _distances(torch.tanh(states))
    if margin is None:
        closeness = 1 - torch.relu(d - eps) / (d + 1e-6)
    else:
        closeness = (torch.log(margin / (d + eps)) / math.log(margin / eps)).clamp(0, 1)
    return closeness.sum(dim=-1).reciprocal().mean(dim=-1)


def _distances(points: Tensor) -> Tensor:
    # Not through a matrix product: its rounding errors exceed eps, and cdist's gradient at 0 is 0.
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def _check(states: Tensor, eps: float) -> None:
    check_kind("states", states, Tensor)
    if not states.is_floating_point():
        raise TypeError(f"states is of type {states.dtype}; it must be of floating point numbers")
    if states.ndim < 2:
        raise ValueError(f"states has shape {tuple(states.shape)}; it must be [..., N, D]")
    if states.shape[-2] < 1:
        raise ValueError(f"states has shape {tuple(states.shape)}; it must hold at least one state")
    check_positive("eps", eps)
