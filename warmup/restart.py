"""New episodes in the training environments, as ``learn`` has begun them."""

from typing import Any

import numpy as np


def restart_episodes(model: Any, env: Any, seed: int | None) -> None:
    """Reset the training environments, and show the model what it would see after that.

    :param model: an SB3 model that is learning, or has learned
    :param env: its environments
    :param seed: their seed from now on; ``None`` to go on with their streams
    """
    if seed is not None:
        env.seed(seed)
    model._last_obs = env.reset()
    # The recurrent states need no reset of their own: they are masked where episodes start.
    model._last_episode_starts = np.ones(env.num_envs, dtype=bool)
    normaliser = model.get_vec_normalize_env()
    if normaliser is not None:
        model._last_original_obs = normaliser.get_original_obs()
