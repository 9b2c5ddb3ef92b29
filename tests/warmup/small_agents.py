"""Small agents to consolidate."""

import dataclasses
from typing import Any

import numpy as np
import torch
from sb3_contrib import RecurrentPPO as UpstreamRecurrentPPO
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from warmrl.agents import MlpRnnPolicy, RecurrentPPO
from warmrl.envs import make_vec_env
from warmrl.warmup import ConsolidationCallback, ConsolidationConfig, Episodes

SMALL: dict[str, Any] = {"n_steps": 16, "batch_size": 32, "n_epochs": 1, "seed": 0, "device": "cpu"}


def recall(n_envs: int = 4, **kwargs: Any) -> VecEnv:
    arguments = {"delay": 5, "n_symbols": 2, "observe_previous": False} | kwargs
    return make_vec_env("warmrl/DelayedRecall-v0", n_envs, seed=0, **arguments)


def ours(env: VecEnv, policy: Any = MlpRnnPolicy, **kwargs: Any) -> Any:
    settings = {"lstm_hidden_size": 8} | kwargs
    return RecurrentPPO(policy, env, policy_kwargs=settings, **SMALL)


def upstream(env: VecEnv) -> Any:
    return UpstreamRecurrentPPO(
        "MlpLstmPolicy", env, policy_kwargs={"lstm_hidden_size": 8}, **SMALL
    )


def weights(module: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def frozen(model: Any) -> Any:
    """A model that PPO does not change."""
    model.learning_rate, model.lr_schedule = 0.0, lambda _: 0.0
    return model


def restless(model: Any) -> Any:
    """A model that PPO does not change, whose states move a lot in waits, and actions with them."""
    with torch.no_grad():
        for weight in model.policy.parameters():
            weight.mul_(3)
        model.policy.action_net.weight.mul_(30)
    return frozen(model)


def whatever(config: ConsolidationConfig | None = None, **kwargs: Any) -> ConsolidationCallback:
    """Consolidates whatever it finds, and keeps whatever becomes of it."""
    config = dataclasses.replace(config or ConsolidationConfig(), min_idle=0.0)
    return ConsolidationCallback(config, judge=lambda _: Episodes(np.zeros(1)), **kwargs)


EASILY: dict[str, Any] = {"max_change": 1e-3, "max_lost": 0.0, "n_states": 16, "flow_steps": 10}
