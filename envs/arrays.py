"""Operations on arrays of any backend that the task dynamics are written in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device

Array: TypeAlias = Any
"""An array of any backend that `array_api_compat` knows: NumPy arrays, torch tensors, ..."""

State = TypeVar("State")

GAUSSIAN_LIMIT = 9.0
"""Bound on `gaussian`: 53-bit uniforms give at most sqrt(2 * 53 * ln 2) = 8.6."""


class Table:
    """Constant rows, picked by an integer array of any backend and device.

    :param rows: the constants, shape `[R, ...]`.
    """

    def __init__(self, rows: npt.NDArray[Any]) -> None:
        self._rows = rows
        self._numbers: list[Any] | None = rows.tolist() if rows.ndim == 1 else None
        self._copies: dict[Any, Array] = {}

    def __reduce__(self) -> tuple[type[Table], tuple[npt.NDArray[Any]]]:
        return Table, (self._rows,)

    def pick(self, index: Array) -> Array:
        """Rows at `index` (`[N]` integers), shape `[N, ...]`, on the index's backend and device.

        A Python integer picks one row: a Python number, or a new array.
        """
        if isinstance(index, int):
            return self._rows[index].copy() if self._numbers is None else self._numbers[index]
        if isinstance(index, np.ndarray):
            return self._rows.take(index, axis=0)
        xp = array_namespace(index)
        key = (xp, device(index))
        if key not in self._copies:
            self._copies[key] = xp.asarray(self._rows, device=device(index))
        return xp.take(self._copies[key], index, axis=0)


def uniform_integers(noise: Array, count: int) -> Array:
    """Integers uniform over 0..count-1 (int64) from noise uniform on [0, 1).

    The product never rounds up to `count`: with p bits of precision noise is 1 - 2^-p at most, and
    count 2^-p is more than half of what separates `count` from the float below it.
    """
    xp = array_namespace(noise)
    return xp.astype(noise * count, xp.int64)


def gaussian(first: Array, second: Array) -> Array:
    """Standard normal float32 samples from two arrays uniform on [0, 1) (Box and Muller 1958).

    `1 - first` lies in (0, 1], so that the logarithm is finite.
    """
    xp = array_namespace(first, second)
    radius = xp.sqrt(-2.0 * xp.log(1.0 - first))
    return xp.astype(radius * xp.cos(2.0 * math.pi * second), xp.float32)


def map_fields(function: Callable[..., Array], *states: State) -> State:
    """Apply a function to every array field of (nested) NamedTuples of the same type."""
    first = states[0]
    if isinstance(first, tuple):
        fields = zip(*cast("tuple[tuple[Any, ...], ...]", states), strict=True)
        return cast("State", type(first)(*(map_fields(function, *field) for field in fields)))
    return cast("State", function(*states))


def named_fields(state: Any, name: str = "state") -> dict[str, Array]:
    """Every array field of (nested) NamedTuples, by its path: "state.task.time"."""
    if not isinstance(state, tuple):
        return {name: state}
    inner: tuple[str, ...] = getattr(type(state), "_fields")  # noqa: B009
    parts = (named_fields(part, f"{name}.{f}") for f, part in zip(inner, state, strict=True))
    return {path: array for part in parts for path, array in part.items()}


def with_named_fields(state: State, fields: Mapping[str, Array], name: str = "state") -> State:
    """A state like another one, of the fields that `named_fields` gave."""
    if not isinstance(state, tuple):
        return cast("State", fields[name])
    inner: tuple[str, ...] = getattr(type(state), "_fields")  # noqa: B009
    parts = zip(inner, state, strict=True)
    made = (with_named_fields(part, fields, f"{name}.{f}") for f, part in parts)
    return cast("State", type(state)(*made))


def select(mask: Array, chosen: State, other: State) -> State:
    """Rows of `chosen` where the boolean `mask` (`[N]`) holds, of `other` elsewhere."""
    xp = array_namespace(mask)

    def pick(new: Array, old: Array) -> Array:
        return xp.where(xp.reshape(mask, (-1,) + (1,) * (new.ndim - 1)), new, old)

    return map_fields(pick, chosen, other)


def rows(state: State, index: Array) -> State:
    """The rows at `index` of every field of a state."""
    return map_fields(lambda field: field[index], state)


def with_rows(state: State, index: npt.NDArray[np.int64], fresh: State) -> State:
    """A NumPy state whose rows at `index` are those of a smaller state, in the same order.

    What `select` does, several times faster when few rows change.
    """

    def put(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> npt.NDArray[Any]:
        changed = old.copy()
        changed[index] = new
        return changed

    return map_fields(put, state, fresh)
