"""Warm up an existing sb3-contrib model: its own policy, two lines more.

::

    python examples/existing_model.py
"""

import torch
import tyro
from sb3_contrib import RecurrentPPO

from warmrl.envs import make_vec_env
from warmrl.warmup import random_rollouts, warm_up


def main(total_timesteps: int = 200_000) -> None:
    """Warm up and train.

    :param total_timesteps: environment steps
    """
    torch.set_num_threads(1)
    env = make_vec_env("warmrl/TMaze-v0", n_envs=32, seed=0, length=10)
    model = RecurrentPPO(
        "MlpLstmPolicy",
        env,
        n_steps=128,
        batch_size=1024,
        n_epochs=4,
        ent_coef=0.01,
        policy_kwargs={"lstm_hidden_size": 64},
        seed=0,
        verbose=1,
    )
    result = warm_up(model, random_rollouts(env, n_episodes=256, seed=0))
    for layer, before in result.vaa_before.items():
        print(f"{layer}: VAA {before:.3f} -> {result.vaa_after[layer]:.3f}")
    model.learn(total_timesteps)


if __name__ == "__main__":
    tyro.cli(main)
