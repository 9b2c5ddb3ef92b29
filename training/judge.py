"""How a run judges what is done after training."""

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from ..agents import Agent
from ..envs import MemoryTask
from ..evaluation import play_task
from ..warmup import Episodes, GreedyJudge, Judge
from .build import build_env
from .config import TrainConfig

EPISODES = 500
SALT = 22  # so that the episodes are none of training, nor of evaluation


def judge_of(task: MemoryTask | None, config: TrainConfig) -> Judge:
    """Plays on the delays trained on, in episodes that neither training nor evaluation has seen.

    :param task: the task; ``None`` for another's environment, of which new ones are made
    :param config: the run
    """
    seed = int(np.random.default_rng((SALT, config.seed)).integers(2**30))
    if task is None:
        return GreedyJudge(partial(build_env, dataclasses.replace(config, seed=seed)), seed=seed)
    return partial(_play, task, seed)


def _play(task: MemoryTask, seed: int, model: Any) -> Episodes:
    played = play_task(Agent(model), task, EPISODES, seed)
    return Episodes(played.returns, played.solved)
