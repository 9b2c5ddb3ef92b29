"""What a terminal shows of a run under way."""

import sys
from collections import deque
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text
from stable_baselines3.common.callbacks import BaseCallback

from .callbacks import success_rate

RECENT = 20  # gradient steps over which VAA* is averaged: it jumps with the length of the drive


class TimeLeft(TimeRemainingColumn):
    """Time left, if the task is not solved before."""

    def render(self, task: Task) -> Text:
        """See rich."""
        if task.speed is None:
            return Text("")
        return Text("at most ", "progress.remaining").append(super().render(task)).append(" left")


class ProgressBar(BaseCallback):
    """A bar: VAA* while warming up, then success, return and time left while training.

    A context, in which it is drawn; silent where standard error is no terminal.

    :param warmup_steps: gradient steps of the warm-up
    :param total_timesteps: environment steps, at most
    """

    def __init__(self, warmup_steps: int, total_timesteps: int) -> None:
        super().__init__()
        self.vaa: float | None = None
        """VAA after the warm-up, if there was one"""
        self._total_timesteps = total_timesteps
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} steps"),
            TextColumn("[bold]{task.fields[shown]}"),
            TimeLeft(compact=True),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("warming up", total=warmup_steps, shown="")

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def on_warmup_step(self, step: int, vaa_star: float) -> None:
        """Show a gradient step of the warm-up.

        :param step: its number
        :param vaa_star: VAA* before it
        """
        self._recent.append(vaa_star)
        # The first drives are so short that nothing has merged yet.
        shown = f"VAA* {np.mean(self._recent):.2f}" if step >= RECENT else ""
        self._bar.update(self._task, completed=step, shown=shown)

    def on_stability_step(self, step: int, radius: float) -> None:
        """Show a gradient step of a pre-training to local stability.

        :param step: its number
        :param radius: mean radius in time before it
        """
        self._bar.update(self._task, completed=step, shown=f"radius {radius:.2f}")

    def _on_training_start(self) -> None:
        self._bar.reset(
            self._task,
            description="training",
            total=self._total_timesteps,
            completed=self.num_timesteps,
            shown=self._shown(),
        )

    def _on_step(self) -> bool:
        self._bar.update(self._task, completed=self.num_timesteps)
        return True

    def _on_rollout_end(self) -> None:
        self._bar.update(self._task, shown=self._shown())

    def _shown(self) -> str:
        """The last episodes, and the warm-up's outcome."""
        rate, returns = success_rate(self), self.model.ep_info_buffer or ()
        parts = [] if rate is None else [f"success {rate:.2f}"]
        if returns:
            parts.append(f"return {np.mean([episode['r'] for episode in returns]):.2f}")
        if self.vaa is not None:
            parts.append(f"VAA {self.vaa:.2f}")
        return "  ".join(parts)
