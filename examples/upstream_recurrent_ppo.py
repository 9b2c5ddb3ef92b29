"""This library's policy and warm-up in unmodified sb3-contrib.

Trained in a short corridor, evaluated in corridors up to a hundred times as long::

    python examples/upstream_recurrent_ppo.py
"""

import torch
import tyro
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.vec_env import VecNormalize

from warmrl.agents import Agent, MlpRnnPolicy
from warmrl.envs import make_vec_env
from warmrl.evaluation import sweep
from warmrl.warmup import WarmupCallback


def main(total_timesteps: int = 200_000) -> None:
    """Train and evaluate.

    :param total_timesteps: environment steps
    """
    torch.set_num_threads(1)
    env = make_vec_env("warmrl/TMaze-v0", n_envs=32, seed=0, length=10)
    model = RecurrentPPO(
        MlpRnnPolicy,
        VecNormalize(env, norm_obs=False),  # large returns let the value loss drown the policy's
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
    for result in sweep(Agent(model), "warmrl/TMaze-v0", {}, (10, 100, 1000), 100, seed=1):
        print(f"length {result.delay}: success {result.success_rate:.2f}")


if __name__ == "__main__":
    tyro.cli(main)
