"""Numbers from noise."""

from typing import Any

import numpy as np
import pytest
import torch

from warmrl.envs.arrays import uniform_integers


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", [np.asarray, torch.from_numpy])
def test_integers_are_uniform_and_below_their_number(dtype: Any, backend: Any) -> None:
    one = dtype(1)
    for count in (*range(1, 3000), 2**20 - 1, 2**20):
        ends = np.array([0, np.nextafter(one, dtype(0))], dtype=dtype)
        assert uniform_integers(backend(ends), count).tolist() == [0, count - 1]
    middles = (np.arange(7, dtype=dtype) + dtype(0.5)) / 7
    drawn = uniform_integers(backend(middles), 7)
    assert drawn.tolist() == list(range(7))
    assert str(drawn.dtype).endswith("int64")
