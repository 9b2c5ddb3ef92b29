"""When to stop training, and what is done once the task is solved."""

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from ..envs import MemoryTask
from ..warmup import ConsolidationCallback, ConsolidationConfig

SOLVED = 0.99
FORGOTTEN = 0.95


class StopWhenSolved(BaseCallback):
    """Practise for some rollouts after the first that solves the task, then stop.

    It is solved when the success rate over SB3's statistics window is 0.99, and no longer so when
    that falls below 0.95. Practice matters: it is in these rollouts that the decision settles, and
    an agent stopped at once often errs on delays it never saw.

    :param rollouts: for how many rollouts; ``None`` never stops
    """

    def __init__(self, rollouts: int | None = 10) -> None:
        super().__init__()
        self.rollouts = rollouts
        self.solved_at: int | None = None
        """environment steps when the task was solved, ``None`` if it is not"""
        self._practised = 0
        self._stop = False

    def _on_step(self) -> bool:
        return not self._stop

    def _on_rollout_end(self) -> None:
        rate = success_rate(self)
        if rate is None or rate < (SOLVED if self.solved_at is None else FORGOTTEN):
            self.solved_at = None
            return
        if self.solved_at is None:
            self.solved_at, self._practised = self.num_timesteps, 0
        else:
            self._practised += 1
        # Obeyed in the next rollout, so that this one is still learned from.
        self._stop = self.rollouts is not None and self._practised >= self.rollouts


def consolidation(
    task: MemoryTask | None, solved: StopWhenSolved, seed: int
) -> ConsolidationCallback:
    """Consolidate when training ends, if the task is solved.

    :param task: the task, whose previous actions and rewards are nothing new to see; ``None`` for
        another's environment
    :param solved: knows whether the task is solved
    :param seed: seed of what is drawn
    """
    previous = task.n_actions + 1 if task is not None and task.observe_previous else 0
    return ConsolidationCallback(
        ConsolidationConfig(seed=seed),
        watch=slice(previous, None),
        when=lambda: solved.solved_at is not None,
    )


def success_rate(callback: BaseCallback) -> float | None:
    """Share of successes among the last episodes; ``None`` before the window is full."""
    buffer = callback.model.ep_success_buffer
    if buffer is None or len(buffer) < (buffer.maxlen or 0):
        return None
    return float(np.mean(buffer))
