"""The configuration of a run, checked as a whole before anything is built."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from ..agents import CELLS, RecurrentPPO
from ..envs import TASKS, MemoryTask, make_vec_env
from ..warmup import WarmupConfig


@dataclass
class TrainConfig:
    """Train a warmed-up recurrent PPO agent, and evaluate it on delays it never saw.

    Without arguments: the T-maze of length 20, a half-warmed double GRU, about half a minute. Other
    examples: --cell lstm; --length 5 20 --env-kwargs stochasticity 0.3;
    --env warmrl/DelayedRecall-v0 --delay 1 20.
    """

    env: str = "warmrl/TMaze-v0"
    """Environment: one of warmrl's ids, or any other Gymnasium id."""
    length: tuple[int, ...] | None = None
    """Corridor length of a T-maze: one number, or two for a range drawn in every episode."""
    delay: tuple[int, ...] | None = None
    """Delay of a recall task: one number, or two for a range drawn in every episode."""
    env_kwargs: dict[str, str] = field(default_factory=dict)
    """Other arguments of the environment, as NAME VALUE pairs: stochasticity 0.3."""
    n_envs: int = 128
    """Environments stepped in parallel."""

    cell: str = "gru"
    """Recurrent cell: gru or lstm."""
    double: bool = True
    """Double layers: two half-width cells side by side, of which only the first is warmed up."""
    hidden_size: int = 64
    """Width of a recurrent layer."""
    n_layers: int = 1
    """Recurrent layers."""

    warmup: Literal["none", "gaussian", "rollout", "frame"] = "frame"
    """Warm-up before training. Its states are driven by: a real input held constant (frame), a
    stretch of random rollouts (rollout), a constant N(0, I) input as in the paper (gaussian)."""
    warmup_steps: int = 200
    """Gradient steps of the warm-up."""
    warmup_episodes: int = 256
    """Episodes of the exploration policy that the warm-up sees."""

    total_timesteps: int = 2_000_000
    """Environment steps, at most."""
    stop_when_solved: bool = True
    """Stop once the success rate has been at least 0.99 for a while (only if the environment says
    what a success is)."""
    solved_rollouts: int = 10
    """For how many rollouts in a row, after the first."""
    learning_rate: float = 1e-3
    """Step size of Adam."""
    n_steps: int = 128
    """Steps per environment and rollout; gradients reach back no further."""
    n_epochs: int = 4
    """Passes over each rollout."""
    n_minibatches: int = 4
    """Minibatches per pass."""
    gamma: float = 0.99
    """Discount factor."""
    gae_lambda: float = 0.95
    """Lambda of generalised advantage estimation."""
    clip_range: float = 0.2
    """Clipping of the policy ratio."""
    ent_coef: float = 0.01
    """Weight of the entropy bonus."""
    reward_scale: float | None = None
    """Factor on the rewards learned from; by default one over the optimal return, if known."""

    seed: int = 0
    """Seed of everything."""
    device: str = "cpu"
    """Where the network runs: cpu, cuda, auto."""
    threads: int = 1
    """Threads of torch on the CPU; networks this small seldom gain from more."""
    run_dir: Path | None = None
    """Folder of the run, new; by default runs/ENVIRONMENT-CELL-WARMUP-SEED."""
    tensorboard: bool = False
    """Also log for TensorBoard (needs the extra "tensorboard")."""
    eval_delays: tuple[int, ...] | None = None
    """Delays evaluated at the end; by default the longest trained on times 1, 10, 100 and 1000."""
    eval_episodes: int = 100
    """Episodes at each of them."""

    def __post_init__(self) -> None:
        at_least_one = (
            *("n_envs", "hidden_size", "n_layers", "warmup_steps", "warmup_episodes", "threads"),
            *("total_timesteps", "n_steps", "n_epochs", "n_minibatches", "eval_episodes"),
        )
        for name in at_least_one:
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        for name in ("seed", "solved_rollouts", "ent_coef"):
            _require(self, name, getattr(self, name) >= 0, "at least 0")
        for name in ("gamma", "gae_lambda"):
            _require(self, name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        for name in ("learning_rate", "clip_range", "reward_scale"):
            value = getattr(self, name)
            _require(self, name, value is None or 0 < value < float("inf"), "a positive number")
        _require(self, "cell", self.cell in CELLS, f"one of {', '.join(CELLS)}")
        wide = self.hidden_size >= 2 or not self.double
        _require(self, "hidden_size", wide, "at least 2 in a double layer")
        for name in ("length", "delay"):
            value = getattr(self, name)
            _require(self, name, value is None or len(value) in (1, 2), "one number, or two")
        if self.n_envs * self.n_steps < 2 * self.n_minibatches:
            raise ValueError(
                f"n_minibatches={self.n_minibatches} must leave two steps or more in each of them; "
                f"a rollout has n_envs * n_steps = {self.n_envs * self.n_steps}"
            )

    @property
    def env_arguments(self) -> dict[str, Any]:
        """Arguments of the environment, parsed.

        :raises ValueError: if a delay does not belong to the environment
        """
        arguments = {name.replace("-", "_"): _parse(v) for name, v in self.env_kwargs.items()}
        task = TASKS.get(self.env)
        for name in ("length", "delay"):
            value = getattr(self, name)
            if value is None:
                continue
            if task is None or task.delay_name != name:
                own = "none" if task is None else f"--{task.delay_name}"
                raise ValueError(
                    f"{name}={value} does not belong to {self.env}; its delay is {own}"
                )
            arguments[name] = value[0] if len(value) == 1 else value
        return arguments

    @property
    def folder(self) -> Path:
        """The run folder, given or by default."""
        task = self.env.split("/")[-1]
        return self.run_dir or Path("runs") / f"{task}-{self.cell}-{self.warmup}-{self.seed}"

    @property
    def warmup_config(self) -> WarmupConfig | None:
        """Settings of the warm-up, ``None`` without one."""
        if self.warmup == "none":
            return None
        return WarmupConfig(drive=self.warmup, n_steps=self.warmup_steps, seed=self.seed)

    def to_json(self) -> dict[str, Any]:
        """Every field as JSON, with the environment's arguments as they were understood."""
        data = dataclasses.asdict(self)
        return data | {"run_dir": str(self.folder), "env_kwargs": self.env_arguments}


def build_env(config: TrainConfig) -> VecEnv:
    """The training environments.

    :raises ValueError: if the id is unknown or an argument is wrong
    """
    env: VecEnv = make_vec_env(config.env, config.n_envs, config.seed, **config.env_arguments)
    return env


def task_of(env: VecEnv) -> MemoryTask | None:
    """The memory task behind the environments, ``None`` if it is another's environment."""
    return getattr(env, "task", None)


def build_model(config: TrainConfig, env: VecEnv, **kwargs: Any) -> RecurrentPPO:
    """The untrained agent.

    A policy starts as the environment's exploration policy, where it states one.

    :param kwargs: further arguments of :class:`~warmrl.agents.RecurrentPPO`
    """
    torch.set_num_threads(config.threads)
    task = task_of(env)
    scale = config.reward_scale
    if scale is None:
        scale = 1.0 if task is None else 1 / task.optimal_return
    space = env.observation_space
    if isinstance(space, spaces.Dict):
        policy = "MultiInputRnnPolicy"
    else:
        policy = "CnnRnnPolicy" if len(space.shape or ()) == 3 else "MlpRnnPolicy"
    return RecurrentPPO(
        policy,
        env,
        learning_rate=config.learning_rate,
        n_steps=config.n_steps,
        batch_size=config.n_steps * config.n_envs // config.n_minibatches,
        n_epochs=config.n_epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip_range,
        ent_coef=config.ent_coef,
        reward_scale=scale,
        policy_kwargs={
            "cell": config.cell,
            "double": config.double,
            "lstm_hidden_size": config.hidden_size,
            "n_lstm_layers": config.n_layers,
            "action_prior": None if task is None else task.exploration_policy,
        },
        stats_window_size=200,
        seed=config.seed,
        device=config.device,
        **kwargs,
    )


def _parse(value: Any) -> Any:
    """A value from the command line: JSON where it is, else the word itself."""
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value


def _require(config: TrainConfig, name: str, holds: bool, right: str) -> None:
    if not holds:
        raise ValueError(f"{name}={getattr(config, name)} must be {right}")
