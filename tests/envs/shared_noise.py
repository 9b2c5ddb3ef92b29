"""The same noise for environments on tensors and in NumPy arrays, which draw it differently."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from warmrl.envs import MemoryVecEnv, TensorVecEnv
from warmrl.tests.envs.replay import Feed, as_generator


def share_noise(tensors: TensorVecEnv, arrays: MemoryVecEnv, seed: int) -> Callable[[], None]:
    """Give both the same noise; call what is returned before every step."""
    rng = np.random.default_rng(seed)
    n = arrays.num_envs
    for_tensors, for_arrays = Feed(), Feed()

    def noise(width: int) -> Tensor:
        return torch.from_numpy(for_tensors.random((n, width)))

    def next_step() -> None:
        episode = arrays._batch.episode  # another one once the task is changed
        step_noise = episode.step_noise
        step, reset = rng.random((n, step_noise)), rng.random((n, episode.reset_noise))
        for_tensors.next = [step, reset]
        for_arrays.next = [step, reset] if step_noise else [reset]

    tensors._noise = noise  # type: ignore[method-assign]
    arrays.np_random = as_generator(for_arrays)
    start = rng.random((n, arrays.task.reset_noise))
    for_tensors.next, for_arrays.next = [start], [start]
    return next_step
