"""Noise of which every environment of a batch has a stream of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..checks import check_integer

Mask = npt.NDArray[np.bool_]


class Streams:
    """N generators, one for each environment.

    An environment draws what it would draw alone: how many there are beside it, and when those
    start anew, makes no difference.

    :param generators: one for each environment.
    """

    def __init__(self, generators: Sequence[np.random.Generator]) -> None:
        self.generators = list(generators)

    def only(self, drawing: Mask) -> SomeStreams:
        """What noise is drawn from where some environments need none.

        :param drawing: which environments draw, `[N]`.
        """
        return SomeStreams(self.generators, drawing)


class SomeStreams:
    """Noise of some of the environments; a `NoiseSource`, with zeros for the others.

    :param generators: one for each environment.
    :param drawing: which environments draw, `[N]`.
    """

    def __init__(self, generators: Sequence[np.random.Generator], drawing: Mask) -> None:
        self._generators, self._drawing = generators, drawing

    def random(self, size: tuple[int, int], /) -> npt.NDArray[np.float64]:
        """Numbers uniform on [0, 1), `[N, width]`."""
        noise = np.zeros(size)
        for i in np.flatnonzero(self._drawing).tolist():
            noise[i] = self._generators[i].random(size[1])
        return noise


def check_seeds(seeds: Sequence[int | None], n: int) -> list[int | None]:
    """Return one seed for each environment.

    :param seeds: at least 0 each; None leaves an environment's stream as it is.
    :param n: number of environments N.
    :raises TypeError: for one that is no int.
    :raises ValueError: for another number of seeds, or a negative one.
    """
    if not hasattr(seeds, "__len__"):
        check_integer("seed", seeds, 0)
    seeds = list(seeds)
    if len(seeds) != n:
        raise ValueError(f"seed={seeds!r} has {len(seeds)} seeds; it must have one for each of {n}")
    return [s if s is None else check_integer(f"seed[{i}]", s, 0) for i, s in enumerate(seeds)]
