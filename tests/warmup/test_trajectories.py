"""Trajectories: types, padding and what they refuse."""

import pytest
import torch
from torch import Tensor

from warmrl.warmup import Trajectories


def test_types_and_padding() -> None:
    inputs = torch.ones(3, 2, 4, dtype=torch.float64)
    inputs[2, 1] = float("nan")  # padding may hold anything
    trajectories = Trajectories(inputs, torch.tensor([3, 2], dtype=torch.int32))
    assert isinstance(trajectories.inputs, Tensor)
    assert trajectories.inputs.dtype == torch.float32
    assert trajectories.lengths.dtype == torch.int64
    assert trajectories.valid.tolist() == [[True, True], [True, True], [True, False]]
    assert trajectories.inputs[2, 1].tolist() == [0, 0, 0, 0]
    assert trajectories.n_trajectories == 2
    assert inputs[2, 1].isnan().all()


def test_images_of_bytes_and_dicts_keep_their_form() -> None:
    images = torch.full((2, 1, 3, 5, 5), 255, dtype=torch.uint8)
    trajectories = Trajectories({"image": images, "vector": torch.ones(2, 1, 4)}, torch.tensor([2]))
    assert isinstance(trajectories.inputs, dict)
    assert trajectories.inputs["image"].dtype == torch.uint8
    assert trajectories.inputs["image"].shape == (2, 1, 3, 5, 5)


def test_steps_leave_the_padding_out() -> None:
    inputs = torch.arange(6.0).reshape(3, 2, 1)  # steps of episode 0: 0, 2, 4; of episode 1: 1
    steps = Trajectories(inputs, torch.tensor([3, 1])).steps()
    assert not isinstance(steps, dict)
    assert steps.tolist() == [[0], [1], [2], [4]]


def broken(value: float) -> Tensor:
    inputs = torch.zeros(3, 2, 4)
    inputs[1, 1, 2] = value
    return inputs


@pytest.mark.parametrize(
    ("inputs", "lengths", "message"),
    [
        (broken(float("nan")), [3, 3], "inputs of trajectory 1 at step 1 is NaN or infinite"),
        (broken(float("inf")), [3, 3], "inputs of trajectory 1 at step 1 is NaN or infinite"),
        (
            {"a": broken(float("nan")), "b": torch.zeros(3, 2, 1)},
            [3, 3],
            r"inputs\['a'\] of trajectory 1 at step 1",
        ),
        (torch.zeros(3, 2, 4), [3, 0], r"lengths\[1\]=0 must be in 1..3"),
        (torch.zeros(3, 2, 4), [4, 1], r"lengths\[0\]=4 must be in 1..3"),
        (torch.zeros(3, 2, 4), [3.0, 1.0], "must be integers"),
        (torch.zeros(3, 2, 4), [[3, 1]], r"must be integers \[N\]"),
        (torch.zeros(3, 2, 4), [3], r"must be \[T, N, ...\] with N = 1"),
        (torch.zeros(3, 2), [3, 3], r"inputs has shape \(3, 2\)"),
        (torch.zeros(3, 0, 4), torch.zeros(0, dtype=torch.long), "at least one trajectory"),
        ({}, [3], "empty dict"),
        ({"a": torch.zeros(3, 1, 2), "b": torch.zeros(2, 1, 2)}, [2], "different numbers of steps"),
    ],
)
def test_rejects(
    inputs: Tensor | dict[str, Tensor], lengths: list[int] | Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Trajectories(inputs, torch.as_tensor(lengths))
