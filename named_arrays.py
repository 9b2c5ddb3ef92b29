"""Arrays by name: what a state that is saved consists of."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy.typing as npt

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
    for name in sorted(given.keys() | wanted.keys()):
        if name not in wanted:
            raise ValueError(f"{name} is unknown; it must be left out")
        if name not in given:
            raise ValueError(f"{name} is missing; it must be {_shown(wanted[name])}")
        if _shown(given[name]) != _shown(wanted[name]):
            raise ValueError(f"{name} is {_shown(given[name])}; it must be {_shown(wanted[name])}")


def split_off(wanted: Arrays, arrays: Arrays) -> tuple[Arrays, Arrays]:
    """The arrays that are named as others, checked to be like them, and the rest.

    :raises ValueError: if one is missing or differs in shape or dtype
    """
    taken = {name: array for name, array in arrays.items() if name in wanted}
    check_like(taken, wanted)
    return taken, {name: array for name, array in arrays.items() if name not in wanted}


def _shown(array: npt.NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
