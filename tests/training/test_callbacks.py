"""When training stops."""

from collections import deque
from typing import Any

import pytest
import torch
from torch import nn

from warmrl.benchmarks.agent_job import LastinglySolved
from warmrl.training import StopWhenSolved


class Model:
    """What the callback sees of a model."""

    def __init__(self, logger: Any = None) -> None:
        self.logger = logger
        self.num_timesteps = 0
        self.ep_success_buffer: deque[float] | None = deque(maxlen=100)
        self.lr_schedule: Any = lambda progress_remaining: 0.4 * progress_remaining
        self.policy = nn.Linear(1, 1)

    def get_env(self) -> None:
        return None


def rollout(callback: StopWhenSolved, rate: float | None) -> bool:
    """One rollout of 10 steps with this success rate; whether training goes on in the next."""
    model: Any = callback.model
    model.num_timesteps += 10
    if model.ep_success_buffer is not None:
        model.ep_success_buffer.clear()
        full = 0 if rate is None else 100
        model.ep_success_buffer.extend(float(i < round(100 * (rate or 0))) for i in range(full))
    callback.on_step()
    callback.on_rollout_end()
    return callback.on_step()


def started(rollouts: int | None, anneal: bool = False) -> StopWhenSolved:
    callback = StopWhenSolved(rollouts, anneal)
    callback.init_callback(Model())  # type: ignore[arg-type]
    return callback


def test_stops_after_practice() -> None:
    callback = started(2)
    assert [rollout(callback, rate) for rate in (0.5, 0.99, 1.0)] == [True] * 3
    assert not rollout(callback, 1.0)
    assert callback.solved_at == 20


def weight_after(callback: StopWhenSolved, *success: float) -> float:
    """What becomes of a weight that every update raises by one."""
    model: Any = callback.model
    weight: nn.Parameter = model.policy.weight
    nn.init.zeros_(weight)
    for rate in success:
        model.ep_success_buffer.extend([rate] * 100)
        callback.on_rollout_end()
        with torch.no_grad():
            weight.add_(1)
        callback.on_step()
    return weight.item()


def test_the_update_after_the_last_rollout_is_taken_back() -> None:
    """The policy that is left is the one whose success was measured."""
    assert weight_after(started(2), 0.5, 1.0, 1.0) == 3
    assert weight_after(started(2), 0.5, 1.0, 1.0, 1.0) == 3
    assert weight_after(started(0), 0.5, 1.0) == 1
    assert weight_after(started(None), 1.0, 1.0) == 2


def test_one_that_stops_nothing_takes_nothing_back() -> None:
    callback = LastinglySolved(1)
    callback.init_callback(Model())  # type: ignore[arg-type]
    assert weight_after(callback, 1.0, 1.0, 1.0) == 3


def test_without_practice_it_stops_at_once() -> None:
    callback = started(0)
    assert rollout(callback, 0.98)
    assert not rollout(callback, 0.99)


def test_a_dip_is_practice_too() -> None:
    callback = started(3)
    assert all(rollout(callback, rate) for rate in (0.98, 1.0, 0.95, 0.97))
    assert not rollout(callback, 0.96)
    assert callback.solved_at == 20


def test_a_relapse_starts_anew() -> None:
    callback = started(2)
    assert all(rollout(callback, rate) for rate in (1.0, 1.0, 0.94))
    assert callback.solved_at is None
    assert all(rollout(callback, rate) for rate in (0.98, 1.0, 0.97))
    assert not rollout(callback, 1.0)
    assert callback.solved_at == 50


def test_never_stops_without_a_number() -> None:
    callback = started(None)
    assert all(rollout(callback, 1.0) for _ in range(50))
    assert callback.solved_at == 10


def test_practice_is_counted_on() -> None:
    first = started(3)
    assert all(rollout(first, 1.0) for _ in range(3))
    callback = started(3)
    callback.model.num_timesteps = first.model.num_timesteps
    callback.set_state(first.get_state())
    assert not rollout(callback, 1.0)
    assert callback.solved_at == 10
    longer = started(4)
    longer.set_state(callback.get_state())
    assert longer.on_step()
    assert not rollout(longer, 1.0)


@pytest.mark.parametrize("known", [True, False])
def test_an_empty_window_is_no_success(known: bool) -> None:
    callback = started(0)
    if not known:
        callback.model.ep_success_buffer = None
    assert all(rollout(callback, None) for _ in range(5))
    assert callback.solved_at is None


@pytest.mark.parametrize(
    ("rates", "solved_at"),
    [
        ((0.98, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0), 20),  # what comes later changes nothing
        ((1.0, 0.5, 1.0, 1.0, 0.96), 30),  # it did not last at first
        ((0.98, 0.98, 0.5), None),
    ],
)
def test_since_when_it_is_solved_lastingly(rates: tuple[float, ...], solved_at: int | None) -> None:
    callback = LastinglySolved(2)
    callback.init_callback(Model())  # type: ignore[arg-type]
    assert all(rollout(callback, rate) for rate in rates)
    assert callback.solved_at == solved_at


def rates(callback: StopWhenSolved, *success: float) -> list[float]:
    """The step size in the middle of training after rollouts of these success rates."""
    model: Any = callback.model
    steps = []
    for rate in success:
        rollout(callback, rate)
        steps.append(round(model.lr_schedule(0.5), 6))
    return steps


def test_the_step_size_falls_in_practice_alone() -> None:
    callback = started(3, anneal=True)
    callback.on_training_start({}, {})
    assert rates(callback, 0.5, 1.0, 0.97, 0.94) == [0.2, 0.2, 0.15, 0.2]
    assert rates(callback, 1.0, 1.0, 1.0, 1.0) == [0.2, 0.15, 0.1, 0.05]
    assert callback.done
    callback.on_training_end()
    model: Any = callback.model
    assert model.lr_schedule(0.5) == 0.2


def test_the_step_size_falls_on_after_a_pause() -> None:
    first = started(3, anneal=True)
    first.on_training_start({}, {})
    rates(first, 1.0, 1.0, 1.0)
    callback = started(3, anneal=True)
    callback.set_state(first.get_state())
    callback.on_training_start({}, {})
    model: Any = callback.model
    assert model.lr_schedule(0.5) == pytest.approx(0.1)


@pytest.mark.parametrize(("rollouts", "anneal"), [(3, False), (None, True)])
def test_otherwise_the_step_size_stays(rollouts: int | None, anneal: bool) -> None:
    callback = started(rollouts, anneal=anneal)
    callback.on_training_start({}, {})
    assert rates(callback, 0.5, 1.0, 1.0) == [0.2] * 3
