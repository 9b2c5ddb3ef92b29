"""Train a warmed-up recurrent agent, and evaluate it over delays that it never saw."""

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeAlias

from matplotlib.figure import Figure
from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from warmrl.agents import Agent, NotFiniteError, RecurrentPPO
from warmrl.command_line import UserError, command, fail, one_line_errors
from warmrl.envs.arguments import delay_bounds
from warmrl.evaluate import check_device, progress_bar
from warmrl.evaluation import (
    DelayResult,
    attractor_figure,
    check_delays,
    check_writable,
    has_cues,
    history_figure,
    portray,
    print_table,
    read_history,
    success_figure,
    sweep,
    write_evaluation,
)
from warmrl.training import (
    Checkpoints,
    JudgedPractice,
    PracticeResult,
    ProgressBar,
    Resumed,
    RunFolder,
    TrainConfig,
    build_env,
    build_model,
    consolidated_in_words,
    consolidation,
    judge_of,
    keep_what_was_learned,
    left_out,
    practised_in_words,
    read_command,
    resume_model,
    stop_when_solved,
    summary_of,
    task_of,
    tracked,
    write_outcome,
    write_settings,
    writing,
)
from warmrl.training.config import STABILITY
from warmrl.warmup import (
    ConsolidationResult,
    LocalStabilityConfig,
    LocalStabilityResult,
    WarmupResult,
    local_stability,
    random_rollouts,
    warm_up,
)

Warmed: TypeAlias = WarmupResult | LocalStabilityResult
DELAY_FACTORS = (1, 10, 100, 1000)
INTERRUPTED = 130  # exit status of a program ended by Ctrl-C


class Trained(NamedTuple):
    """What a training run leaves in memory."""

    model: RecurrentPPO
    warmup: Warmed | None
    solved_at: int | None
    """environment steps when the task was solved, ``None`` if it was not"""
    warmup_seconds: float
    training_seconds: float
    consolidation: ConsolidationResult | None
    """what came of it, ``None`` if there was none"""
    practice: PracticeResult | None
    """what was taken back of it, ``None`` if nothing was"""


def train(
    config: TrainConfig,
    callbacks: Sequence[BaseCallback] = (),
    model: RecurrentPPO | None = None,
    bar: ProgressBar | None = None,
    checkpoints: Checkpoints | None = None,
) -> Trained:
    """Warm up and train one agent, or train one further; writes nothing but its checkpoints.

    :param config: the run
    :param callbacks: further callbacks of ``learn``
    :param model: the agent, if there is one already; it is warmed up only if it is untrained
    :param bar: shows how it goes
    :param checkpoints: what it is saved to, and goes on from
    :raises UserError: if observations, rewards, losses or gradients are not finite, or its episodes
        cannot be warmed up on
    """
    model = build_model(config, build_env(config)) if model is None else model
    resumed = checkpoints is not None and checkpoints.resumed is not None
    begun = resumed or model.num_timesteps > 0
    start = time.perf_counter()
    warmup = None if begun else warm(config, model, bar)
    warmed = time.perf_counter()
    solved = stop_when_solved(config) if checkpoints is None else checkpoints.solved
    own: list[BaseCallback] = [solved]
    if checkpoints is not None:
        if warmup is not None:
            vaa = {"vaa_before": warmup.mean_vaa_before, "vaa_after": warmup.mean_vaa_after}
            checkpoints.summary = vaa
        own.append(checkpoints)  # before consolidation, which more steps do not start from
    task = task_of(model.get_env())
    judge = judge_of(task, config)
    practice = JudgedPractice(solved, judge)
    own.append(practice)
    consolidating = consolidation(task, solved, judge, config)
    if config.consolidate:
        own.append(consolidating)
    if bar is not None:
        own.append(bar)
    try:
        model.learn(
            config.total_timesteps - model.num_timesteps,
            callback=[*own, *callbacks],
            reset_num_timesteps=not begun,
        )
    except NotFiniteError as error:
        raise UserError(f"env={config.env!r}: {error}") from error
    except FloatingPointError as error:
        raise UserError(f"consolidate=True on env={config.env!r}: {error}") from error
    end = time.perf_counter()
    return Trained(
        model,
        warmup,
        solved.solved_at,
        warmed - start,
        end - warmed,
        consolidating.result,
        practice.result,
    )


