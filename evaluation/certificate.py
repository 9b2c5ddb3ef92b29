"""Whether a greedy agent is right for every delay: decided, not sampled.

In a corridor a greedy agent of batch size 1 is a deterministic map of (h, c, observation), where
the observation holds the previous action and reward. Two facts about the tasks turn a repeat of
that into knowledge of every longer delay (Bakija et al. 2026, arXiv 2605.12206):

1. A corridor is the same everywhere: from position 1 on, what a step observes, pays and moves
   depends on the action only, until the corridor ends. A position changes by one at most.
2. The horizon is linear in the delay.

Suppose (h, observation) at time a + p is, bit by bit, that at time a, that every position in
between is at least 1, that the displacement D over the period is positive, and that c is settled
(:mod:`~warmrl.evaluation.cell_bounds`). By induction all later periods then have the same bits of
h, the same observations and actions, only D cells farther. If moreover positions x and x + D are
*first* reached p steps apart, so is every later pair: the positions first reached from x on repeat
too. So every delay from x on ends its corridor in one of the D states in which x .. x + D - 1 were
first reached. Each of these endings is played from there, with the real rewards; it stands for
all delays D, 2 D, ... farther as long as it keeps to positions from 1 on. The horizon then asks
for n + k p <= horizon(x + k D) for all k >= 0, where n counts the steps of the whole episode:
linear in k. Every shorter delay is played explicitly, from the recorded states.

The map is the deployed one: float32, this device, batch size 1. A matrix product may round
differently at another batch size.
"""

from dataclasses import dataclass

import torch

from warmrl.envs import MemoryTask

from .branch import branch
from .cell_bounds import Remembered, corridor_bounds
from .corridor import Corridor
from .play import check_fits
from .protocols import GreedyAgent
from .sweep import longest_episode

MARGIN = 64
"""Positions up to here are played one by one, so that what stands for all longer delays has room
to step back."""


class CannotCertify(ValueError):
    """The question has no certain answer, for this task."""


@dataclass(frozen=True)
class Certificate:
    """Whether an agent is right for every delay from some delay on."""

    holds: bool
    """whether it is; a certificate that does not hold may be undecided, see the reason"""
    from_delay: int | None
    """the smallest delay from which on everything is right, for every cue; None if it never is"""
    cycle_length: int | None
    """steps after which the corridor's states repeat, the longest among the cues"""
    steps: int
    """corridor steps run, over all cues"""
    reason: str
    """why it does not hold, in a few words; empty if it does"""


@dataclass(frozen=True)
class _Verdict:
    """The answer for one cue; ``from_delay`` is None if it does not hold."""

    from_delay: int | None
    cycle_length: int | None = None
    reason: str = ""


def certify(agent: GreedyAgent, task: MemoryTask, max_steps: int = 100_000) -> Certificate:
    """Decide whether the greedy agent is right for every delay, from which one on.

    See the module for the proof. The task's own delay plays no part.

    :param agent: the agent; it is stepped with batch size 1, its own memory is not touched
    :param task: a deterministic task with at most 4096 cues
    :param max_steps: corridor steps after which to give up, for each cue
    :raises CannotCertify: if the task is random, or has too many cues
    :raises ValueError: if the agent has other observations or actions
    """
    check_fits(agent, task)
    if not task.deterministic:
        raise CannotCertify("cannot certify: something is random after the start of an episode")
    try:
        cues = task.with_delay(task.minimum_delay).cues()
    except ValueError as error:
        raise CannotCertify(f"cannot certify: {error}") from error
    steps, cycle, from_delay = 0, 0, task.minimum_delay
    with torch.inference_mode():
        for number, start in enumerate(cues):
            corridor = Corridor(agent.step, task, start[None])
            verdict = _certify_cue(corridor, task, max_steps)
            steps += corridor.time
            cycle = max(cycle, verdict.cycle_length or 0)
            if verdict.from_delay is None:
                reason = f"{verdict.reason}, for cue {number + 1} of {len(cues)}"
                return Certificate(False, None, cycle or None, steps, reason)
            from_delay = max(from_delay, verdict.from_delay)
    return Certificate(True, from_delay, cycle, steps, "")


