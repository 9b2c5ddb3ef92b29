"""Products and stretches of compiled loops, against NumPy's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.errors import TypingError
from numpy.typing import NDArray

from warmrl.agents.kernels.gemm import FEW, add_product, add_transposed_product, put_product
from warmrl.agents.kernels.numba_math import apart, compiled, stretch

sizes = st.integers(1, FEW + 5)
dtypes = st.sampled_from([np.float32, np.float64])


@compiled
def _put(a: Any, b: Any, c: Any) -> None:
    put_product(a[:, 1:], b[:, 1:], c[:, 1:])


@compiled
def _add(a: Any, b: Any, c: Any) -> None:
    add_product(a[:, 1:], b[:, 1:], c[:, 1:])


@compiled
def _add_transposed(a: Any, b: Any, c: Any) -> None:
    add_transposed_product(a[:, 1:], b[:, 1:], c[:, 1:])


def drawn(rows: int, columns: int, dtype: Any) -> NDArray[Any]:
    """With a column before, which is no part of it."""
    rng = np.random.default_rng([rows, columns])
    return rng.standard_normal((rows, columns + 1)).astype(dtype)


@settings(max_examples=60, deadline=None)
@given(n=sizes, m=sizes, k=sizes, dtype=dtypes)
def test_products_of_columns_are_numpys(n: int, m: int, k: int, dtype: Any) -> None:
    b, before = drawn(m, k, dtype), drawn(n, k, dtype)
    atol = 1e-4 if dtype is np.float32 else 1e-12
    for product, a, share in (
        (_put, drawn(n, m, dtype), 0),
        (_add, drawn(n, m, dtype), 1),
        (_add_transposed, drawn(m, n, dtype), 1),
    ):
        c = before.copy()
        product(a, b, c)
        left = a[:, 1:].T if product is _add_transposed else a[:, 1:]
        wanted = left @ b[:, 1:] + share * before[:, 1:]
        np.testing.assert_allclose(c[:, 1:], wanted, rtol=0, atol=atol)
        assert (c[:, 0] == before[:, 0]).all()


@apart
def _double(values: Any) -> None:
    for j in range(values.shape[0]):
        values[j] *= 2


@compiled
def _double_stretch(array: Any, row: Any, start: Any, n: Any) -> None:
    _double(stretch(array, row, start, n))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stretch_is_part_of_a_row(dtype: Any) -> None:
    array = np.ones((3, 7), dtype)
    _double_stretch(array, 1, 2, 4)
    wanted = np.ones((3, 7), dtype)
    wanted[1, 2:6] = 2
    np.testing.assert_array_equal(array, wanted)
    wide = np.ones((3, 9), dtype)
    _double_stretch(wide[:, :7], 2, 0, 7)  # whose rows do not follow each other
    wanted = np.ones((3, 9), dtype)
    wanted[2, :7] = 2
    np.testing.assert_array_equal(wide, wanted)


def test_products_are_of_one_type() -> None:
    a, b = np.ones((9, 9)), np.ones((9, 9), np.float32)
    with pytest.raises(TypingError, match="must be of one type"):
        _put(a, b, b)
