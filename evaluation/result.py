"""What is known of an agent at one delay."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class DelayResult:
    """Episodes of a greedy agent at one delay."""

    delay: int | None
    """delay (steps, for the T-maze its length); None for an environment without one"""
    episodes: int
    """number of episodes"""
    success_rate: float | None
    """share of episodes that were solved; None if the environment does not say"""
    ci_low: float | None
    """lower end of the rate's 95 % interval (Wilson 1927)"""
    ci_high: float | None
    """upper end of the rate's 95 % interval"""
    mean_return: float
    """mean undiscounted return"""
    optimal_return: float | None
    """expected undiscounted return of the best policy; None if unknown"""
    mean_length: float
    """mean length of the episodes (steps)"""


def summarise(
    delay: int | None,
    solved: npt.NDArray[np.bool_] | None,
    returns: npt.NDArray[np.float64],
    lengths: npt.NDArray[np.int64],
    optimal_return: float | None,
) -> DelayResult:
    """Summarise N episodes of one delay.

    :param delay: the delay (steps)
    :param solved: whether each was solved [N]; ``None`` if the environment does not say
    :param returns: undiscounted returns [N]
    :param lengths: steps [N]
    :param optimal_return: the best expected return, if known
    """
    rate = low = high = None
    if solved is not None:
        from scipy import stats  # it takes half a second, also of --help

        test = stats.binomtest(int(solved.sum()), len(solved))
        interval = test.proportion_ci(method="wilson")
        rate, low, high = float(solved.mean()), float(interval.low), float(interval.high)
    return DelayResult(
        delay=delay,
        episodes=len(returns),
        success_rate=rate,
        ci_low=low,
        ci_high=high,
        mean_return=float(returns.mean()),
        optimal_return=optimal_return,
        mean_length=float(lengths.mean()),
    )
