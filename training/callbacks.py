"""Callbacks of a training run: when to stop, and what to show."""

import sys

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
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


class ProgressBar(BaseCallback):
    """A bar with the success rate, the mean return, VAA and the time left.

    :param total: environment steps, at most
    :param vaa: VAA after the warm-up, if there was one
    """

    def __init__(self, total: int, vaa: float | None = None) -> None:
        super().__init__()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:>9,}/{task.total:,} steps"),
            TextColumn("{task.fields[shown]}"),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True)
        self.bar = Progress(*columns, console=console, disable=not sys.stderr.isatty())
        self.vaa = vaa
        self.total = total

    def _on_training_start(self) -> None:
        self.bar.start()
        self.task = self.bar.add_task("training", total=self.total, shown="")

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        rate, returns = success_rate(self), self.model.ep_info_buffer or ()
        shown = [] if rate is None else [f"success {rate:.2f}"]
        if returns:
            shown.append(f"return {np.mean([episode['r'] for episode in returns]):.2f}")
        if self.vaa is not None:
            shown.append(f"VAA {self.vaa:.2f}")
        self.bar.update(self.task, completed=self.num_timesteps, shown="  ".join(shown))

    def _on_training_end(self) -> None:
        self.bar.stop()


def success_rate(callback: BaseCallback) -> float | None:
    """Share of successes among the last episodes; ``None`` before the window is full."""
    buffer = callback.model.ep_success_buffer
    if buffer is None or len(buffer) < (buffer.maxlen or 0):
        return None
    return float(np.mean(buffer))
