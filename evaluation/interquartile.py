"""Scores over seeds: interquartile means, and how sure they are."""

from collections.abc import Sequence

import numpy as np

# scipy.stats is imported where it is called for: it takes half a second, also of --help.


def iqm(values: Sequence[float]) -> float:
    """Interquartile mean (Agarwal et al. 2021, section 4.3)."""
    return float(_iqm(np.asarray(values)))


def _iqm(values: np.ndarray, axis: int = -1) -> np.ndarray:
    from scipy import stats

    return np.asarray(stats.trim_mean(values, 0.25, axis))


def iqm_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % bootstrap interval of the interquartile mean over seeds (percentile method)."""
    if len(set(values)) < 2:
        return values[0], values[0]
    from scipy import stats

    resampled = stats.bootstrap(
        (np.asarray(values),), _iqm, method="percentile", vectorized=True, rng=0
    ).confidence_interval
    return float(resampled.low), float(resampled.high)


def with_interval(values: Sequence[float], digits: int = 2) -> str:
    """Interquartile mean and its interval, as tables show them."""
    low, high = iqm_interval(values)
    return f"{iqm(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
