"""When to stop training."""

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

SOLVED = 0.99


class StopWhenSolved(BaseCallback):
    """Stop once the success rate over SB3's statistics window has stayed high.

    Practice after the first success matters: it is in these rollouts that the decision settles, and
    an agent stopped at once often errs on delays it never saw.

    :param rollouts: for how many rollouts in a row, after the first; ``None`` never stops
    """

    def __init__(self, rollouts: int | None = 10) -> None:
        super().__init__()
        self.rollouts = rollouts
        self.solved_at: int | None = None
        """environment steps when the success rate first reached 0.99, for as long as it stays"""
        self._streak = 0
        self._stop = False

    def _on_step(self) -> bool:
        return not self._stop

    def _on_rollout_end(self) -> None:
        rate = success_rate(self)
        if rate is None or rate < SOLVED:
            self._streak, self.solved_at = 0, None
            return
        if self.solved_at is None:
            self.solved_at = self.num_timesteps
        self._streak += 1
        # Obeyed in the next rollout, so that this one is still learned from.
        self._stop = self.rollouts is not None and self._streak > self.rollouts


def success_rate(callback: BaseCallback) -> float | None:
    """Share of successes among the last episodes; ``None`` before the window is full."""
    buffer = callback.model.ep_success_buffer
    if buffer is None or len(buffer) < (buffer.maxlen or 0):
        return None
    return float(np.mean(buffer))