def warm(config: TrainConfig, model: RecurrentPPO, bar: ProgressBar | None = None) -> Warmed | None:
    """Warm up an agent on rollouts of its own environments, if the configuration says so."""
    env = model.get_env()
    settings = config.warmup_config
    if settings is None or env is None:
        return None
    result: Warmed
    try:
        trajectories = random_rollouts(
            env, config.warmup_episodes, config.seed, max_steps=config.warmup_episode_steps
        )
        if isinstance(settings, LocalStabilityConfig):
            on_radius = None if bar is None else bar.on_stability_step
            result = local_stability(model, trajectories, settings, on_radius)
        else:
            on_vaa_star = None if bar is None else bar.on_warmup_step
            result = warm_up(model, trajectories, settings, on_vaa_star)
    except (ValueError, FloatingPointError) as error:
        raise UserError(f"warmup={config.warmup!r} on env={config.env!r}: {error}") from error
    if bar is not None:
        bar.vaa = result.mean_vaa_after
    return result


class Prepared(NamedTuple):
    """A run that is checked and set up, with the folder that it will fill."""

    config: TrainConfig
    folder: RunFolder
    env: VecEnv
    model: RecurrentPPO
    checkpoints: Checkpoints
    remarks: list[str]
    """what its user should know"""


def checked_env(config: TrainConfig) -> VecEnv:
    """The environments of a run, whose device and delays are checked, too.

    :raises ValueError: if it cannot be
    """
    check_device(config.device)
    env = build_env(config)
    check_delays(task_of(env), config.env, evaluation_delays(config, env))
    return env


def prepare(config: TrainConfig, begin: Callable[[], object] = lambda: None) -> Prepared:
    """Check a run, and make its folder or find where it goes on from.

    :param begin: called when all is checked, before anything is written or logged
    :raises ValueError: if it cannot be; nothing is written then
    :raises OSError: if its files cannot be read or written
    """
    folder = RunFolder(config.folder)
    try:
        return _prepared(config, folder, begin)
    except BaseException:
        folder.unlock()
        raise


def _prepared(config: TrainConfig, folder: RunFolder, begin: Callable[[], object]) -> Prepared:
    if config.resume is None:
        folder.check_free()
    else:
        folder.check_writable()
        check_writable(folder.path)
        folder.lock()
    env = checked_env(config)
    if config.resume is None:
        resumed = Resumed(build_model(config, env), None, {}, [])
    else:
        resumed = resume_model(config, env)
    begin()
    if config.resume is None:
        folder.claim()
    model = resumed.model
    progress = folder.progress(resumed.rows)
    model.set_logger(folder.logger(progress, config.tensorboard))
    checkpoints = Checkpoints(folder.path, progress, config, resumed.snapshot)
    folder.begin(model, config, resumed.summary | {"steps": model.num_timesteps})
    if config.tensorboard:
        write_settings(folder.path, config)
    return Prepared(config, folder, env, model, checkpoints, resumed.remarks)


def train_into(prepared: Prepared, callbacks: Sequence[BaseCallback] = ()) -> Trained:
    """Train, and save what was learned, also when it is cut short.

    :param callbacks: further callbacks of ``learn``
    :raises KeyboardInterrupt: after Ctrl-C, saying what was kept
    :raises UserError: if values are not finite, or the disk is full; saying what was kept
    """
    config, folder, _, model, checkpoints, _ = prepared
    try:
        with ProgressBar(config.warmup_steps, config.total_timesteps) as bar:
            trained = train(config, callbacks, model, bar, checkpoints)
        summary: dict[str, Any] = {
            "steps": model.num_timesteps,
            "complete": True,
            "solved_at": trained.solved_at,
        }
        summary |= summary_of(trained.practice, trained.consolidation)
        folder.save(model, config, summary | checkpoints.summary)
    except BaseException as error:
        kept = keep_what_was_learned(folder, config, model, checkpoints)
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(kept) from None
        if isinstance(error, UserError):
            raise UserError(f"{error} ({kept})") from error
        raise
    finally:
        model.logger.close()
    return trained


def evaluation_delays(config: TrainConfig, env: Any) -> tuple[int, ...]:
    """The delays evaluated after training: those asked for, or far beyond those trained on."""
    task = task_of(env)
    if config.eval_delays is not None or task is None:
        return config.eval_delays or ()
    return tuple(factor * delay_bounds(task.delay)[1] for factor in DELAY_FACTORS)


