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
TRIED = ((0, 61), (0, 68))
"""the oldest and the newest numba that this package was tried with; private parts of it are used"""


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
    """Check that numba is there, compiles, and is of a version that was tried.

    :raises ImportError: otherwise
    """
    numba = import_module("numba")
    oldest, newest = (".".join(map(str, version)) for version in TRIED)
    found = tuple(int(part) for part in re.findall(r"\d+", numba.__version__)[:2])
    if not TRIED[0] <= found <= TRIED[1]:
        raise ImportError(f"numba {numba.__version__} must be from {oldest} to {newest}")
    if numba.config.DISABLE_JIT:
        raise ImportError("NUMBA_DISABLE_JIT is set; it must not be")


def can_run(x: Tensor) -> bool:
    """Whether kernels can run on a tensor: in single or double precision, on a CPU."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and compiled() is not None
    )
