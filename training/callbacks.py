"""When to stop training, and what is done once the task is solved."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import Schedule

from ..envs import MemoryTask
from ..named_arrays import Arrays
from ..warmup import ConsolidationCallback, Judge
from .config import TrainConfig
from .weights import state_of

SOLVED = 0.99
FORGOTTEN = 0.95


@dataclass(frozen=True)
class Share:
    """A share of what a schedule says."""

    schedule: Schedule
    share: float

    def __call__(self, progress_remaining: float) -> float:
        """See SB3's schedules."""
        return self.share * self.schedule(progress_remaining)


class StopWhenSolved(BaseCallback):
    """Practise for some rollouts after the first that solves the task, then stop.

    It is solved when the success rate over SB3's statistics window is 0.99, and no longer so when
    that falls below 0.95. Practice matters: it is in these rollouts that the decision settles, and
    an agent stopped at once often errs on delays it never saw.

    The policy that is left is the one that played the last rollout, whose success was measured. The
    update after it is taken back: what it made better or worse, nobody has seen. It is kept beside,
    and so is the policy that solved the task, for :class:`~warmrl.training.practice.JudgedPractice`
    to see whether it was better to take it back, and to practise.

    :param rollouts: for how many rollouts; ``None`` never stops
    :param anneal: whether the step size falls meanwhile, in equal steps, to zero when it stops
    """

    def __init__(self, rollouts: int | None = 10, anneal: bool = False) -> None:
        super().__init__()
        self.rollouts = rollouts
        self.anneal = anneal
        self.solved_at: int | None = None
        """environment steps when the task was solved, ``None`` if it is not"""
        self.practised = 0
        """rollouts since then"""
        self.first: Arrays | None = None
        """weights with which the rollout was played that solved the task, if there is practice"""
        self.updated: Arrays | None = None
        """weights that the last update left, once it is taken back"""
        self._played: dict[str, Any] | None = None
        """weights with which the last rollout was played, once there has been enough practice"""

    @property
    def done(self) -> bool:
        """Whether the task is solved, and practised for long enough."""
        enough = self.rollouts is not None and self.practised >= self.rollouts
        return self.solved_at is not None and enough

    def get_state(self) -> dict[str, int | None]:
        """How far it is, as JSON."""
        return {"solved_at": self.solved_at, "practised": self.practised}

    def set_state(self, state: dict[str, int | None]) -> None:
        """Go on from where :meth:`get_state` was."""
        self.solved_at, self.practised = state["solved_at"], state["practised"] or 0

    def _on_training_start(self) -> None:
        self._given = self.model.lr_schedule
        self._played = self.updated = None
        self._anneal()

    def _on_training_end(self) -> None:
        if self.anneal:
            self.model.lr_schedule = self._given

    def _on_step(self) -> bool:
        # Training can be stopped at a step only, which is after the update.
        if self.done and self._played is not None:
            self.updated = state_of(self.model.policy)
            self.model.policy.load_state_dict(self._played)
        return not self.done

    def _on_rollout_end(self) -> None:
        rate = success_rate(self)
        if rate is None or rate < (SOLVED if self.solved_at is None else FORGOTTEN):
            self.solved_at = self.first = None
        elif self.solved_at is None:
            self.solved_at, self.practised = self.num_timesteps, 0
            self.first = None if self.rollouts is None else state_of(self.model.policy)
        else:
            self.practised += 1
        if self.done:
            self._played = deepcopy(self.model.policy.state_dict())
        self._anneal()

    def _anneal(self) -> None:
        if self.anneal and self.rollouts is not None:
            practised = 0 if self.solved_at is None else self.practised
            self.model.lr_schedule = Share(self._given, 1 - practised / (self.rollouts + 1))


def stop_when_solved(config: TrainConfig) -> StopWhenSolved:
    """The callback that a configuration asks for."""
    rollouts = config.solved_rollouts if config.stop_when_solved else None
    return StopWhenSolved(rollouts, config.anneal_when_solved)


def consolidation(
    task: MemoryTask | None, solved: StopWhenSolved, judge: Judge, config: TrainConfig
) -> ConsolidationCallback:
    """Consolidate when training ends, if the task is solved.

    :param task: the task, whose previous actions and rewards are nothing new to see; ``None`` for
        another's environment
    :param solved: knows whether the task is solved
    :param judge: sees whether that made the agent worse
    :param config: the run
    """
    previous = task.n_actions + 1 if task is not None and task.observe_previous else 0
    return ConsolidationCallback(
        config.consolidation_config,
        watch=slice(previous, None),
        when=lambda: solved.solved_at is not None,
        judge=judge,
    )


def success_rate(callback: BaseCallback) -> float | None:
    """Share of successes among the last episodes; ``None`` before the window is full."""
    buffer = callback.model.ep_success_buffer
    if buffer is None or len(buffer) < (buffer.maxlen or 0):
        return None
    return float(np.mean(buffer))
