"""What counts as the same, and what as a refusal."""

import linecache
from collections.abc import Mapping
from traceback import walk_tb
from typing import Any

import numpy as np
import torch


def same(what: str, ours: Any, theirs: Any, rtol: float = 1e-4, atol: float = 2e-5) -> None:
    """Hold a number, array, tensor or container of ours to upstream's, types and shapes too.

    :param what: how it is called in the error
    :raises AssertionError: where they differ
    """
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, torch.Tensor), f"{what} is a {type(ours).__name__}, not a tensor"
        ours, theirs = ours.detach().cpu().numpy(), theirs.detach().cpu().numpy()
    if isinstance(theirs, Mapping):
        assert set(ours) == set(theirs), f"{what} has {set(ours)}, upstream {set(theirs)}"
        for key in theirs:
            if key != "t":  # seconds
                same(f"{what}[{key!r}]", ours[key], theirs[key], rtol, atol)
    elif isinstance(theirs, (tuple, list)):
        kinds = f"{type(ours).__name__}, upstream's a {type(theirs).__name__}"
        assert type(ours) is type(theirs), f"{what} is a {kinds}"
        assert len(ours) == len(theirs), f"{what}: {len(ours)} of them, upstream {len(theirs)}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            same(f"{what}[{i}]", a, b, rtol, atol)
    elif isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray), f"{what} is a {type(ours).__name__}, not an array"
        assert ours.shape == theirs.shape, f"{what}: {ours.shape}, upstream {theirs.shape}"
        assert ours.dtype == theirs.dtype, f"{what}: {ours.dtype}, upstream {theirs.dtype}"
        differ = ~np.isclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)
        if differ.any():
            at = tuple(int(i) for i in np.argwhere(differ)[0])
            raise AssertionError(f"{what}{list(at)}: {ours[at]}, upstream {theirs[at]}")
    elif isinstance(theirs, (bool, int, float, np.generic)):
        close = np.isclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)
        assert close, f"{what}: {ours}, upstream {theirs}"
    else:
        assert ours is theirs, f"{what}: {ours}, upstream {theirs}"


def refuses(error: Exception | None) -> bool:
    """Whether an error is one line for a user, raised on purpose."""
    if not isinstance(error, (ValueError, TypeError)) or "\n" in str(error):
        return False
    frame, line = list(walk_tb(error.__traceback__))[-1]
    return linecache.getline(frame.f_code.co_filename, line).strip().startswith("raise ")


def raised_by_ours(error: Exception) -> bool:
    """Whether an error arose in code of ours, when upstream's algorithm ran our policy."""
    modules = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    known = [name for name in modules if name.startswith(("warmrl.agents", "stable_b", "sb3_"))]
    return bool(known) and known[-1].startswith("warmrl")
