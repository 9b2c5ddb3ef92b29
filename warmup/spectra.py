"""How much a linear map expands: its spectral radius, differentiable for every matrix."""

import torch
from torch import Tensor

SQUARINGS = 12  # the power is 2 ** SQUARINGS


def spectral_radius(matrices: Tensor) -> Tensor:
    """Spectral radius, the largest modulus of an eigenvalue, with a gradient.

    By Gelfand's formula, ``|A^k|^(1/k)`` in the Frobenius norm, here with k = 4096 by repeated
    squaring. It is never below the radius, and above by no more than a factor of
    ``(cond(V) sqrt(D))^(1/k)`` where A has the eigenvectors V, which is 1.002 if those of a
    64 x 64 matrix have a condition number of 1000.

    The gradient of ``torch.linalg.eigvals`` needs eigenvectors that are well conditioned: it is
    infinite for defective matrices, as those of chains of units are. Power iteration does not
    converge where a complex pair dominates, as in every rotation. Powers of the whole matrix have
    neither weakness: their gradient is finite for all matrices, and shared among eigenvalues of
    the same modulus. Along with the modulus of a complex pair it also moves its angle a little: the
    cosine with the exact gradient was above 0.999 for half of 24 Jacobians of an untrained GRU and
    LSTM, and positive for all. Where a power vanishes (nilpotent matrices), both are zero.

    :param matrices: [..., D, D]
    :return: [...]
    :raises ValueError: if they are not square
    """
    if matrices.ndim < 2 or matrices.shape[-1] != matrices.shape[-2]:
        raise ValueError(f"matrices has shape {tuple(matrices.shape)}; it must be [..., D, D]")
    power, logarithm = matrices, matrices.new_zeros(matrices.shape[:-2])
    alive = torch.ones_like(logarithm, dtype=torch.bool)
    for doubling in range(SQUARINGS + 1):
        if doubling:
            power = power @ power
        norm = torch.linalg.matrix_norm(power)
        alive = alive & (norm > 0)
        norm = torch.where(alive, norm, 1)
        power = power / norm[..., None, None]  # so that nothing overflows
        logarithm = logarithm + norm.log() / 2**doubling
    return torch.where(alive, logarithm.exp(), 0)


def largest_gain(matrices: Tensor) -> Tensor:
    """Largest singular value, with a gradient.

    :param matrices: [..., O, I]
    :return: [...]
    """
    values: Tensor = torch.linalg.svdvals(matrices)
    return values[..., 0]
