"""Environments that need memory, for Gymnasium and Stable-Baselines3.

Importing this package registers its ids, so `gym.make("warmrl.envs:warmrl/TMaze-v0")` needs no
other import.
"""

from .delayed_recall import DelayedRecall
from .episode import Episode, EpisodeState
from .gym_vector import MemoryVectorEnv
from .registration import TASKS
from .sb3_vector import MemoryVecEnv
from .single import MemoryEnv
from .task import MemoryTask
from .tmaze import TMaze
from .vec_env import make_vec_env

__all__ = [
    "TASKS",
    "DelayedRecall",
    "Episode",
    "EpisodeState",
    "MemoryEnv",
    "MemoryTask",
    "MemoryVecEnv",
    "MemoryVectorEnv",
    "TMaze",
    "make_vec_env",
]
