"""Observations of any structure, as Stable-Baselines3 reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space

READ = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
SMALLEST_IMAGE = 36  # pixels a side; SB3's NatureCNN has nothing left of smaller ones

Path: TypeAlias = tuple["str | int", ...]


class ReadableObservation(gym.ObservationWrapper[Any, Any, Any]):
    """One level of parts, each of which has a features extractor in Stable-Baselines3.

    - Nested `Dict` and `Tuple` observations become a flat `Dict`: "inner/part", "0", "1".
    - Text is left out; `left_out` names it.
    - Images too small for SB3's `NatureCNN` (36 pixels a side) become vectors: grey, RGB and RGBA
      ones in [0, 1], as SB3 scales images, and those of other channels, one-hot ones for example,
      as they are.
    - `Discrete` and `MultiDiscrete` start at 0.

    :param env: the environment.
    :raises ValueError: if it shows nothing but text, or what has no features extractor.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        parts = dict(_parts(env.observation_space))
        read = {path: part for path, part in parts.items() if not _is_text(part)}
        self.left_out = tuple(_name(path) for path in parts if path not in read)
        """Names of the parts that are text."""
        if not read:
            raise ValueError(f"observations are {env.observation_space}; they must be numbers")
        right = ", ".join(kind.__name__ for kind in READ)
        for path, part in read.items():
            if not isinstance(part, READ):
                named = f"observation {_name(path)!r} is" if path else "observations are"
                raise ValueError(
                    f"{named} {part}; they must be one of {right}, or a Dict or Tuple of them"
                )
        self._flat = () in read
        self._readers = [(path, _name(path), _reader(part)) for path, part in read.items()]
        shown = {_name(path): _readable(part) for path, part in read.items()}
        self.observation_space = shown[""] if self._flat else spaces.Dict(shown)

    def observation(self, observation: Any) -> Any:
        """See `gymnasium.ObservationWrapper`."""
        shown = {name: read(_at(observation, path)) for path, name, read in self._readers}
        return shown[""] if self._flat else shown


def make_readable(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    """The environment itself if SB3 reads its observations, else in a `ReadableObservation`.

    :raises ValueError: if there is no way to read them.
    """
    wrapped = ReadableObservation(env)
    return env if wrapped.observation_space == env.observation_space else wrapped


def _parts(space: spaces.Space[Any], path: Path = ()) -> Iterator[tuple[Path, spaces.Space[Any]]]:
    """The spaces at the leaves, and the way there."""
    if isinstance(space, spaces.Dict):
        for key, part in space.items():
            yield from _parts(part, (*path, key))
    elif isinstance(space, spaces.Tuple):
        for i, part in enumerate(space):
            yield from _parts(part, (*path, i))
    else:
        yield path, space


def _at(observation: Any, path: Path) -> Any:
    for key in path:
        observation = observation[key]
    return observation


def _name(path: Path) -> str:
    return "/".join(map(str, path))


def _is_text(space: spaces.Space[Any]) -> bool:
    # By the dtype: MiniGrid's space of missions is no spaces.Text.
    return space.dtype is not None and space.dtype.kind == "U"


def _readable(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """The space of what a `_reader` returns."""
    if _is_small_image(space):
        high = 255 / _scale(space)
        return spaces.Box(0, high, (int(np.prod(space.shape or ())),), np.float32)
    if isinstance(space, spaces.Discrete):
        return spaces.Discrete(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return spaces.MultiDiscrete(space.nvec, space.dtype.type)
    return space


def _reader(space: spaces.Space[Any]) -> Callable[[Any], Any]:
    """How a value is read, decided once: telling an image takes longer than reading it."""
    if _is_small_image(space):
        scale = np.float32(_scale(space))
        return lambda value: np.asarray(value, np.float32).flatten() / scale
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        start = space.start
        return lambda value: value - start
    return lambda value: value


def _is_small_image(space: spaces.Space[Any]) -> bool:
    # The smallest axis is that of the channels, or there are so many that all are images' sides.
    return is_image_space(space) and sorted(space.shape or ())[1] < SMALLEST_IMAGE


def _scale(image: spaces.Space[Any]) -> int:
    """What SB3 divides the pixels by, if they are grey, RGB or RGBA, channels last or first."""
    first, *sides, last = image.shape or ()
    return 255 if last in (1, 3, 4) or (first in (1, 3, 4) and first < min(*sides, last)) else 1
