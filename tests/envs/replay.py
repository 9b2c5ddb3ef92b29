"""Noise that is drawn once and fed to several environments."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt


class Recorder:
    """A generator that remembers every array it gave.

    :param seed: seed of the generator behind it.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.given: list[npt.NDArray[np.float64]] = []

    def random(self, size: tuple[int, int]) -> npt.NDArray[np.float64]:
        self.given.append(self._rng.random(size))
        return self.given[-1]


class Feed:
    """A stand-in for a generator that gives what it is told to."""

    def __init__(self) -> None:
        self.next: list[npt.NDArray[np.float64]] = []

    def random(self, size: tuple[int, int]) -> npt.NDArray[np.float64]:
        given = self.next.pop(0)
        assert given.shape == size
        return given


def as_generator(source: Recorder | Feed) -> np.random.Generator:
    """The source, under the type that environments declare."""
    return cast("np.random.Generator", cast("Any", source))
