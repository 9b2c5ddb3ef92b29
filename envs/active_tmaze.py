"""The active T-maze of Ni et al. (2023): memory, and credit for looking first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .arguments import Delay
from .timed_tmaze import TimedTMaze


@dataclass(frozen=True)
class ActiveTMaze(TimedTMaze):
    """The active T-maze of Ni et al. (2023): fetch the cue first, then carry it to the junction.

    ## Description

    The cue lies one cell left of the start, and is shown on the first visit only. Going there
    pays off at the end of the episode, and not before: credit has to be assigned over its whole
    length.

    ```
                                      +---+
                                      | G |    on the goal at the end: +1
    +---+---+---+---+---+---+---+ ... +---+
    | C | A |   |   |   |   |   |     | J |    cue C in cell 0, start in cell 1,
    +---+---+---+---+---+---+---+ ... +---+    junction J in cell L + 1
                                      |   |    on the wrong arm at the end: 0
                                      +---+
    ```

    ## Action Space

    `Discrete(4)`: right, up, left, down. A move into a wall leaves the agent where it is.

    ## Observation Space

    `Box(7,)` float32, or `Box(2,)` with `observe_previous=False`, which drops the first five.

    | index | content                                                        | range    |
    |-------|----------------------------------------------------------------|----------|
    | 0-3   | previous action, one-hot; zeros at the start                   | 0, 1     |
    | 4     | previous reward; zero at the start                             | -1/L..1  |
    | 5     | at the junction or in an arm                                   | 0, 1     |
    | 6     | cue on the first visit of cell 0: 1 is up, -1 down; in an arm its side | -1, 0, 1 |

    ## Rewards

    | event                                                      | reward |
    |------------------------------------------------------------|--------|
    | standing on the goal when the episode ends                 | +1     |
    | every earlier step t after which the agent is at x < t - 1 | -1 / L |

    The fastest agent that has looked is at x = t - 1. The best return is 1. Without memory it is
    1/2: a guess.

    ## Starting State

    Cell 1; up and down are equally likely. A range of lengths is drawn from uniformly.

    ## Episode End

    Termination after L + 3 steps, wherever the agent is.

    ## Arguments

    - `length`: L, at least 1, or a range (low, high). The paper has 20 to 500.
    - `observe_previous`: observe the previous action and reward.

    ## References

    - Ni, Ma, Eysenbach and Bacon, "When do transformers shine in RL? Decoupling memory from
      credit assignment", NeurIPS 2023.

    :param length: cells L from the start to the junction, or an inclusive range.
    :raises ValueError: for a length below 1.
    """

    length: Delay = 20

    detour: ClassVar[int] = 1
