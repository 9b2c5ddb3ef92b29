"""What two vector environments say of the same step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest


def check_infos(
    dones: npt.NDArray[np.bool_],
    infos: Sequence[dict[str, Any]],
    others: Sequence[dict[str, Any]],
    abs: float,
) -> int:
    """Check that they say the same.

    :param abs: by how much returns may differ
    :return: how many episodes have ended
    """
    for done, info, other in zip(dones, infos, others, strict=True):
        if not done:
            assert info == {}
            continue
        assert set(info) == set(other)
        assert np.array_equal(info["terminal_observation"], other["terminal_observation"])
        assert info["TimeLimit.truncated"] is other["TimeLimit.truncated"]
        assert info["is_success"] is other["is_success"]
        assert info["episode"]["l"] == other["episode"]["l"]
        assert info["episode"]["r"] == pytest.approx(other["episode"]["r"], abs=abs)
        assert info["episode"]["t"] >= 0
    return int(dones.sum())
