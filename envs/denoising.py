"""Denoising: pick flagged symbols out of a stream, remember them, name them in order."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device

from ..checks import check_integer
from .arguments import Delay
from .arrays import Array, uniform_integers
from .recall_task import RecallTask


class DenoisingState(NamedTuple):
    """N episodes of denoising."""

    symbols: Array
    """see `DelayedRecallState`, as for the next four"""
    delay: Array
    time: Array
    correct: Array
    distraction: Array
    times: Array
    """the steps on which the cues are shown, ascending, `[N, n_cues]` int64"""


@dataclass(frozen=True)
class Denoising(RecallTask):
    """Of a stream of symbols a few are flagged; after the stream they have to be named in order.

    ## Description

    For `window` steps there is a symbol on every step, and `n_cues` of them, on random steps,
    are flagged. `delay` more steps follow without a flag (the "pad"), and then `n_cues` queries,
    one a step: each action names a symbol, the first flagged one first.

    ```
    step     0   1   2   3   4   5   6   7 | 8   9   10 | 11  12
    shown    4   2   0   5   7   7   3   1 | 6   2   4  | ?   ?      window=8, delay=3
    flag         *               *         |            |            n_cues=2
    answer                                 |            | 2   7
    ```

    ## Action Space

    `Discrete(n_symbols)`: the symbol named. Outside queries actions have no effect.

    ## Observation Space

    `Box` float32. With K = `n_symbols`; `observe_previous=False` drops the first K + 1.

    | index     | content                                                     | range    |
    |-----------|-------------------------------------------------------------|----------|
    | 0..K-1    | previous action, one-hot; zeros at the start                | 0, 1     |
    | K         | previous reward; zero at the start                          | 0..1     |
    | K+1..2K   | symbol, one-hot: a cue, or a distractor symbol              | 0, 1     |
    | 2K+1      | cue flag: the symbol has to be remembered                   | 0, 1     |
    | 2K+2      | query flag: the action is an answer                         | 0, 1     |
    | 2K+3      | only with `distractor="noise"`: N(0, 1) between cues        | -9..9    |

    ## Rewards

    1 / `n_cues` for each right answer, 0 otherwise. The best return is 1; without memory it is
    1 / `n_symbols`.

    ## Starting State

    Symbols are uniform and independent; every choice of steps for the flags is equally likely. A
    range of delays is drawn from uniformly.

    ## Episode End

    Termination after the last answer, that is after `window + delay + n_cues` steps.

    ## Arguments

    - `delay`: steps after the window, at least 1, or a range (low, high).
    - `n_cues`: symbols to remember, at least 1.
    - `n_symbols`: symbols there are, at least 2.
    - `distractor`: what is shown on steps without a flag, up to the queries: `"symbol"` is a
      random symbol; `"noise"` is N(0, 1) in a channel of its own; `"none"` is silent, and the
      only one that has certificates.
    - `window`: steps among which those of the flags are drawn, at least `n_cues`.
    - `observe_previous`: observe the previous action and reward.

    ## References

    - Lambrechts, De Geeter, Vecoven, Ernst and Drion, "Warming up recurrent neural networks to
      maximise reachable multistability greatly improves learning", Neural Networks 2023 (the
      supervised form: 5 real numbers among T = `window` + `delay`).

    :param delay: steps between window and queries, or an inclusive range.
    :param n_cues: number of cues m.
    :param n_symbols: number of symbols K.
    :param distractor: "none", "noise" or "symbol".
    :param window: steps in which the cues are shown.
    :raises ValueError: for a value out of range, or a name that does not exist.
    """

    delay: Delay = 100
    n_cues: int = 5
    distractor: str = "symbol"
    window: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("window", self.window, self.n_cues)

    @property
    def reset_noise(self) -> int:
        """A symbol and a step per cue, the first distractor, and the delay when it is a range."""
        return 2 * self.n_cues + self.step_noise + self._delay_noise

    def reset(self, noise: Array) -> DenoisingState:
        """Start N episodes (see `MemoryTask.reset`)."""
        delay = self._draw_delay(noise)
        start = delay * 0
        m = self.n_cues
        symbols = uniform_integers(noise[:, :m], self.n_symbols)
        times = distinct_steps(noise[:, m : 2 * m], self.window)
        distraction = self._distract(noise[:, 2 * m :], start)
        return DenoisingState(symbols, delay, start, start, distraction, times)

    def n_decisions(self) -> int:
        """One per sequence of symbols: when they were shown makes no difference."""
        return int(self.n_symbols**self.n_cues)

    @property
    def _window(self) -> int:
        return self.window

    def _cue(self, state: DenoisingState) -> tuple[Array, Array]:
        xp = array_namespace(state.time)
        now = state.time[:, None]
        position = xp.sum(xp.astype(state.times < now, xp.int64), axis=1)
        return position, xp.any(state.times == now, axis=1)

    def _cues(self) -> npt.NDArray[np.float64]:
        m = self.n_cues
        n_windows = math.comb(self.window, m)
        symbols = self._cues_of(n_windows)
        steps = np.array(list(itertools.combinations(range(self.window), m)))
        # Drawn in ascending order, each step is the (t - i)-th of those that are left.
        ranks = (steps - np.arange(m) + 0.5) / (self.window - np.arange(m))
        drawn = np.column_stack([symbols, ranks.repeat(len(symbols) // n_windows, axis=0)])
        return np.pad(drawn, ((0, 0), (0, self._delay_noise)))


def distinct_steps(noise: Array, window: int) -> Array:
    """Steps drawn without replacement from 0..window-1, ascending, `[N, m]` int64.

    Every set of m steps is equally likely.

    :param noise: `[N, m]`, uniform on [0, 1).
    :param window: number of steps to draw from, at least m.
    """
    xp = array_namespace(noise)
    n, m = noise.shape
    drawn = xp.zeros((n, 0), dtype=xp.int64, device=device(noise))
    for taken in range(m):
        step = uniform_integers(noise[:, taken], window - taken)
        for earlier in range(taken):  # ascending, so that each that is passed shifts it by one
            step = step + xp.astype(step >= drawn[:, earlier], xp.int64)
        drawn = xp.sort(xp.concat([drawn, step[:, None]], axis=1), axis=1)
    return drawn
