"""Agents learn what only memory can solve."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from warmrl.agents import Agent, RecurrentPPO


def success_rate(act: Callable[[Any, Any], Any], env: VecEnv, steps: int = 40) -> float:
    """Share of the episodes whose question is answered rightly.

    :param act: from observations and which of them start an episode, to actions
    """
    env.seed(100)
    obs, starts = env.reset(), np.ones(env.num_envs, bool)
    rewards, ends = 0.0, 0
    for _ in range(steps):
        obs, reward, starts, _ = env.step(act(obs, starts))
        rewards, ends = rewards + float(reward.sum()), ends + int(starts.sum())
    return rewards / ends


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_cue_of_three_steps_ago_is_answered(
    cell: str, cue_vec_env: Callable[..., VecEnv]
) -> None:
    model = RecurrentPPO(
        "MlpRnnPolicy",
        cue_vec_env(16),
        n_steps=32,
        batch_size=256,
        n_epochs=4,
        learning_rate=5e-3,
        seed=0,
        device="cpu",
        policy_kwargs={"cell": cell, "lstm_hidden_size": 16},
    ).learn(16_000)
    agent = Agent(model)

    def act(obs: Any, starts: Any) -> Any:
        agent.reset(starts if starts.sum() < len(starts) else None)
        return agent.act(obs)

    assert success_rate(act, cue_vec_env(64)) >= 0.95


def test_without_memory_it_is_a_coin_toss(cue_vec_env: Callable[..., VecEnv]) -> None:
    model = PPO("MlpPolicy", cue_vec_env(16), n_steps=32, batch_size=256, seed=0, device="cpu")
    model.learn(4_000)
    rate = success_rate(lambda obs, _: model.predict(obs, deterministic=True)[0], cue_vec_env(64))
    assert 0.4 <= rate <= 0.6


def test_a_trunk_that_is_reset_at_every_step_is_a_coin_toss(
    cue_vec_env: Callable[..., VecEnv],
) -> None:
    """The control: the same agent, made to forget."""
    model = RecurrentPPO("MlpRnnPolicy", cue_vec_env(16), n_steps=32, seed=0, device="cpu")
    agent = Agent(model.learn(2_000))

    def forgetful(obs: Any, _: Any) -> Any:
        agent.reset()
        return agent.act(obs)

    assert 0.4 <= success_rate(forgetful, cue_vec_env(64)) <= 0.6
