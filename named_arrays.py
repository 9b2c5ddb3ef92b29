"""Arrays by name: what a state that is saved consists of."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy.typing as npt

from .checks import check_fields

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


def prefixed(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """The same arrays as ``prefix.name``."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def under(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """Those arrays that :func:`prefixed` named, under their own names."""
    start = f"{prefix}."
    return {name[len(start) :]: a for name, a in arrays.items() if name.startswith(start)}


def check_like(
    given: Mapping[str, npt.NDArray[Any]], wanted: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Check that arrays can take the place of others.

    :raises ValueError: if names, shapes or dtypes differ; names the first that does
    """
    check_fields(given, wanted)
    for name, array in given.items():
        if _shown(array) != _shown(wanted[name]):
            raise ValueError(f"{name} is {_shown(array)}; it must be {_shown(wanted[name])}")


def _shown(array: npt.NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
