"""A generator goes on where another was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmrl.random_stream import set_stream_state, stream_state


@given(seed=st.integers(0, 2**64), draws=st.integers(0, 5), other=st.integers(0, 2**64))
def test_the_stream_goes_on(seed: int, draws: int, other: int) -> None:
    generator, second = np.random.default_rng(seed), np.random.default_rng(other)
    generator.integers(0, 2**16, size=draws, dtype=np.uint32)  # an odd number leaves half a draw
    set_stream_state(second, stream_state(generator))
    assert generator.bit_generator.state == second.bit_generator.state
    assert (
        generator.integers(0, 9, 5, dtype=np.uint32).tolist()
        == second.integers(0, 9, 5, dtype=np.uint32).tolist()
    )
    assert generator.random() == second.random()


def test_another_algorithm() -> None:
    other = np.random.Generator(np.random.MT19937(0))
    with pytest.raises(
        TypeError, match="generator of MT19937 must be one of np.random.default_rng"
    ):
        stream_state(other)
    with pytest.raises(
        TypeError, match="generator of MT19937 must be one of np.random.default_rng"
    ):
        set_stream_state(other, stream_state(np.random.default_rng(0)))