def evaluate(prepared: Prepared, console: Console | None = None) -> None:
    """Evaluate over the delays: ``evaluation.json``, its figure; and for TensorBoard.

    :param console: where to print the table, if anywhere
    :raises UserError: if the disk is full, for example
    """
    config, folder, env, model, *_ = prepared
    task = task_of(env)
    delays = evaluation_delays(config, env)
    with writing(folder.path):
        with progress_bar(len(delays)) as progress:
            results = sweep(
                Agent(model),
                config.env,
                config.env_arguments,
                delays,
                config.eval_episodes,
                seed=config.seed,
                progress=progress,
                remark=warnings.warn if console is None else console.print,
                max_seconds=config.eval_max_seconds,
            )
        figure = None if task is None else success_figure(results, task)
        write_evaluation(folder.path, results, figure=figure)
        if config.tensorboard:
            log_outcome(model, folder, results, figure)
    if console is not None:
        print_table(results, "delay" if task is None else task.delay_name, console)


def log_outcome(
    model: RecurrentPPO, folder: RunFolder, results: Sequence[DelayResult], success: Figure | None
) -> None:
    """Log what came of a run for TensorBoard, with figures of its training and its attractors."""
    history = read_history(folder.path)
    task = task_of(model.get_env())
    figures = {} if success is None else {"success": success}
    if history.told:
        figures["training"] = history_figure(history)
    if task is not None and has_cues(task):
        figures["attractors"] = attractor_figure(portray(Agent(model), task), history)
    write_outcome(folder.path, model.num_timesteps, history, results, figures)


def in_words(warmup: Warmed, seconds: float) -> str:
    """What a warm-up or a pre-training came to."""
    vaa = f"VAA {warmup.mean_vaa_before:.3f} -> {warmup.mean_vaa_after:.3f}"
    if isinstance(warmup, WarmupResult):
        return f"warmed up in {seconds:.1f} s: {vaa}"
    radius = f"radius {warmup.time_radius[0]:.2f} -> {warmup.time_radius[-1]:.2f}"
    return f"pre-trained in {seconds:.1f} s: {radius}, {vaa}"


def main(args: Sequence[str] | None = None) -> None:
    """Run the script.

    :param args: the command line; that of the process if absent
    """
    with ExitStack() as stack:
        with one_line_errors():
            asked = read_command(args)
            config = asked.run
            following = tracked(asked.track, config.folder, config)
            prepared = prepare(config, lambda: stack.enter_context(following))
        stack.callback(prepared.folder.unlock)
        run(prepared)


def run(prepared: Prepared) -> None:
    """Train and evaluate, and say how it goes."""
    console = Console(highlight=False, soft_wrap=True)
    config, folder, env, model, _, remarks = prepared
    task = task_of(env)
    layers = f"{'double ' if config.double else ''}{config.cell.upper()} of {config.hidden_size}"
    done = {"none": "", STABILITY: f", pre-trained to a radius of {config.stability_radius:g}"}
    warmed = done.get(config.warmup, f", warmed up ({config.warmup})")
    at = f" from {model.num_timesteps:,} steps on" if config.resume else ""
    for remark in remarks:
        console.print(remark)
    console.print(f"training a {layers}{warmed} on {task or config.env}{at}")
    for name in left_out(env):
        console.print(f"observation {name!r} is text, which the agent does not see")
    try:
        trained = train_into(prepared)
    except KeyboardInterrupt as interrupt:
        print(f"interrupted: {interrupt}", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except UserError as error:
        fail(str(error))
    if trained.warmup is not None:
        console.print(in_words(trained.warmup, trained.warmup_seconds))
        settings, rate = config.warmup_config, trained.warmup.learning_rate
        if settings is not None and rate < settings.learning_rate:
            console.print(f"it diverged before, and was begun again with learning_rate={rate:g}")
    solved = f": solved at {trained.solved_at:,}" if trained.solved_at is not None else ""
    if task is not None and not solved:
        solved = ": not solved"
    seconds = trained.training_seconds
    console.print(f"trained up to {model.num_timesteps:,} steps in {seconds:.1f} s{solved}")
    if trained.practice is not None:
        console.print(practised_in_words(trained.practice, task))
    if trained.consolidation is not None:
        how = config.consolidation_config
        console.print(consolidated_in_words(trained.consolidation, how, task))
    certify = " --certify" if task is not None and task.deterministic else ""
    saved = f"saved in {folder.path}; try: {command('evaluate')} {folder.path}{certify}"
    try:
        evaluate(prepared, console)
        prepared.checkpoints.finish()
    except KeyboardInterrupt:
        print(f"interrupted: the agent is {saved}", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except UserError as error:
        fail(f"{error} (the agent is {saved})")
    env.close()
    console.print(saved)


if __name__ == "__main__":
    main(sys.argv[1:])
