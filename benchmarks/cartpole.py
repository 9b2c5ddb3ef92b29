"""CartPole without velocities, in unmodified sb3-contrib: this project's policy and upstream's.

Makes a table of docs/benchmarks.md::

    python benchmarks/cartpole.py
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_contrib
import torch
import tyro
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from warmrl.agents import MlpRnnPolicy
from warmrl.evaluation.interquartile import iqm, iqm_interval

POLICIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "MlpLstmPolicy (upstream), two trunks": ("MlpLstmPolicy", {"enable_critic_lstm": True}),
    "MlpRnnPolicy, GRU, two trunks": (MlpRnnPolicy, {"enable_critic_lstm": True}),
    "MlpRnnPolicy, GRU, shared trunk": (MlpRnnPolicy, {}),
}


class WithoutVelocities(gym.ObservationWrapper[np.ndarray, int, np.ndarray]):
    """CartPole that shows positions only, so that velocities must be remembered."""

    def __init__(self) -> None:
        super().__init__(gym.make("CartPole-v1"))
        space = self.env.observation_space
        assert isinstance(space, gym.spaces.Box)
        self.observation_space = gym.spaces.Box(space.low[::2], space.high[::2])

    def observation(self, observation: np.ndarray) -> np.ndarray:
        """Cart position and pole angle."""
        return observation[::2]


@dataclass
class CartPole:
    """Train both policies in sb3-contrib's own RecurrentPPO, and evaluate them."""

    total_timesteps: int = 60_000
    """Environment steps."""
    seeds: int = 10
    """Seeds per policy."""
    workers: int = 2
    """Runs side by side, each on one core."""


def final_return(policy: str, seed: int, total_timesteps: int) -> float:
    """Train one policy.

    :return: mean return over 20 episodes, at most 500
    """
    torch.set_num_threads(1)
    env = make_vec_env(WithoutVelocities, 8, seed=seed)
    policy_class, trunks = POLICIES[policy]
    model = sb3_contrib.RecurrentPPO(
        policy_class,
        env,
        learning_rate=1e-3,
        n_steps=128,
        batch_size=256,
        n_epochs=4,
        gae_lambda=0.98,
        policy_kwargs={"lstm_hidden_size": 64, "net_arch": [64]} | trunks,
        seed=seed,
        device="cpu",
    )
    model.learn(total_timesteps)
    mean, _ = evaluate_policy(model, make_vec_env(WithoutVelocities, 4, seed=seed + 1000), 20)
    return float(np.mean(mean))


def main() -> None:
    """Run all seeds and print the table."""
    study = tyro.cli(CartPole)
    table = Table("policy", "return, IQM", "95 % interval", "worst", "best")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(study.workers, mp_context=context) as pool:
        for policy in POLICIES:
            jobs = [
                pool.submit(final_return, policy, seed, study.total_timesteps)
                for seed in range(study.seeds)
            ]
            returns = [job.result() for job in jobs]
            low, high = iqm_interval(returns)
            table.add_row(
                policy,
                f"{iqm(returns):.0f}",
                f"{low:.0f} - {high:.0f}",
                f"{min(returns):.0f}",
                f"{max(returns):.0f}",
            )
    Console(highlight=False, soft_wrap=True).print(table)


if __name__ == "__main__":
    main()
