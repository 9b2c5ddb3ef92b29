"""Warm-up among the usual callbacks, saved and loaded again.

Normalised rewards and observations, evaluation that keeps the best model and stops when it is good
enough, checkpoints; then training goes on from the files, without a second warm-up::

    python examples/callbacks.py
"""

from pathlib import Path

import torch
import tyro
from stable_baselines3.common.callbacks import (
    CheckpointCallback,
    EvalCallback,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from warmrl.agents import RecurrentPPO
from warmrl.envs import make_vec_env
from warmrl.warmup import WarmupCallback


def make_env(n_envs: int, seed: int) -> VecEnv:
    """Corridors of random lengths."""
    return make_vec_env("warmrl/TMaze-v0", n_envs, seed, length=(5, 10))


def main(total_timesteps: int = 300_000, run_dir: Path = Path("runs/callbacks")) -> None:
    """Train, save, load and train further.

    :param total_timesteps: environment steps at most, half as many again after loading
    :param run_dir: where everything is saved
    """
    torch.set_num_threads(1)
    env = VecNormalize(make_env(32, seed=0))
    model = RecurrentPPO(
        "MlpRnnPolicy",
        env,
        learning_rate=1e-3,
        n_steps=128,
        batch_size=1024,
        n_epochs=4,
        ent_coef=0.01,
        seed=0,
        verbose=1,
    )
    tenth = total_timesteps // 10 // env.num_envs  # these callbacks count vectorised steps
    callbacks = [
        WarmupCallback(n_episodes=256),
        CheckpointCallback(5 * tenth, str(run_dir / "checkpoints"), save_vecnormalize=True),
        EvalCallback(
            VecNormalize(make_env(8, seed=1), training=False, norm_reward=False),
            callback_on_new_best=StopTrainingOnRewardThreshold(reward_threshold=3.9, verbose=1),
            n_eval_episodes=40,
            eval_freq=tenth,
            best_model_save_path=str(run_dir),
        ),
    ]
    model.learn(total_timesteps, callback=callbacks)
    model.save(run_dir / "model")
    env.save(str(run_dir / "vecnormalize.pkl"))

    env = VecNormalize.load(str(run_dir / "vecnormalize.pkl"), make_env(32, seed=2))
    model = RecurrentPPO.load(run_dir / "model", env=env)
    model.learn(total_timesteps // 2, callback=callbacks, reset_num_timesteps=False)


if __name__ == "__main__":
    tyro.cli(main)
