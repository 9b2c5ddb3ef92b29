"""The checks on numbers: from environments, of rollouts and of updates."""

from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import Tensor, nn

from warmrl.agents import NotFiniteError
from warmrl.agents.finite import broken_gradient, check_finite, check_rollout

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


def rollout(**faults: tuple[int, int]) -> dict[str, Tensor]:
    """Five steps of two environments, each number NaN at ``(t, env)`` if so asked."""
    fields = {name: torch.zeros(5, 2) for name in ("reward", "value")}
    for name, at in faults.items():
        fields[name][at] = torch.nan
    return fields


def states(at: tuple[int, int, int, int] | None = None) -> RNNStates:
    """Of one layer of three units; infinite at ``(part, layer, env, unit)``."""
    parts = torch.zeros(4, 1, 2, 3)
    if at is not None:
        parts[at] = torch.inf
    return RNNStates((parts[0], parts[1]), (parts[2], parts[3]))


@pytest.mark.parametrize(
    ("faults", "state", "message"),
    [
        ({"reward": (0, 0)}, None, "reward nan of environment 0 at step 102: it must be finite"),
        ({"value": (4, 1)}, None, "value nan of environment 1 at step 110"),
        ({"reward": (3, 0), "value": (2, 1)}, None, "value nan of environment 1 at step 106"),
        ({"reward": (2, 0), "value": (2, 1)}, None, "reward nan of environment 0 at step 106"),
        ({"value": (1, 1)}, (0, 0, 1, 2), "recurrent state inf of environment 1 at step 104"),
        ({"value": (1, 1)}, (3, 0, 1, 0), "recurrent state inf of environment 1 at step 104"),
        ({"value": (1, 1)}, (1, 0, 0, 2), "value nan of environment 1 at step 104"),
    ],
)
def test_the_first_fault_of_a_rollout_is_named(
    faults: dict[str, tuple[int, int]], state: tuple[int, int, int, int] | None, message: str
) -> None:
    """Ten steps of training that ended with step 110."""
    with pytest.raises(NotFiniteError, match=f"^{message}"):
        check_rollout(rollout(**faults), states(state), 110)


def test_finite_rollouts_pass() -> None:
    check_rollout(rollout(), states(), 110)


@pytest.mark.parametrize(
    ("loss", "gradient", "named"),
    [
        (1.0, [0.0, torch.nan], "gradient of b nan"),
        (1.0, [-torch.inf, 0.0], "gradient of b -inf"),
        (torch.inf, [torch.nan, 0.0], "value loss inf"),
        (1.0, [1e30, 1e30], "norm of the gradient inf"),
    ],
)
def test_what_breaks_an_update_is_named(loss: float, gradient: list[float], named: str) -> None:
    a, b, still = (nn.Parameter(torch.zeros(2)) for _ in range(3))
    a.grad, b.grad = torch.zeros(2), torch.tensor(gradient)
    losses = {"policy loss": torch.tensor(0.0), "value loss": torch.tensor(loss)}
    error = broken_gradient(losses, [("still", still), ("a", a), ("b", b)], 7)
    assert str(error) == (
        f"{named} in the update at step 7: it must be finite; learning_rate or reward_scale must "
        "be smaller"
    )
