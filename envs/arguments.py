"""Delays, as the tasks take them."""

from __future__ import annotations

from typing import Any, TypeAlias

from ..checks import check_integer

Delay: TypeAlias = int | tuple[int, int]
"""A delay in steps, or an inclusive range (low, high) from which every episode draws its own."""


LONGEST_DELAY = 2**40
"""Steps; counters of steps, several times as large, are 64-bit integers."""


def check_delay(name: str, value: Any, minimum: int) -> Delay:
    """Return a delay: an int, or a pair (low, high) with `minimum <= low <= high`.

    Delays end at `LONGEST_DELAY`.

    :raises TypeError: for a bound that is not an int.
    :raises ValueError: below the minimum, beyond the longest, for a reversed range or one without
        two bounds.
    """
    if not isinstance(value, tuple | list):
        return _check_bound(name, value, minimum)
    if len(value) != 2:
        raise ValueError(f"{name}={value!r} must be an int or a range (low, high)")
    low, high = (_check_bound(f"{name}[{i}]", bound, minimum) for i, bound in enumerate(value))
    if low > high:
        raise ValueError(f"{name}={value!r} is reversed: low must not exceed high")
    return (low, high)


def _check_bound(name: str, value: Any, minimum: int) -> int:
    bound = check_integer(name, value, minimum)
    if bound > LONGEST_DELAY:
        raise ValueError(f"{name}={value!r} must be at most {LONGEST_DELAY}")
    return bound


def delay_bounds(delay: Delay) -> tuple[int, int]:
    """The smallest and the largest delay (steps) that an episode can draw."""
    return delay if isinstance(delay, tuple) else (delay, delay)
