"""What can be set on an environment from outside, and what is refused."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from warmrl.envs import (
    DelayedRecall,
    MemoryEnv,
    MemoryTask,
    MemoryVecEnv,
    MemoryVectorEnv,
    MovingCorridor,
    PassiveTMaze,
    RepeatPrevious,
    TensorVecEnv,
    TMaze,
)


@pytest.mark.parametrize(
    ("task", "name", "value", "error", "message"),
    [
        (TMaze(3), "length", 1, ValueError, "length=1 must be at least 2"),
        (TMaze(3), "delay", 1, ValueError, "length=1 must be at least 2"),
        (TMaze(3), "length", 2.5, TypeError, "length=2.5 must be an int"),
        (TMaze(3), "length", (5, 2), ValueError, r"length=\(5, 2\) is reversed"),
        (TMaze(3), "stochasticity", 2, ValueError, "stochasticity=2 must be a number from 0 to 1"),
        (TMaze(3), "observe_previous", False, ValueError, "observe_previous=False would change"),
        (TMaze(3), "task", TMaze(3, observe_previous=False), ValueError, "would change the space"),
        (TMaze(3), "task", DelayedRecall(3), TypeError, "task is of type DelayedRecall; it must"),
        (TMaze(3), "task", 3, TypeError, "task is of type int; it must be TMaze"),
        (DelayedRecall(3), "n_symbols", 4, ValueError, "n_symbols=4 would change the spaces"),
        (DelayedRecall(3), "distractor", "noise", ValueError, "distractor='noise' would change"),
        (MovingCorridor(3), "noise", False, ValueError, "noise=False would change the spaces"),
        (PassiveTMaze(9), "length", 4, ValueError, "length=4 would lead out of the observation"),
        (RepeatPrevious(3), "n_answers", 5, ValueError, "n_answers=5 would lead out of the obs"),
        (TMaze(3), "lenght", 5, AttributeError, "'lenght' cannot be set, nothing would come of"),
        (TMaze(3), "num_envs", 5, AttributeError, "can be set is task, delay, length, observe_"),
        (TMaze(3), "optimal_return", 5, AttributeError, "'optimal_return' cannot be set"),
        (TMaze(3), "render_mode", "ansi", AttributeError, "'render_mode' cannot be set"),
        (TMaze(3), "n_actions", 5, AttributeError, "'n_actions' cannot be set"),
        (TMaze(3), "_returns", 5, AttributeError, "'_returns' cannot be set"),
    ],
)
@pytest.mark.parametrize(
    "kind", [MemoryVecEnv, partial(TensorVecEnv, device="cpu"), MemoryVectorEnv]
)
def test_what_cannot_be_set(
    kind: Any, task: MemoryTask, name: str, value: Any, error: type[Exception], message: str
) -> None:
    env = kind(task, 3)
    env.reset()
    with pytest.raises(error, match=message) as caught:
        env.set_attr(name, [value] * 3 if kind is MemoryVectorEnv else value)
    assert "\n" not in str(caught.value)
    assert env.task == task
    env.step(np.zeros(3, dtype=np.int64))


def test_environments_share_their_attributes() -> None:
    env = MemoryVecEnv(TMaze(3), 3)
    for indices in (0, [0, 2], [-1]):
        with pytest.raises(ValueError, match="length: indices=.* must be None, environments share"):
            env.set_attr("length", 5, indices=indices)
        with pytest.raises(ValueError, match="set_delay: indices=.* must be None"):
            env.env_method("set_delay", 5, indices=indices)
    env.set_attr("length", 5, indices=[0, 1, 2])
    env.set_attr("length", 6, indices=range(-3, 0))
    assert env.get_attr("length") == [6] * 3
    vector = MemoryVectorEnv(TMaze(3), 3)
    for values in ([4, 5, 4], (2, 5), [4] * 4):
        with pytest.raises(ValueError, match="length=.* must be one value, or the same 3 times"):
            vector.set_attr("length", values)
    vector.set_attr("length", [(2, 5)] * 3)
    assert vector.get_attr("length") == ((2, 5),) * 3


def test_a_single_environment_refuses_what_it_does_not_have() -> None:
    env = MemoryEnv(TMaze(3))
    with pytest.raises(AttributeError, match="'lenght' cannot be set, nothing would come of it"):
        env.set_wrapper_attr("lenght", 5)
    assert not env.set_wrapper_attr("lenght", 5, force=False)
    with pytest.raises(AttributeError, match="object has no attribute 'lenght'"):
        env.get_wrapper_attr("lenght")
    with pytest.raises(ValueError, match="length=1 must be at least 2"):
        env.set_wrapper_attr("length", 1)
    assert env.set_wrapper_attr("length", 5)
    assert env.task == TMaze(5)


class Counting(MemoryVecEnv):
    """Has attributes of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.level = 0
        self._scale = 1.0

    @property
    def scale(self) -> float:
        return self._scale

    @scale.setter
    def scale(self, scale: float) -> None:
        self._scale = scale


def test_attributes_that_a_subclass_adds() -> None:
    env = Counting(TMaze(3), 2)
    env.set_attr("level", 2)
    env.set_attr("scale", 0.5)
    assert (env.level, env.scale) == (2, 0.5)
    env.note = "x"  # type: ignore[attr-defined]
    env.set_attr("note", "y")
    assert env.get_attr("note") == ["y", "y"]
