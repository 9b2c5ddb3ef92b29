"""Whether an agent got worse: the same episodes, played before and after."""

from collections.abc import Callable
from math import comb
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

CHANCE = 0.05  # how often a change that makes nothing worse passes for one that does, at most
NOTICED = 0.01  # fall of the mean return, as a share of the mean absolute return, that counts
DEVIATIONS = 1.645  # of a normal distribution, above which CHANCE lies


class Score(NamedTuple):
    """What an agent achieved in some episodes."""

    episodes: int
    """how many"""
    success: float | None
    """share of them that were solved; ``None`` if the environment does not say"""
    mean_return: float
    """mean undiscounted return"""


class Episodes(NamedTuple):
    """N episodes that an agent played."""

    returns: npt.NDArray[np.float64]
    """undiscounted return of each [N]"""
    solved: npt.NDArray[np.bool_] | None = None
    """whether each was solved [N]; ``None`` if the environment does not say"""

    @property
    def score(self) -> Score:
        """The means."""
        success = None if self.solved is None else float(np.mean(self.solved))
        return Score(len(self.returns), success, float(np.mean(self.returns)))


Judge: TypeAlias = Callable[[Any], Episodes]
"""plays with an SB3 model, greedily; the same episodes at every call"""


def worse(before: Episodes, after: Episodes) -> bool:
    """Whether an agent is worse than it was.

    It is where fewer of the same episodes are solved, by a one-sided sign test of those in which
    that changed: each was as likely lost as won, if nothing got worse. Where that says nothing, it
    is where the return of the others falls, in the mean by more than 1 % of its size, and by more
    than 1.645 standard errors. A return that is NaN or infinite afterwards is worse than any.

    :param before: the episodes as it played them before
    :param after: the same episodes, in the same order
    :raises ValueError: if these are not as many, or if returns were NaN or infinite before
    """
    n = len(before.returns)
    if n == 0 or len(after.returns) != n:
        raise ValueError(
            f"{len(after.returns)} episodes after {n} before; they must be the same, at least one"
        )
    if not np.isfinite(before.returns).all():
        raise ValueError("returns are NaN or infinite before anything has changed")
    if not np.isfinite(after.returns).all():
        return True
    same = np.ones(n, dtype=bool)
    if before.solved is not None:
        # Where none ends any more, nobody says that it was not solved.
        solved = np.zeros(n, dtype=bool) if after.solved is None else after.solved
        lost, won = int((before.solved & ~solved).sum()), int((solved & ~before.solved).sum())
        if _unlikely(lost, won):
            return True
        same = before.solved == solved
        if _unlikely(won, lost) or not same.any():
            return False
    gain = (np.asarray(after.returns, np.float64) - before.returns)[same]
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
    noticed = NOTICED * np.abs(before.returns).mean()
    return bool(-gain.mean() > max(noticed, DEVIATIONS * error))


def _unlikely(more: int, fewer: int) -> bool:
    """Whether a fair coin rarely shows one side so often."""
    n = more + fewer
    return bool(sum(comb(n, k) for k in range(more, n + 1)) < CHANCE * 2**n)
