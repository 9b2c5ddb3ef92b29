"""Checks of arguments: one line that names the field, the value and what would be right."""

import math
import operator
from collections.abc import Iterable
from importlib.util import find_spec
from numbers import Real
from typing import Any


def check_integer(name: str, value: Any, minimum: int) -> int:
    """Return an int of at least ``minimum``, also for one of NumPy's.

    :raises TypeError: for anything but an integer (a bool or a float, for example)
    :raises ValueError: below the minimum
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}={value!r} must be an int of at least {minimum}")
    integer = operator.index(value)
    if integer < minimum:
        raise ValueError(f"{name}={value!r} must be at least {minimum}")
    return integer


def check_number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a finite float from ``low`` to ``high``, both included.

    :raises TypeError: for anything but a number
    :raises ValueError: outside the range, for NaN and for infinity
    """
    if high < math.inf:
        right = f"a number from {low:g} to {high:g}"
    else:
        right = "a finite number" if low == -math.inf else f"a number of at least {low:g}"
    number = _real(name, value, right)
    if not (low <= number <= high and math.isfinite(number)):
        raise ValueError(f"{name}={value!r} must be {right}")
    return number


def check_positive(name: str, value: Any) -> float:
    """Return a finite float above 0.

    :raises TypeError: for anything but a number
    :raises ValueError: for 0 and below, NaN and infinity
    """
    number = _real(name, value, "a positive number")
    if not 0 < number < math.inf:
        raise ValueError(f"{name}={value!r} must be a positive number")
    return number


def check_flag(name: str, value: Any) -> bool:
    """Return a bool.

    :raises TypeError: for anything else, 0 and 1 too
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r} must be True or False")
    return value


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return one of the choices.

    :raises ValueError: for anything else; lists the choices
    """
    choices = tuple(choices)
    if value not in choices:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(choices)}")
    return str(value)


def check_kind(name: str, value: Any, kind: type) -> None:
    """Check that an argument is of a class.

    :raises TypeError: if it is not
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} is of type {type(value).__name__}; it must be {kind.__name__}")


def check_installed(package: str, extra: str) -> None:
    """Check that the package of an extra is there.

    :raises ValueError: if it is not, with the command that installs it
    """
    if find_spec(package) is None:
        raise ValueError(f"{extra} needs {package}; install it: pip install 'warmrl[{extra}]'")


def _real(name: str, value: Any, right: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}={value!r} must be {right}")
    return float(value)


def check_fields(given: Iterable[str], wanted: Iterable[str]) -> None:
    """Check that a mapping has just the fields that it should.

    :raises ValueError: naming those that are unknown, or missing
    """
    given, wanted = set(given), set(wanted)
    for names, wrong in ((given - wanted, "unknown"), (wanted - given, "missing")):
        if names:
            raise ValueError(f"{', '.join(sorted(names))}: {wrong}")
