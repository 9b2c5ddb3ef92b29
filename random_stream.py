"""The state of a NumPy generator as an array."""

from typing import Any

import numpy as np
import numpy.typing as npt

_HALF = (1 << 64) - 1


def stream_state(generator: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Where a generator's stream is.

    :param generator: one of ``np.random.default_rng``
    :return: [6]: PCG64's state and increment, their upper 64 bits first, then whether half of the
        last draw is left over, and that half
    :raises TypeError: for a generator of another algorithm
    """
    state: dict[str, Any] = dict(generator.bit_generator.state)
    _check_algorithm(state["bit_generator"])
    numbers = state["state"]
    halves = [part for n in ("state", "inc") for part in (numbers[n] >> 64, numbers[n] & _HALF)]
    return np.array([*halves, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def set_stream_state(generator: np.random.Generator, state: npt.NDArray[np.uint64]) -> None:
    """Put a generator where another one was.

    :param generator: one of ``np.random.default_rng``
    :param state: what :func:`stream_state` returned, [6]
    :raises TypeError: for a generator of another algorithm
    """
    _check_algorithm(generator.bit_generator.state["bit_generator"])
    high, low, inc_high, inc_low, left, half = (int(part) for part in state)
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
        "has_uint32": left,
        "uinteger": half,
    }


def _check_algorithm(name: str) -> None:
    if name != "PCG64":
        raise TypeError(f"generator of {name} must be one of np.random.default_rng (PCG64)")
