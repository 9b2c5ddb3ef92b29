"""The check on numbers from environments."""

from typing import Any

import numpy as np
import pytest

from warmrl.agents import NotFiniteError
from warmrl.agents.finite import check_finite

GOOD = np.zeros((3, 2), np.float32)


def bad(at: tuple[int, ...], value: float) -> Any:
    array = GOOD.copy()
    array[at] = value
    return array


@pytest.mark.parametrize(
    "values",
    [GOOD, np.zeros(3, np.uint8), np.full((3, 2), np.finfo(np.float32).max), None, {"a": GOOD}],
)
def test_finite_numbers_pass(values: Any) -> None:
    check_finite("observation", values, 0)


@pytest.mark.parametrize(
    ("values", "env", "message"),
    [
        (bad((1, 0), np.nan), None, "observation nan of environment 1 at step 7: it must be"),
        (bad((2, 1), -np.inf), None, "observation -inf of environment 2 at step 7"),
        (bad((2, 1), np.inf), 5, "observation inf of environment 5 at step 7"),
        ({"a": GOOD, "b": bad((1, 1), np.nan)}, None, "observation 'b' nan of environment 1"),
        ({"b": bad((1, 1), np.nan)}, 0, "observation 'b' nan of environment 0"),
    ],
)
def test_the_first_fault_is_named(values: Any, env: int | None, message: str) -> None:
    with pytest.raises(NotFiniteError, match=f"^{message}"):
        check_finite("observation", values, 7, env)
