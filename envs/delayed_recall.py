"""Delayed recall: remember symbols through a delay, then name them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from ..checks import check_choice
from .arrays import Array, uniform_integers
from .recall_state import DelayedRecallState
from .recall_task import RecallTask

ORDERS = ("forward", "reverse")


@dataclass(frozen=True)
class DelayedRecall(RecallTask):
    """Symbols are shown, then a delay passes, then they have to be named.

    ## Description

    For `n_cues` steps a random symbol is shown, one a step. Then come `delay` steps on which
    nothing matters, and then `n_cues` queries, one a step: each action names a symbol. With one
    cue this is copy-first; with distractors the memory has to resist its input.

    ```
    step     0   1   2 | 3   4   5   6   7 | 8   9   10
    shown    2   7   1 | .   .   .   .   . | ?   ?   ?      n_cues=3, delay=5
    answer             |                   | 2   7   1      order="forward"
    answer             |                   | 1   7   2      order="reverse"
    ```

    ## Action Space

    `Discrete(n_symbols)`: the symbol named. Outside queries actions have no effect.

    ## Observation Space

    `Box` float32. With K = `n_symbols`; `observe_previous=False` drops the first K + 1.

    | index     | content                                              | range    |
    |-----------|------------------------------------------------------|----------|
    | 0..K-1    | previous action, one-hot; zeros at the start         | 0, 1     |
    | K         | previous reward; zero at the start                   | 0..1     |
    | K+1..2K   | symbol, one-hot: a cue, or a distractor symbol       | 0, 1     |
    | 2K+1      | cue flag: the symbol has to be remembered            | 0, 1     |
    | 2K+2      | query flag: the action is an answer                  | 0, 1     |
    | 2K+3      | only with `distractor="noise"`: N(0, 1) in the delay | -9..9    |

    ## Rewards

    1 / `n_cues` for each right answer, 0 otherwise. The best return is 1; without memory it is
    1 / `n_symbols`.

    ## Starting State

    The first cue is shown; symbols are uniform and independent. A range of delays is drawn from
    uniformly.

    ## Episode End

    Termination after the last answer, that is after `n_cues + delay + n_cues` steps.

    ## Arguments

    - `delay`: steps, at least 1, or a range (low, high) from which every episode draws its own.
    - `n_cues`: symbols to remember, at least 1.
    - `n_symbols`: symbols there are, at least 2.
    - `distractor`: what the delay shows: `"none"` is silent; `"noise"` has an extra channel
      with N(0, 1); `"symbol"` shows random symbols without the cue flag.
    - `order`: `"forward"` queries the first cue first, `"reverse"` the last.
    - `observe_previous`: observe the previous action and reward.

    ## References

    - Arjovsky, Shah and Bengio, "Unitary evolution recurrent neural networks", ICML 2016 (the
      copy task).
    - Lambrechts, De Geeter, Vecoven, Ernst and Drion, "Warming up recurrent neural networks to
      maximise reachable multistability greatly improves learning", Neural Networks 2023
      (copy-first-input and denoising, the supervised forms).

    :param delay: steps between cues and queries, or an inclusive range.
    :param n_cues: number of cues m.
    :param n_symbols: number of symbols K.
    :param distractor: "none", "noise" or "symbol".
    :param order: "forward" or "reverse".
    :raises ValueError: for a value out of range, or a name that does not exist.
    """

    order: str = "forward"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("order", self.order, ORDERS)

    @property
    def reset_noise(self) -> int:
        """One number per cue, and the delay when it is a range."""
        return self.n_cues + self._delay_noise

    def reset(self, noise: Array) -> DelayedRecallState:
        """Start N episodes at their first cue (see `MemoryTask.reset`)."""
        delay = self._draw_delay(noise)
        start = delay * 0
        symbols = uniform_integers(noise[:, : self.n_cues], self.n_symbols)
        xp = array_namespace(noise)
        distraction = xp.astype(start, xp.float32) if self._noisy else start
        return DelayedRecallState(symbols, delay, start, start, distraction)

    @property
    def _window(self) -> int:
        return self.n_cues

    def _cue(self, state: DelayedRecallState) -> tuple[Array, Array]:
        return state.time, state.time < self.n_cues

    def _asked_for(self, query: Array) -> Array:
        return -1 - query if self.order == "reverse" else query

    def _cues(self) -> npt.NDArray[np.float64]:
        symbols = self._cues_of(n_windows=1)
        return np.pad(symbols, ((0, 0), (0, self._delay_noise)))
