"""Steps per second of the T-maze alone: as vector environments, and one by one.

Alternating in one run, so that ratios hold on a busy machine too. Makes a table of
docs/benchmarks.md::

    python benchmarks/environments.py
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from warmrl.envs import make_vec_env

ENV = "warmrl/TMaze-v0"


@dataclass
class Environments:
    """Measure how fast environments step, with random actions."""

    n_envs: int = 4096
    """Environments side by side in the vectorised ones."""
    n_sync: int = 64
    """Environments in Gymnasium's SyncVectorEnv, which steps them one by one."""
    length: int = 20
    """Corridor of the T-maze."""
    n_steps: int = 200
    """Steps of every environment per repeat."""
    repeats: int = 7
    """Repeats, after one that is not measured."""


def stepping(config: Environments) -> dict[str, tuple[int, Callable[[], None]]]:
    """By name: the number of environments, and a function that steps them all."""
    rng = np.random.default_rng(0)
    vector = gym.make_vec(ENV, num_envs=config.n_envs, length=config.length)
    sync = gym.vector.SyncVectorEnv(
        [lambda: gym.make(ENV, length=config.length) for _ in range(config.n_sync)]
    )
    sb3 = make_vec_env(ENV, config.n_envs, seed=0, length=config.length)
    single = gym.make(ENV, length=config.length)
    for env in (vector, sync, single):
        env.reset(seed=0)
    sb3.reset()
    actions = {n: rng.integers(0, 4, (config.n_steps, n)) for n in (config.n_envs, config.n_sync)}
    alone = rng.integers(0, 4, config.n_steps).tolist()

    def step_vector() -> None:
        for action in actions[config.n_envs]:
            vector.step(action)

    def step_sb3() -> None:
        for action in actions[config.n_envs]:
            sb3.step(action)

    def step_sync() -> None:
        for action in actions[config.n_sync]:
            sync.step(action)

    def step_alone(env: gym.Env[Any, Any]) -> None:
        for action in alone:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return {
        "gymnasium.make_vec": (config.n_envs, step_vector),
        "make_vec_env, for SB3": (config.n_envs, step_sb3),
        "gymnasium's SyncVectorEnv": (config.n_sync, step_sync),
        "gymnasium.make": (1, partial(step_alone, single)),
        "the same without Gymnasium's checks": (1, partial(step_alone, single.unwrapped)),
    }


def measure(config: Environments) -> dict[str, tuple[int, float]]:
    """By name: the number of environments, and the median seconds per step of one of them."""
    runs = stepping(config)
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(config.repeats + 1):
        for name, (_, run) in runs.items():
            start = time.perf_counter()
            run()
            if repeat:
                spent[name].append(time.perf_counter() - start)
    return {name: (n, median(spent[name]) / (config.n_steps * n)) for name, (n, _) in runs.items()}


def main() -> None:
    """Print the table."""
    measured = measure(tyro.cli(Environments))
    baseline = measured["gymnasium's SyncVectorEnv"][1]
    table = Table("", "environments", "steps / s", "microseconds", "times SyncVectorEnv")
    for name, (n, seconds) in measured.items():
        table.add_row(
            name,
            str(n),
            f"{1 / seconds:,.0f}",
            f"{1e6 * seconds:.3g}",
            f"{baseline / seconds:.3g}",
        )
    Console(highlight=False, soft_wrap=True).print(table)


if __name__ == "__main__":
    main()
