"""What is varied: settings as the command line has them, and the points of a grid."""

import dataclasses
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from ..training import TrainConfig
from ..training.settings import check_setting

Settings: TypeAlias = dict[str, Any]
"""values by the name of a setting, or by ``env_kwargs.NAME``"""
Grid: TypeAlias = dict[str, tuple[Any, ...]]

NESTED = "env_kwargs"
ELSEWHERE = {"seed": "--seeds", "run_dir": "the sweep's folder", "config": "--config"}
VALUES = re.compile(r",(?![^\[]*\])")  # a comma that is in no list
NOT_IN_NAMES = re.compile(r"[^\w.,=+-]+")  # of folders
WORDS = {"True": True, "False": False, "None": None}


@dataclass(frozen=True)
class Point:
    """One combination of the values of a grid."""

    settings: Settings

    @property
    def name(self) -> str:
        """Of its group of runs, and of their folder: ``cell=lstm,length=5-20``."""
        return settings_name(self.settings)


def settings_name(settings: Settings) -> str:
    """Settings in a name that is one for a folder, too."""
    said = ",".join(f"{name.removeprefix(f'{NESTED}.')}={text(v)}" for name, v in settings.items())
    return NOT_IN_NAMES.sub("-", said)


def text(value: Any) -> str:
    """A value as it is written on the command line of a sweep."""
    if isinstance(value, tuple):
        return " ".join(map(text, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else str(value)


def read_grid(texts: Sequence[str]) -> Grid:
    """The grid of a command line.

    :param texts: each ``FIELD=VALUE,VALUE,...``
    :return: the values of each field, as a :class:`~warmrl.training.TrainConfig` has them
    :raises ValueError: if a text is of another form, a field unknown, or anything there twice
    """
    grid: Grid = {}
    for words in texts:
        name, said = assignment("grid", words)
        if name in grid:
            raise ValueError(f"grid={words!r}: {name} must be given once")
        grid[name] = read_values("grid", words, name, said)
    return grid


def assignment(flag: str, words: str) -> tuple[str, str]:
    """The two sides of ``FIELD=...``.

    :param flag: of the command line, for what is said of a mistake
    :raises ValueError: if there are not two, or the field is not one to vary
    """
    name, equals, said = words.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not said.strip():
        raise ValueError(f"{flag}={words!r} must be FIELD=..., for example cell=gru,lstm")
    field, dot, argument = name.partition(".")
    check_setting(field, said)
    if field in ELSEWHERE:
        raise ValueError(f"{flag}={words!r}: {field} must be left out; it is {ELSEWHERE[field]}")
    if field == "resume":
        raise ValueError(f"{flag}={words!r}: resume must be left out; a sweep goes on by itself")
    if (field == NESTED) != bool(argument) or (dot and not argument):
        raise ValueError(
            f"{flag}={words!r}: {name} must be the name of a setting, or {NESTED}.NAME for an "
            "argument of the environment"
        )
    return name, said


def read_values(flag: str, words: str, name: str, said: str) -> tuple[Any, ...]:
    """Values between commas.

    :raises ValueError: if one is there twice
    """
    values = tuple(read_value(name, one) for one in VALUES.split(said))
    names = [NOT_IN_NAMES.sub("-", text(value)) for value in values]
    for one in names:
        if names.count(one) > 1:
            raise ValueError(f"{flag}={words!r}: {one} must be there once")
    return values


def read_value(name: str, said: str) -> Any:
    """One value of a setting: its words where it is a tuple, JSON where it is, else itself."""
    words = [_read_word(word) for word in said.split()]
    if name in tuple_fields():
        return None if words == [None] else tuple(words)
    return words[0] if len(words) == 1 else said.strip()


def tuple_fields() -> set[str]:
    """Names of the settings that are tuples."""
    hints = get_type_hints(TrainConfig)
    return {
        name
        for name, hint in hints.items()
        if any(get_origin(kind) is tuple for kind in _alternatives(hint))
    }


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _read_word(word: str) -> Any:
    if word in WORDS:
        return WORDS[word]
    try:
        return json.loads(word)
    except ValueError:
        return word


def points_of(grid: Mapping[str, Sequence[Any]]) -> list[Point]:
    """All combinations; one without settings if nothing is varied."""
    return [
        Point(dict(zip(grid, values, strict=True))) for values in itertools.product(*grid.values())
    ]


def plain(config: TrainConfig) -> dict[str, Any]:
    """The settings that runs share, as JSON: without what each has of its own."""
    data = config.to_json()
    own = (*ELSEWHERE, "resume")
    kept = {f.name: data[f.name] for f in dataclasses.fields(config) if f.name not in own}
    read: dict[str, Any] = json.loads(json.dumps(kept))
    return read
