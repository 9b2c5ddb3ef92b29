"""Whether practice was worth it: how an agent plays after it, and how it played before."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from ..named_arrays import Arrays
from ..warmup import Judge, Score, worse
from .callbacks import StopWhenSolved
from .weights import set_state, state_of


@dataclass(frozen=True)
class PracticeResult:
    """What was taken back, since it made the agent worse.

    :param left: which agent is left: the one that ``"solved"`` the task, or ``"updated"``, the one
        that the last update left
    :param better: how that one plays
    :param worse: how the one plays that it replaces
    """

    left: Literal["solved", "updated"]
    better: Score
    worse: Score


class JudgedPractice(BaseCallback):
    """Leave an agent as the update left it, or as it solved the task, where it was better.

    To be called after what must see the agent as training has left it, and before consolidation.
    Optimiser and random streams are not touched.

    :param solved: practises, and keeps the weights to compare with
    :param judge: plays
    """

    def __init__(self, solved: StopWhenSolved, judge: Judge) -> None:
        super().__init__()
        self.solved, self.judge = solved, judge
        self.result: PracticeResult | None = None
        """what was taken back, ``None`` if nothing was"""

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self.result = None
        policy, solved = self.model.policy, self.solved
        left = state_of(policy)
        rivals: dict[Literal["solved", "updated"], Arrays | None] = {
            "updated": solved.updated,
            "solved": solved.first,
        }
        others = {n: w for n, w in rivals.items() if w is not None and not _equal(w, left)}
        if not others:
            return
        played = self.judge(self.model)
        for name, weights in others.items():
            set_state(policy, weights)
            rival = self.judge(self.model)
            if np.isfinite(rival.returns).all() and worse(rival, played):
                self.result = PracticeResult(name, rival.score, played.score)
                left, played = weights, rival
        set_state(policy, left)
        if self.result is not None:
            self._log(self.result)

    def _log(self, result: PracticeResult) -> None:
        """Log what was taken back; after training nobody else does."""
        for name, score in (("better", result.better), ("worse", result.worse)):
            self.logger.record(f"practice/return_{name}", score.mean_return)
            if score.success is not None:
                self.logger.record(f"practice/success_{name}", score.success)
        steps = self.model.num_timesteps
        self.logger.record("time/total_timesteps", steps, exclude="tensorboard")
        self.logger.dump(steps)


def _equal(weights: Arrays, others: Arrays) -> bool:
    return all(np.array_equal(array, others[name]) for name, array in weights.items())
