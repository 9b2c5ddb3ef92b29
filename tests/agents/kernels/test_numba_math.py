"""Nonlinearities of compiled loops: as exact as float32 allows, and NaN stays NaN."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from warmrl.agents.kernels.numba_math import compiled, sigmoid, tanh


@compiled
def _sigmoids(x: Any, y: Any) -> None:
    for k in range(x.shape[0]):
        y[k] = sigmoid(x[k])


@compiled
def _tanhs(x: Any, y: Any) -> None:
    for k in range(x.shape[0]):
        y[k] = tanh(x[k])


def of(name: str, x: NDArray[Any]) -> NDArray[Any]:
    result = np.empty_like(x)
    {"sigmoid": _sigmoids, "tanh": _tanhs}[name](x, result)
    return result


def exact(name: str, x: NDArray[Any]) -> NDArray[np.float64]:
    wide = x.astype(np.float64)
    return np.tanh(wide) if name == "tanh" else 0.5 + 0.5 * np.tanh(wide / 2)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 4e-7), (np.float64, 5e-16)])
def test_as_exact_as_the_numbers(name: str, dtype: type[np.floating[Any]], error: float) -> None:
    x = np.concatenate((np.linspace(-12, 12, 20_001), np.linspace(-1e-3, 1e-3, 1_001)))
    np.testing.assert_allclose(
        of(name, x.astype(dtype)), exact(name, x.astype(dtype)), rtol=0, atol=error
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 9, 64])  # the compiler treats few numbers differently
def test_ends_and_what_is_no_number(dtype: type[np.floating[Any]], count: int) -> None:
    for name, low in (("sigmoid", 0.0), ("tanh", -1.0)):
        for x, wanted in ((-np.inf, low), (-1e30, low), (1e30, 1.0), (np.inf, 1.0)):
            np.testing.assert_allclose(
                of(name, np.full(count, x, dtype)), wanted, rtol=0, atol=1e-30
            )
        assert np.isnan(of(name, np.full(count, np.nan, dtype))).all()
