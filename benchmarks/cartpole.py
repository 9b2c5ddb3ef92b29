"""CartPole without velocities, in unmodified sb3-contrib: this project's policy and upstream's.

Makes a table of docs/benchmarks.md::

    python benchmarks/cartpole.py
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import sb3_contrib
import torch
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from warmrl.agents import MlpRnnPolicy
from warmrl.benchmarks.study import Study
from warmrl.checks import check_integer
from warmrl.command_line import parse
from warmrl.evaluation.interquartile import with_interval
from warmrl.sweeps.rows import Row, grouped

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


@dataclass(frozen=True)
class CartPoleJob:
    """Train one policy in sb3-contrib's own RecurrentPPO, and evaluate it."""

    group: str
    """the policy"""
    seed: int
    total_timesteps: int

    @property
    def key(self) -> str:
        """What makes the run the same run, as JSON."""
        return json.dumps([self.group, self.seed, self.total_timesteps])

    def run(self) -> Row:
        """Train and evaluate it.

        :return: its row, with the mean return over 20 episodes, at most 500
        """
        torch.set_num_threads(1)
        env = make_vec_env(WithoutVelocities, 8, seed=self.seed)
        policy_class, trunks = POLICIES[self.group]
        model = sb3_contrib.RecurrentPPO(
            policy_class,
            env,
            learning_rate=1e-3,
            n_steps=128,
            batch_size=256,
            n_epochs=4,
            gae_lambda=0.98,
            policy_kwargs={"lstm_hidden_size": 64, "net_arch": [64]} | trunks,
            seed=self.seed,
            device="cpu",
        )
        model.learn(self.total_timesteps)
        tested = make_vec_env(WithoutVelocities, 4, seed=self.seed + 1000)
        mean, _ = evaluate_policy(model, tested, 20)
        return {"group": self.group, "seed": self.seed, "return": float(np.mean(mean))}


@dataclass
class CartPole(Study):
    """Train both policies in sb3-contrib's own RecurrentPPO, and evaluate them."""

    total_timesteps: int = 60_000
    """Environment steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("total_timesteps", self.total_timesteps, 1)

    def jobs(self) -> list[CartPoleJob]:
        """All runs of the study."""
        return [
            CartPoleJob(policy, seed, self.total_timesteps)
            for seed in range(self.seeds)
            for policy in POLICIES
        ]


def main(args: Sequence[str] | None = None) -> None:
    """Run the study and print its table.

    :param args: the command line; that of the process if absent
    """
    study = parse(CartPole, args)
    table = Table("policy", "return, IQM", "worst", "best")
    for policy, runs in grouped(study.rows("cartpole", study.jobs())).items():
        returns = [run["return"] for run in runs]
        worst, best = (f"{extreme(returns):.0f}" for extreme in (min, max))
        table.add_row(policy, with_interval(returns, 0), worst, best)
    Console(highlight=False, soft_wrap=True).print(table)


if __name__ == "__main__":
    main()
