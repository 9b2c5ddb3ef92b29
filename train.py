"""Train a warmed-up recurrent agent, and evaluate it over delays that it never saw."""

import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure

from warmrl.agents import Agent, RecurrentPPO
from warmrl.command_line import one_line_errors, parse
from warmrl.envs.arguments import delay_bounds
from warmrl.evaluation import (
    DelayResult,
    check_delays,
    print_table,
    success_figure,
    sweep,
    write_evaluation,
)
from warmrl.training import ProgressBar, RunFolder, StopWhenSolved, TrainConfig
from warmrl.training.config import build_env, build_model, task_of
from warmrl.warmup import WarmupResult, random_rollouts, warm_up

DELAY_FACTORS = (1, 10, 100, 1000)


class Trained(NamedTuple):
    """What a training run leaves in memory."""

    model: RecurrentPPO
    warmup: WarmupResult | None
    solved_at: int | None
    """environment steps when the task was solved, ``None`` if it was not"""
    warmup_seconds: float
    training_seconds: float


def train(
    config: TrainConfig,
    callbacks: Sequence[BaseCallback] = (),
    model: RecurrentPPO | None = None,
) -> Trained:
    """Warm up and train one agent; writes nothing.

    :param config: the run
    :param callbacks: further callbacks of ``learn``
    :param model: the untrained agent, if it is built already
    """
    model = build_model(config, build_env(config)) if model is None else model
    env = model.get_env()
    assert env is not None
    start = time.perf_counter()
    warmup = None
    if config.warmup_config is not None:
        trajectories = random_rollouts(env, config.warmup_episodes, seed=config.seed)
        warmup = warm_up(model, trajectories, config.warmup_config)
    warmed = time.perf_counter()
    solved = StopWhenSolved(config.solved_rollouts if config.stop_when_solved else None)
    bar = ProgressBar(config.total_timesteps, None if warmup is None else warmup.mean_vaa_after)
    model.learn(config.total_timesteps, callback=[solved, bar, *callbacks])
    end = time.perf_counter()
    return Trained(model, warmup, solved.solved_at, warmed - start, end - warmed)


def evaluation_delays(config: TrainConfig, env: Any) -> tuple[int, ...]:
    """The delays evaluated after training: those asked for, or far beyond those trained on."""
    task = task_of(env)
    if config.eval_delays is not None or task is None:
        return config.eval_delays or ()
    return tuple(factor * delay_bounds(task.delay)[1] for factor in DELAY_FACTORS)


def evaluate(config: TrainConfig, trained: Trained, folder: RunFolder) -> list[DelayResult]:
    """Evaluate over the delays, and write ``evaluation.json`` and its figure."""
    env = trained.model.get_env()
    task = task_of(env)
    results = sweep(
        Agent(trained.model),
        config.env,
        config.env_arguments,
        evaluation_delays(config, env),
        config.eval_episodes,
        seed=config.seed,
    )
    write_evaluation(
        folder.path, results, figure=None if task is None else success_figure(results, task)
    )
    return results


def main(args: Sequence[str] | None = None) -> None:
    """Run the script.

    :param args: the command line; that of the process if absent
    """
    console = Console(highlight=False, soft_wrap=True)
    with one_line_errors():
        config = parse(TrainConfig, args)
        env = build_env(config)
        model = build_model(config, env)
        check_delays(task_of(env), config.env, evaluation_delays(config, env))
        folder = RunFolder(config.folder)
        formats = ["csv", "tensorboard"] if config.tensorboard else ["csv"]
        model.set_logger(configure(str(folder.path), formats))
    warmed = "" if config.warmup == "none" else f", warmed up ({config.warmup})"
    layers = f"{'double ' if config.double else ''}{config.cell.upper()} {config.hidden_size}"
    console.print(f"training {layers}{warmed} on {config.env} {config.env_arguments}")
    trained = train(config, model=model)
    if trained.warmup is not None:
        before, after = trained.warmup.mean_vaa_before, trained.warmup.mean_vaa_after
        console.print(
            f"warmed up in {trained.warmup_seconds:.1f} s: VAA {before:.3f} -> {after:.3f}"
        )
    steps = f"{model.num_timesteps:,} steps, {trained.training_seconds:.1f} s"
    outcome = "not solved" if trained.solved_at is None else f"solved at {trained.solved_at:,}"
    console.print(f"trained for {steps}: {outcome}")
    folder.save(model, config, {"solved_at": trained.solved_at, "steps": model.num_timesteps})
    results = evaluate(config, trained, folder)
    task = task_of(env)
    print_table(results, "delay" if task is None else task.delay_name, console)
    console.print(f"saved in {folder.path}; try: python evaluate.py {folder.path} --certify")


if __name__ == "__main__":
    main(sys.argv[1:])
