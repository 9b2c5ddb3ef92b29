"""Checks of arguments: one line that names the field, the value and what would be right."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

Delay: TypeAlias = int | tuple[int, int]
"""A delay in steps, or an inclusive range (low, high) from which every episode draws its own."""


def check_integer(name: str, value: Any, minimum: int) -> int:
    """Return an int of at least `minimum`.

    :raises TypeError: for anything but an int (a bool or a float, for example).
    :raises ValueError: below the minimum.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r} must be an int of at least {minimum}")
    if value < minimum:
        raise ValueError(f"{name}={value!r} must be at least {minimum}")
    return value


def check_delay(name: str, value: Any, minimum: int) -> Delay:
    """Return a delay: an int, or a pair (low, high) with `minimum <= low <= high`.

    :raises TypeError: for a bound that is not an int.
    :raises ValueError: below the minimum, for a reversed range or one without two bounds.
    """
    if not isinstance(value, tuple | list):
        return check_integer(name, value, minimum)
    if len(value) != 2:
        raise ValueError(f"{name}={value!r} must be an int or a range (low, high)")
    low, high = (check_integer(f"{name}[{i}]", bound, minimum) for i, bound in enumerate(value))
    if low > high:
        raise ValueError(f"{name}={value!r} is reversed: low must not exceed high")
    return (low, high)


def delay_bounds(delay: Delay) -> tuple[int, int]:
    """The smallest and the largest delay (steps) that an episode can draw."""
    return delay if isinstance(delay, tuple) else (delay, delay)


def check_probability(name: str, value: Any) -> float:
    """Return a float in [0, 1].

    :raises TypeError: for anything but a number.
    :raises ValueError: outside [0, 1], and for NaN.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}={value!r} must be a number in [0, 1]")
    if math.isnan(value) or not 0.0 <= value <= 1.0:
        raise ValueError(f"{name}={value!r} must lie in [0, 1]")
    return float(value)


def check_flag(name: str, value: Any) -> bool:
    """Return a bool.

    :raises TypeError: for anything else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r} must be True or False")
    return value


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return one of the choices.

    :raises ValueError: for anything else; lists the choices.
    """
    choices = tuple(choices)
    if value not in choices:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, choices))}")
    return str(value)
