"""Everything that numba compiles: time loops of cells, heads of policies, the loss of PPO.

The names below are the only way in: they check what they are given, once. Each kernel has a twin in
plain torch, which runs where kernels cannot: without numba or with one that was never tried, on a
GPU, in half precision, and with ``WARMRL_KERNELS=off``.
"""

from .available import can_run, wanted
from .checks import check_pair, check_step, check_weights
from .door import heads, limited_threads, loss, sequence, step
from .plain import Coefficients, Heads, Taken

__all__ = [
    "Coefficients",
    "Heads",
    "Taken",
    "can_run",
    "check_pair",
    "check_step",
    "check_weights",
    "heads",
    "limited_threads",
    "loss",
    "sequence",
    "step",
    "wanted",
]
