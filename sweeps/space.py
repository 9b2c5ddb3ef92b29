"""What is searched: ranges and choices, as the command line has them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .grid import Grid, assignment, read_values, text

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(rf"(log:)?({NUMBER}):({NUMBER})(?::({NUMBER}))?")


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; integers if both are."""

    low: float
    high: float
    log: bool = False
    """whether every factor, not every difference, is as likely"""
    step: float | None = None

    @property
    def examples(self) -> tuple[float, ...]:
        """Values that must be right if all of them are."""
        return (self.low, self.high)

    def value(self, said: Any) -> Any:
        """A value of the setting, from Optuna's."""
        return said

    def to_json(self) -> dict[str, Any]:
        """What defines it."""
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]

    @property
    def examples(self) -> tuple[Any, ...]:
        """All of them."""
        return self.values

    @property
    def names(self) -> list[str]:
        """What Optuna calls the values, of which some are tuples."""
        return [text(value) for value in self.values]

    def value(self, said: Any) -> Any:
        """A value of the setting, from Optuna's."""
        return self.values[self.names.index(said)]

    def to_json(self) -> list[Any]:
        """What defines it."""
        return [list(value) if isinstance(value, tuple) else value for value in self.values]


Space: TypeAlias = dict[str, Range | Choice]


def read_space(texts: Sequence[str], grid: Grid) -> Space:
    """The space of a command line's search.

    :param texts: each ``FIELD=LOW:HIGH``, ``FIELD=LOW:HIGH:STEP``, ``FIELD=log:LOW:HIGH`` or
        ``FIELD=VALUE,VALUE,...``
    :param grid: what is varied already
    :raises ValueError: if a text is of another form, a field unknown, or anything there twice
    """
    space: Space = {}
    for words in texts:
        name, said = assignment("search", words)
        if name in grid:
            raise ValueError(f"search={words!r}: {name} must be in the grid or in the search")
        if name in space:
            raise ValueError(f"search={words!r}: {name} must be given once")
        found = RANGE.fullmatch(said.strip())
        if found is not None:
            space[name] = _range(words, found)
            continue
        values = read_values("search", words, name, said)
        if len(values) < 2 or said.startswith("log:"):
            raise ValueError(
                f"search={words!r} must be FIELD=LOW:HIGH, FIELD=LOW:HIGH:STEP, "
                "FIELD=log:LOW:HIGH, or FIELD=VALUE,VALUE,..."
            )
        space[name] = Choice(values)
    return space


def _range(words: str, found: re.Match[str]) -> Range:
    low, high, step = (None if part is None else _number(part) for part in found.groups()[1:])
    assert low is not None
    assert high is not None
    log = found[1] is not None
    if low >= high:
        raise ValueError(f"search={words!r}: {low} must be less than {high}")
    if log and (low <= 0 or step is not None):
        right = "above 0" if low <= 0 else "without a step"
        raise ValueError(f"search={words!r}: a range with log must be {right}")
    if step is not None and not 0 < step <= high - low:
        raise ValueError(f"search={words!r}: the step must be more than 0, at most {high - low}")
    return Range(low, high, log, step)


def _number(said: str) -> float:
    return int(said) if re.fullmatch(r"[+-]?\d+", said) else float(said)
