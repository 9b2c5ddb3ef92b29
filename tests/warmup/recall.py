"""Random walks in a T-maze, written down without any environment."""

import numpy as np
import torch
from numpy.typing import NDArray

from warmrl.warmup import Trajectories


def corridor(
    length: int, n: int, seed: int, right: float = 0.5
) -> tuple[Trajectories, NDArray[np.int64]]:
    """Walks of at most 3 L - 1 steps until the junction, and the cue of each, 0 or 1 [N].

    An input is [one-hot action (right, up, left, down), reward, one-hot (cue 0, cue 1, corridor,
    junction)].

    :param length: L
    :param right: probability of a step to the right; the other actions share the rest
    """
    rng = np.random.default_rng(seed)
    probabilities = [right, *[(1 - right) / 3] * 3]
    inputs = np.zeros((3 * length - 1, n, 9), np.float32)
    cues = rng.integers(2, size=n)
    lengths = []
    for i, cue in enumerate(cues):
        x = t = 0
        inputs[0, i, 5 + cue] = 1
        while x < length and t + 1 < len(inputs):
            action = rng.choice(4, p=probabilities)
            moved = min(max(x + {0: 1, 2: -1}.get(action, 0), 0), length)
            t += 1
            inputs[t, i, action] = 1
            inputs[t, i, 4] = -0.1 if moved == x else 0
            x = moved
            inputs[t, i, 5 + (cue if x == 0 else 3 if x == length else 2)] = 1
        lengths.append(t + 1)
    return Trajectories(torch.from_numpy(inputs), torch.tensor(lengths)), cues
