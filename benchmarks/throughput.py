"""Steps per second of training: this project, sb3-contrib's RecurrentPPO and feed-forward PPO.

The same environment, width and settings, alternating in one run, so that ratios hold on a busy
machine too. Makes a table of docs/benchmarks.md::

    python benchmarks/throughput.py
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import sb3_contrib
import stable_baselines3
import torch
import tyro
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.vec_env import VecEnv

from warmrl.agents import CELLS, MlpRnnPolicy, RecurrentPPO
from warmrl.benchmarks.torch_gru import TorchGRUPolicy
from warmrl.envs import make_vec_env

FORWARDS = {"forward": 1, "update": 3}  # a gradient costs two further forwards


@dataclass
class Throughput:
    """Measure the speed of training, split into environment, acting and update."""

    cell: str = "gru"
    """Recurrent cell of this project; the others have an LSTM."""
    length: int = 20
    """Corridor of the T-maze."""
    hidden: int = 64
    """Hidden size."""
    n_envs: int = 128
    """Environments side by side."""
    n_steps: int = 128
    """Steps per environment and rollout."""
    epochs: int = 4
    """Passes over a rollout."""
    minibatches: int = 4
    """Minibatches per pass."""
    repeats: int = 5
    """Rollouts and updates measured of each, after one that is not."""
    threads: int = 1
    """Threads of torch."""
    device: str = "cpu"
    """Device of the networks. Elsewhere than on the CPU our environments step there too, and count
    as acting."""
    json: Path | None = None
    """Where to write the numbers too."""


@dataclass
class Row:
    """Medians over the repeats of one algorithm."""

    name: str
    steps_per_second: float
    environment: float  # seconds per rollout
    acting: float  # policy step and buffer, seconds per rollout
    update: float  # seconds per rollout
    ratio: float  # steps per second, over those of the first row
    of_limit: float  # achieved part of the matrix-product limit


class Measured:
    """A model whose environment, rollout and update are timed."""

    def __init__(self, name: str, model: Any, kflop: float) -> None:
        self.name, self.model, self.kflop = name, model, kflop
        self.spent: dict[str, list[float]] = {"step_wait": [], "collect_rollouts": [], "train": []}
        for owner, method in (
            (model.env, "step_wait"),
            (model, "collect_rollouts"),
            (model, "train"),
        ):
            setattr(owner, method, self._timed(method, getattr(owner, method)))

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = call(*args, **kwargs)
            if self.model.device.type == "cuda":
                torch.cuda.synchronize()
            self.spent[name].append(time.perf_counter() - start)
            return result

        return timed

    def run(self) -> tuple[float, float, float]:
        """One rollout and update: seconds in the environment, acting, and updating."""
        for times in self.spent.values():
            times.clear()
        self.model.learn(self.model.n_steps * self.model.n_envs, reset_num_timesteps=False)
        environment = sum(self.spent["step_wait"])
        return (
            environment,
            sum(self.spent["collect_rollouts"]) - environment,
            self.spent["train"][0],
        )


def build(config: Throughput) -> list[Measured]:
    """The algorithms; this project's first."""
    steps = config.n_steps * config.n_envs
    common: dict[str, Any] = {
        "n_steps": config.n_steps,
        "batch_size": max(2, steps // config.minibatches),
        "n_epochs": config.epochs,
        "seed": 0,
        "device": config.device,
    }
    width = config.hidden
    head: dict[str, Any] = {"net_arch": []}
    env: Callable[..., VecEnv] = partial(
        make_vec_env, "warmrl/TMaze-v0", config.n_envs, seed=0, length=config.length
    )
    n_inputs = int((env().observation_space.shape or (1,))[0])
    gates = sum(s.gates for s in CELLS[config.cell].weight_shapes.values() if s.kind == "recurrent")

    def kflop(gates: int, trunks: int = 1) -> float:
        return trunks * 2 * gates * width * (n_inputs + width) / 1000

    ours = {"cell": config.cell, "double": True, "skip": False, "lstm_hidden_size": width}
    shared = {"lstm_hidden_size": width, "shared_lstm": True, "enable_critic_lstm": False} | head
    apart = {"lstm_hidden_size": width} | head
    plain = {"net_arch": [width, width]}
    lstm = "MlpLstmPolicy"
    torch_gru = Measured(
        "sb3-contrib, torch's GRU",
        sb3_contrib.RecurrentPPO(
            TorchGRUPolicy, env(), policy_kwargs={"lstm_hidden_size": width} | head, **common
        ),
        kflop(3),
    )
    return [
        Measured(
            f"warmrl, {config.cell}",
            RecurrentPPO("MlpRnnPolicy", env(device=config.device), policy_kwargs=ours, **common),
            kflop(gates),
        ),
        Measured(
            f"sb3-contrib, our {config.cell} policy",
            sb3_contrib.RecurrentPPO(MlpRnnPolicy, env(), policy_kwargs=ours, **common),
            kflop(gates),
        ),
        *([torch_gru] if config.cell == "gru" else []),
        Measured(
            "sb3-contrib, shared LSTM",
            sb3_contrib.RecurrentPPO(lstm, env(), policy_kwargs=shared, **common),
            kflop(4),
        ),
        Measured(
            "sb3-contrib, two LSTMs",
            sb3_contrib.RecurrentPPO(lstm, env(), policy_kwargs=apart, **common),
            kflop(4, trunks=2),
        ),
        Measured(
            "stable-baselines3 PPO, no memory",
            stable_baselines3.PPO("MlpPolicy", env(), policy_kwargs=plain, **common),
            kflop(1, trunks=2),
        ),
    ]


def matrix_product_speed(device: str, size: int = 1024) -> float:
    """GFLOP/s of a large float32 product, the best of ten."""
    a = torch.ones(size, size, device=device)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        (a @ a)[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def measure(config: Throughput) -> tuple[list[Row], float]:
    """Medians of every algorithm, and the speed of a matrix product in GFLOP/s."""
    torch.set_num_threads(config.threads)
    limit = matrix_product_speed(config.device)
    models = build(config)
    runs: dict[str, list[tuple[float, float, float]]] = {model.name: [] for model in models}
    for repeat in range(config.repeats + 1):
        for model in models:
            parts = model.run()
            if repeat:
                runs[model.name].append(parts)
    steps = config.n_steps * config.n_envs
    forwards = FORWARDS["forward"] + FORWARDS["update"] * config.epochs
    speed = {name: steps / median(map(sum, parts)) for name, parts in runs.items()}
    rows = []
    for model in models:
        environment, acting, update = map(median, zip(*runs[model.name], strict=True))
        own = speed[model.name]
        share = own * forwards * model.kflop / 1e6 / limit
        ratio = own / speed[models[0].name]
        rows.append(Row(model.name, own, environment, acting, update, ratio, share))
    return rows, limit


def main() -> None:
    """Print the table, and write the numbers if asked."""
    config = tyro.cli(Throughput)
    rows, limit = measure(config)
    table = Table(title=f"{limit:.0f} GFLOP/s in a matrix product, {config.threads} thread(s)")
    for column in ("", "steps / s", "env ms", "acting ms", "update ms", "ratio", "of limit"):
        table.add_column(column, justify="right" if column else "left")
    for row in rows:
        times = (f"{1000 * part:.0f}" for part in (row.environment, row.acting, row.update))
        share = (f"{row.ratio:.2f}", f"{row.of_limit:.0%}")
        table.add_row(row.name, f"{row.steps_per_second:.0f}", *times, *share)
    Console().print(table)
    if config.json is not None:
        numbers = {"config": asdict(config) | {"json": None}, "gflops": limit}
        text = json.dumps(numbers | {"rows": [asdict(row) for row in rows]}, indent=2)
        config.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
