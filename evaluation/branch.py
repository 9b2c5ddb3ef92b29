"""The end of one episode, branched off an endless corridor."""

from typing import NamedTuple

import numpy as np

from .cell_bounds import Remembered, bounded_step
from .corridor import Corridor


class Branch(NamedTuple):
    """What happens from the end of the corridor on."""

    solved: bool | None
    """whether the episode is solved; None if it was not decided"""
    steps: int
    """steps from the end of the corridor to the end of the episode"""
    lowest: int
    """the lowest position on the way"""


def branch(corridor: Corridor, delay: int, remembered: Remembered, limit: int) -> Branch:
    """Play the episode of a delay from where that is first reached, to its end.

    Truncation is not applied: the caller knows the horizon of every delay that this stands for.

    :param corridor: the run that it branches off
    :param delay: the delay
    :param remembered: the recurrent state there
    :param limit: steps after which to give up, undecided
    """
    episode = corridor.episode
    state = episode.corridor_end(corridor.state(delay))
    lowest = int(episode.corridor_delay(state)[0])
    seen: set[bytes] = set()
    for steps in range(1, limit + 1):
        observation = corridor.observe(state)
        if remembered.low is remembered.high:
            parts = (observation, remembered.h, remembered.low)
            key = b"".join(part.cpu().numpy().tobytes() for part in parts)
            key += int(episode.corridor_delay(state)[0]).to_bytes(8, "little", signed=True)
            if key in seen:  # it goes round in circles, for ever
                return Branch(False, steps, lowest)
            seen.add(key)
        stepped = bounded_step(corridor.step, observation, remembered)
        if stepped is None:
            return Branch(None, steps, lowest)
        action, remembered = stepped
        state, _, terminated, _ = episode.step(state, action.cpu().numpy(), np.empty((1, 0)))
        if terminated[0]:
            return Branch(bool(episode.success(state)[0]), steps, lowest)
        lowest = min(lowest, int(episode.corridor_delay(state)[0]))
    return Branch(None, limit, lowest)
