"""Supervised tasks: what they show, what they ask for, and what a guess is worth."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from warmrl.benchmarks.sequence_tasks import (
    Addition,
    Copy,
    CopyFirst,
    Denoising,
    Sequences,
    SequenceTask,
)

TASKS: list[SequenceTask] = [
    CopyFirst(5),
    Denoising(length=9, pad=3, n_values=2),
    Copy(delay=4, n_symbols=3, alphabet=2),
    Addition(length=6),
]


def drawn(task: SequenceTask, n: int = 500, seed: int = 0) -> Sequences:
    return task.draw(n, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_shapes_and_seeds(task: SequenceTask) -> None:
    state = torch.get_rng_state()
    x, y = drawn(task, 7)
    assert x.shape[1:] == (7, task.n_inputs)
    assert y.shape[1] == 7
    if y.is_floating_point():
        assert y.shape[2] == task.n_outputs
    else:
        assert set(y.flatten().tolist()) == set(range(task.n_outputs))
    again, other = drawn(task, 7), drawn(task, 7, seed=1)
    assert torch.equal(x, again.inputs)
    assert torch.equal(y, again.targets)
    assert not torch.equal(x, other.inputs)
    assert torch.equal(torch.get_rng_state(), state)


def test_copy_first_asks_for_the_first() -> None:
    x, y = drawn(CopyFirst(5))
    assert x.shape == (5, 500, 1)
    assert torch.equal(y, x[:1])


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(1, 4), st.integers(0, 5), st.integers(0, 99))
def test_denoising_asks_for_the_flagged(pad: int, n_values: int, more: int, seed: int) -> None:
    length = pad + n_values + more
    x, y = drawn(Denoising(length, pad, n_values), 3, seed)
    assert x.shape == (length + n_values, 3, 3)
    numbers, flags, cue = x.unbind(-1)
    assert cue[length].eq(1).all()
    assert cue.sum() == 3
    assert not numbers[length:].any()
    assert not flags[length - pad :].any()
    for i in range(3):
        flagged = flags[:, i].nonzero().flatten()
        assert torch.equal(numbers[flagged, i], y[:, i, 0])


def test_every_step_before_the_pad_may_be_flagged() -> None:
    x, _ = drawn(Denoising(length=6, pad=2, n_values=1), 2000)
    assert x[:4, :, 1].mean(dim=1).tolist() == pytest.approx([0.25] * 4, abs=0.04)


def test_a_copy_by_hand() -> None:
    x, y = drawn(Copy(delay=4, n_symbols=3, alphabet=2), 1)
    a, b, c = x[:3, 0].argmax(dim=1).tolist()
    assert {a, b, c} <= {0, 1}
    blank, cue = 2, 3
    assert x.sum(dim=-1).eq(1).all()
    assert x[:, 0].argmax(dim=1).tolist() == [a, b, c, *[blank] * 3, cue, *[blank] * 3]
    assert y[:, 0].tolist() == [*[blank] * 7, a, b, c]


def test_addition_marks_one_number_in_each_half() -> None:
    x, y = drawn(Addition(length=7))
    numbers, marks = x.unbind(-1)
    assert marks[:3].sum(dim=0).eq(1).all()
    assert marks[3:].sum(dim=0).eq(1).all()
    assert marks.sum(dim=1).gt(0).all()
    assert 0 <= numbers.min() < numbers.max() < 1
    torch.testing.assert_close(y[0, :, 0], (numbers * marks).sum(dim=0))


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_the_best_guess_is_worth_what_is_said(task: SequenceTask) -> None:
    _, y = drawn(task, 4000)
    if y.is_floating_point():
        guess = y.mean().expand(y.shape)
    else:
        guess = torch.zeros(*y.shape, task.n_outputs)
        guess[..., 0] = 1  # always the same symbol
    assert task.error(guess, y).item() == pytest.approx(task.error_without_memory, abs=0.05)


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_the_right_answer_has_no_error(task: SequenceTask) -> None:
    _, y = drawn(task, 10)
    right = y if y.is_floating_point() else torch.eye(task.n_outputs)[y] * 100
    earlier = torch.randn(3, *right.shape[1:], generator=torch.Generator().manual_seed(0))
    outputs = torch.cat((earlier, right))
    assert task.error(outputs, y) == 0
    assert task.loss(outputs, y) == 0


def test_loss_and_error_by_hand() -> None:
    copy = Copy(delay=1, n_symbols=1, alphabet=2)
    targets = torch.tensor([[2, 2], [2, 2], [0, 1]])[-2:]
    even = torch.zeros(2, 2, 3)
    assert copy.loss(even, targets).item() == pytest.approx(math.log(3))
    assert copy.error(even, targets).item() == 0.5  # the first class, right for one of two
    numbers = torch.tensor([[[1.0], [3.0]]])
    assert CopyFirst(1).error(torch.zeros(4, 2, 1), numbers).item() == 5.0


def test_parts_are_apart_and_in_proportion() -> None:
    x = torch.arange(8.0).reshape(1, 8, 1)
    parts = Sequences(x, x).split(500, 200, 100)
    assert [part.inputs.flatten().tolist() for part in parts] == [[0, 1, 2, 3, 4], [5, 6], [7]]
    few = Sequences(x[:, :3], x[:, :3]).split(2, 1)
    assert [part.targets.flatten().tolist() for part in few] == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CopyFirst(0), "length=0 must be at least 1"),
        (lambda: Denoising(length=7, pad=3), "length=7 must be at least 8"),
        (lambda: Denoising(pad=-1), "pad=-1 must be at least 0"),
        (lambda: Copy(delay=0), "delay=0 must be at least 1"),
        (lambda: Copy(alphabet=1), "alphabet=1 must be at least 2"),
        (lambda: Addition(1), "length=1 must be at least 2"),
    ],
)
def test_rejects(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
