"""This library's policy and warm-up in unmodified sb3-contrib.

Trained in a short corridor, evaluated in one ten times as long::

    python examples/upstream_recurrent_ppo.py
"""

import torch
import tyro
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.evaluation import evaluate_policy

from warmrl.agents import MlpRnnPolicy
from warmrl.envs import make_vec_env
from warmrl.warmup import WarmupCallback


def main(total_timesteps: int = 200_000) -> None:
    """Train and evaluate.

    :param total_timesteps: environment steps
    """
    torch.set_num_threads(1)
    model = RecurrentPPO(
        MlpRnnPolicy,
        make_vec_env("warmrl/TMaze-v0", n_envs=32, seed=0, length=10),
        learning_rate=1e-3,
        n_steps=128,
        batch_size=1024,
        n_epochs=4,
        ent_coef=0.01,
        policy_kwargs={"cell": "gru", "action_prior": (1 / 2, 1 / 6, 1 / 6, 1 / 6)},
        seed=0,
        verbose=1,
    )
    model.learn(total_timesteps, callback=WarmupCallback())
    longer = make_vec_env("warmrl/TMaze-v0", n_envs=8, seed=1, length=100)
    mean, _ = evaluate_policy(model, longer, n_eval_episodes=40)
    print(f"mean return at length 100: {mean:.2f} of at most 4")


if __name__ == "__main__":
    tyro.cli(main)
