"""Whether compiled kernels can run here; where they cannot, their twins in torch do."""

import os
import re
import warnings
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

VARIABLE = "WARMRL_KERNELS"
TRIED = {"llvmlite": ((0, 44), (0, 50)), "numba": ((0, 61), (0, 68))}
"""the oldest and the newest versions that this package was tried with, since it uses private parts
of numba; each numba takes one llvmlite"""


def wanted() -> bool:
    """Whether the user wants kernels: yes, unless the environment variable says off.

    :raises ValueError: if it says neither on nor off
    """
    asked = os.environ.get(VARIABLE) or "on"
    if asked not in ("on", "off"):
        raise ValueError(f"{VARIABLE}={asked!r} must be 'on' or 'off'")
    return asked == "on"


@cache
def compiled() -> Any:
    """The module :mod:`~warmrl.agents.kernels.compiled`, or ``None`` if kernels cannot run.

    Says why not, unless that is what the user asked for.

    :raises ValueError: if the environment variable says neither on nor off
    """
    if not wanted():
        return None
    try:
        _check_numba()
        return import_module(".compiled", __package__)
    except Exception as error:  # whatever it is that this numba lacks, training goes on without it
        reason = " ".join(str(error).split())
        warnings.warn(
            f"kernels are not compiled, so that training takes several times longer: {reason} "
            f"({VARIABLE}=off accepts this silently)",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def _check_numba() -> None:
    """Check that numba is there, is of a version that was tried, and compiles.

    :raises ImportError: otherwise
    """
    for name, (oldest, newest) in TRIED.items():
        version = import_module(name).__version__
        if not oldest <= tuple(map(int, re.findall(r"\d+", version)[:2])) <= newest:
            low, high = (".".join(map(str, bound)) for bound in (oldest, newest))
            raise ImportError(f"{name} {version} must be from {low} to {high}")
    if import_module("numba").config.DISABLE_JIT:
        raise ImportError("NUMBA_DISABLE_JIT is set; it must not be")


def can_run(x: Tensor) -> bool:
    """Whether kernels can run on a tensor: in single or double precision, on a CPU."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and compiled() is not None
    )
