"""Environments that need memory, for Gymnasium and Stable-Baselines3.

Importing this package registers its ids, so `gym.make("warmrl.envs:warmrl/TMaze-v0")` needs no
other import.
"""

from .active_tmaze import ActiveTMaze
from .bakker_tmaze import BakkerTMaze
from .delayed_recall import DelayedRecall
from .denoising import Denoising
from .episode import Episode, EpisodeState
from .gym_vector import MemoryVectorEnv
from .moving_corridor import MovingCorridor
from .passive_tmaze import PassiveTMaze
from .registration import TASKS
from .repeat_previous import RepeatPrevious
from .sb3_vector import MemoryVecEnv
from .single import MemoryEnv
from .task import MemoryTask
from .tensor_vec_env import TensorStep, TensorVecEnv
from .tmaze import TMaze
from .vec_env import make_vec_env

__all__ = [
    "TASKS",
    "ActiveTMaze",
    "BakkerTMaze",
    "DelayedRecall",
    "Denoising",
    "Episode",
    "EpisodeState",
    "MemoryEnv",
    "MemoryTask",
    "MemoryVecEnv",
    "MemoryVectorEnv",
    "MovingCorridor",
    "PassiveTMaze",
    "RepeatPrevious",
    "TMaze",
    "TensorStep",
    "TensorVecEnv",
    "make_vec_env",
]