def _certify_cue(corridor: Corridor, task: MemoryTask, max_steps: int) -> _Verdict:
    """Walk until a repeat decides the matter."""
    last_seen: dict[bytes, int] = {}
    undecided = "its states do not repeat"
    attempt_at = 0
    while (time := corridor.time) < max_steps:
        key = corridor.keys[time]
        start = last_seen.get(key)
        last_seen[key] = time
        if start is not None and time >= attempt_at:
            outcome = _decide(corridor, task, start, time - start, max_steps)
            if isinstance(outcome, _Verdict):
                return outcome
            undecided = outcome
            # An attempt costs about a period: the longer the run, the rarer.
            attempt_at = time + (time - start) + time // 8
        # Deciding may have walked on: catch up with what it has seen.
        for walked in range(time + 1, corridor.time):
            last_seen[corridor.keys[walked]] = walked
        if corridor.time == time:
            corridor.extend()
    return _Verdict(None, reason=f"not decided within {max_steps} steps: {undecided}")


def _decide(
    corridor: Corridor, task: MemoryTask, start: int, period: int, max_steps: int
) -> _Verdict | str:
    """What follows from a repeat of h and the observation, or why nothing does."""
    passed = corridor.positions[start : start + period + 1]
    distance = passed[-1] - passed[0]
    if distance < 0 or (distance > 0 and min(passed) < 1):
        return "its states repeat only near the start"
    bounds = corridor_bounds(corridor, start, period)
    if bounds is None:
        return "its cell states drift"
    if distance == 0:
        reason = f"it never gets beyond {corridor.farthest} in a longer corridor"
        return _Verdict(None, period, reason)
    first = _first_repeating_delay(corridor, start, period, distance)
    from_delay = first
    for delay in range(first, first + distance):
        time = corridor.arrival(delay)
        remembered = bounds[(time - start) % period]
        ending = branch(corridor, delay, remembered, max_steps)
        if ending.solved is None or ending.lowest < 1:
            return f"what it does after delay {delay} is not decided"
        if not ending.solved:
            reason = f"it is wrong for the delays {delay}, {delay + distance}, ..."
            return _Verdict(None, period, reason)
        # Steps left at the end, and how many more there are a period later.
        slack = longest_episode(task, delay) - (time + ending.steps)
        gain = longest_episode(task, delay + distance) - longest_episode(task, delay) - period
        if gain < 0 or (gain == 0 and slack < 0):
            reason = f"it is too slow: {distance} positions take {period} steps"
            return _Verdict(None, period, reason)
        if slack < 0:
            late = -(slack // gain) - 1  # the last period in which time runs out
            from_delay = max(from_delay, delay + late * distance + 1)
    if from_delay > first:
        return _Verdict(from_delay, period)
    return _Verdict(_first_right(corridor, task, first), period)


def _first_repeating_delay(corridor: Corridor, start: int, period: int, distance: int) -> int:
    """The first delay x of at least `MARGIN` for which x and x + D are first reached p apart."""
    delay = max(corridor.minimum_delay, MARGIN)
    while True:
        while corridor.farthest < delay + distance:
            corridor.extend()
        arrival = corridor.arrival(delay)
        if arrival >= start and corridor.arrival(delay + distance) == arrival + period:
            return delay
        delay += 1


def _first_right(corridor: Corridor, task: MemoryTask, known: int) -> int:
    """The smallest delay from which on all are right, given that all from ``known`` on are."""
    for delay in range(known - 1, corridor.minimum_delay - 1, -1):
        time = corridor.arrival(delay)
        c = corridor.c(time)
        limit = longest_episode(task, delay) - time
        if not branch(corridor, delay, Remembered(corridor.h(time), c, c), limit).solved:
            return delay + 1
    return corridor.minimum_delay
