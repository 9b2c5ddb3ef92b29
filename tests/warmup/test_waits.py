"""Waits: which of them are long, and where they end."""

import numpy as np

from warmrl.warmup.waits import ends_of_long_waits


def test_the_last_moments_of_long_waits() -> None:
    #   wait 7 has four moments, wait 3 two, wait 5 one: four are usual, two are half of that
    wait = np.array([7, 3, 7, 5, 3, 7, 7])
    assert ends_of_long_waits(wait).tolist() == [4, 6]
    assert ends_of_long_waits(10 - wait).tolist() == [4, 6]
