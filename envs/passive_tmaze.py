"""The passive T-maze of Ni et al. (2023): memory, without credit to assign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .arguments import Delay
from .timed_tmaze import TimedTMaze


@dataclass(frozen=True)
class PassiveTMaze(TimedTMaze):
    """The passive T-maze of Ni et al. (2023): walk right without a pause, then turn.

    ## Description

    The cue is shown on the first step, in the cell where the agent starts. The episode lasts
    exactly as long as the shortest way into an arm, and every step behind it costs at once: the
    reward teaches to walk, and only the turn needs memory.

    ```
                                  +---+
                                  | G |    on the goal at the end: +1
    +---+---+---+---+---+---+ ... +---+
    | A |   |   |   |   |   |     | J |    cells 0..L, the junction J is cell L
    +---+---+---+---+---+---+ ... +---+
      cue shown on the first step |   |    on the wrong arm at the end: 0
                                  +---+
    ```

    ## Action Space

    `Discrete(4)`: right, up, left, down. A move into a wall leaves the agent where it is.

    ## Observation Space

    `Box(7,)` float32, or `Box(2,)` with `observe_previous=False`, which drops the first five.

    | index | content                                                     | range    |
    |-------|-------------------------------------------------------------|----------|
    | 0-3   | previous action, one-hot; zeros at the start                | 0, 1     |
    | 4     | previous reward; zero at the start                          | -1/L..1  |
    | 5     | at the junction or in an arm                                | 0, 1     |
    | 6     | cue on the first step: 1 is up, -1 down; in an arm its side | -1, 0, 1 |

    ## Rewards

    | event                                                    | reward |
    |----------------------------------------------------------|--------|
    | standing on the goal when the episode ends               | +1     |
    | every earlier step t after which the agent is at x < t   | -1 / L |

    The best return is 1. Without memory it is 1/2: a guess.

    ## Starting State

    Cell 0; up and down are equally likely. A range of lengths is drawn from uniformly.

    ## Episode End

    Termination after L + 1 steps, wherever the agent is.

    ## Arguments

    - `length`: L, at least 1, or a range (low, high). The paper has 50 to 1500.
    - `observe_previous`: observe the previous action and reward.

    ## References

    - Ni, Ma, Eysenbach and Bacon, "When do transformers shine in RL? Decoupling memory from
      credit assignment", NeurIPS 2023.

    :param length: corridor length L (cells), or an inclusive range.
    :raises ValueError: for a length below 1.
    """

    length: Delay = 50

    detour: ClassVar[int] = 0
