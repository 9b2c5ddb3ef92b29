"""From a configuration to its environments and its untrained agent."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecEnv

from ..agents import RecurrentPPO
from ..envs import MemoryTask
from ..envs.vec_env import make_configured
from .config import TrainConfig

ACTIONS = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


def build_env(config: TrainConfig) -> VecEnv:
    """The training environments.

    :raises ValueError: if id or arguments are unknown or wrong, or a package is missing
    """
    arguments = config.env_arguments
    return make_configured(config.env, config.n_envs, config.seed, arguments, config.device)


def task_of(env: VecEnv) -> MemoryTask | None:
    """The memory task behind the environments, ``None`` if it is another's environment."""
    return getattr(env, "task", None)


def exploration_policy_of(env: VecEnv) -> Sequence[float] | None:
    """The probabilities of discrete actions that the environments state, if they do."""
    if not env.has_attr("exploration_policy"):
        return None
    stated: Sequence[float] | None = env.get_attr("exploration_policy", indices=[0])[0]
    return stated


def left_out(env: VecEnv) -> tuple[str, ...]:
    """Names of the observations that are text, which no policy reads."""
    if not env.has_attr("left_out"):
        return ()
    names: tuple[str, ...] = env.get_attr("left_out", indices=[0])[0]
    return names


def build_model(config: TrainConfig, env: VecEnv, **kwargs: Any) -> RecurrentPPO:
    """The untrained agent.

    A policy starts as the environment's exploration policy, where it states one.

    :param kwargs: further arguments of :class:`~warmrl.agents.RecurrentPPO`
    :raises ValueError: if no policy has the environment's actions
    """
    torch.set_num_threads(config.threads)
    task = task_of(env)
    scale = config.reward_scale
    if scale is None:
        scale = 1.0 if task is None else 1 / task.optimal_return
    _check_actions(config.env, env.action_space)
    return quiet(
        RecurrentPPO(
            policy_name(env.observation_space),
            env,
            learning_rate=config.learning_rate,
            n_steps=config.n_steps,
            batch_size=config.n_steps * config.n_envs // config.n_minibatches,
            n_epochs=config.n_epochs,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
            clip_range=config.clip_range,
            ent_coef=config.ent_coef,
            normalize_advantage=config.normalize_advantage,
            reward_scale=scale,
            policy_kwargs={
                "cell": config.cell,
                "double": config.double,
                "skip": config.skip,
                "init": config.init,
                "lstm_hidden_size": config.hidden_size,
                "n_lstm_layers": config.n_layers,
                "enable_critic_lstm": config.critic == "separate",
                "value_gradient": True,
                "action_prior": exploration_policy_of(env),
            },
            stats_window_size=200,
            seed=config.seed,
            device=config.device,
            **kwargs,
        )
    )


def quiet(model: RecurrentPPO) -> RecurrentPPO:
    """A model that logs nothing; SB3's own would leave a folder among the temporary files."""
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def policy_name(space: spaces.Space[Any]) -> str:
    """The policy for an observation space that SB3 reads."""
    if isinstance(space, spaces.Dict):
        return "MultiInputRnnPolicy"
    return "CnnRnnPolicy" if is_image_space(space) else "MlpRnnPolicy"


def _check_actions(env_id: str, space: spaces.Space[Any]) -> None:
    if not isinstance(space, ACTIONS):
        right = ", ".join(kind.__name__ for kind in ACTIONS)
        raise ValueError(f"env={env_id!r}: actions are {space}; they must be one of {right}")
    if np.any(getattr(space, "start", 0)):
        raise ValueError(f"env={env_id!r}: actions are {space}; they must start at 0")
    if isinstance(space, spaces.Box) and not space.is_bounded():
        raise ValueError(f"env={env_id!r}: actions are {space}; their bounds must be finite")
