"""A gradient step of warm-up: batched, and as a loop that runs every history alone.

That loop runs the same network, in the same compiled loops, and torch's GRU or LSTM, as it would
be written without this project. All take the paper's settings, alternating in one run, so that the
ratios hold on a busy machine too. Makes a table of docs/benchmarks.md::

    python benchmarks/warmup.py
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import nan
from statistics import median
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from warmrl.agents.layers import RecurrentStack
from warmrl.envs import make_vec_env
from warmrl.warmup import (
    Trajectories,
    WarmupConfig,
    random_rollouts,
    reachable_vaa,
    vaa_star,
    warm_up,
)


@dataclass
class Warmup:
    """Measure the speed of warm-up, and of measuring multistability."""

    cells: tuple[str, ...] = ("gru", "lstm")
    """Recurrent cells."""
    hidden: int = 64
    """Hidden size."""
    length: int = 20
    """Corridor of the T-maze that is explored."""
    n_steps: int = 50
    """Gradient steps per repeat."""
    batch_size: int = 32
    """Histories per gradient step."""
    repeats: int = 3
    """Repeats, after one that is not measured."""
    threads: int = 1
    """Threads of torch."""


def history_by_history(
    rnn: RecurrentStack | nn.RNNBase,
    trajectories: Trajectories,
    config: WarmupConfig,
    callback: Callable[[int, float], None],
) -> None:
    """Warm-up as its definition reads, with one run of the network per history."""
    generator = torch.Generator().manual_seed(config.seed)
    optimiser = torch.optim.Adam(rnn.parameters(), lr=config.learning_rate)
    assert isinstance(trajectories.inputs, Tensor)
    for step in range(config.n_steps):
        chosen = torch.randint(trajectories.n_trajectories, (config.batch_size,))
        longest = min(1 + config.drive_growth * step, config.max_drive_steps)
        n_drive = int(torch.randint(1, longest + 1, (), generator=generator))
        drive = torch.randn(rnn.input_size, generator=generator).expand(n_drive, 1, -1)
        states = []
        for n in chosen.tolist():
            cut = int(torch.randint(1, int(trajectories.lengths[n]) + 1, ()))
            _, state = rnn(trajectories.inputs[:cut, n : n + 1])
            _, state = rnn(drive, state)
            h, *c = state if isinstance(state, tuple) else (state,)
            cell_state = isinstance(rnn, nn.RNNBase) or rnn.layers[0].cell_state
            states.append(torch.cat([part.flatten() for part in (h, *(c if cell_state else ()))]))
        loss = (vaa_star(torch.stack(states), config.eps) - config.target).square()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        callback(step + 1, loss.item())


def measure(config: Warmup, cell: str, trajectories: Trajectories) -> list[float]:
    """Median seconds: a step batched, history by history, so in torch; and VAA of 200 states."""
    settings = WarmupConfig.paper(n_steps=config.n_steps, batch_size=config.batch_size)
    assert isinstance(trajectories.inputs, Tensor)
    width = trajectories.inputs.shape[-1]
    batched: list[float] = []
    alone: list[float] = []
    in_torch: list[float] = []
    vaa: list[float] = []
    ours = partial(RecurrentStack, cell)
    ways: list[tuple[Any, Any, list[float]]] = [
        (warm_up, ours, batched),
        (history_by_history, ours, alone),
        (history_by_history, {"gru": nn.GRU, "lstm": nn.LSTM}.get(cell), in_torch),
    ]
    for repeat in range(config.repeats + 1):
        for warm, network, spent in ways:
            if network is None:
                continue
            rnn = network(width, config.hidden)
            ends: list[float] = []
            warm(
                rnn, trajectories, settings, lambda *_, ends=ends: ends.append(time.perf_counter())
            )
            if repeat:
                spent.append((ends[-1] - ends[0]) / (config.n_steps - 1))
        start = time.perf_counter()
        reachable_vaa(ours(width, config.hidden), trajectories, n_states=200, n_steps=10_000)
        if repeat:
            vaa.append(time.perf_counter() - start)
    return [median(spent or [nan]) for spent in (batched, alone, in_torch, vaa)]


def main() -> None:
    """Print the table."""
    config = tyro.cli(Warmup)
    torch.set_num_threads(config.threads)
    env = make_vec_env("warmrl/TMaze-v0", 64, seed=0, length=config.length)
    trajectories = random_rollouts(env, 256, seed=0)
    table = Table(
        *("", "batched, ms", "alone, ms", "ratio", "alone in torch, ms", "ratio"),
        "VAA of 200 states, 10 000 steps, s",
    )
    for cell in config.cells:
        batched, alone, in_torch, vaa = measure(config, cell, trajectories)
        cells = [f"{1e3 * batched:.1f}"]
        for seconds in (alone, in_torch):
            cells += f"{1e3 * seconds:.1f}", f"{seconds / batched:.1f}"
        table.add_row(cell, *cells, f"{vaa:.2f}")
    Console(highlight=False, soft_wrap=True).print(table)


if __name__ == "__main__":
    main()
