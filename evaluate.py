"""Evaluate a run over a sweep of delays: a table, ``evaluation.json`` and ``evaluation.png``."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import torch
import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from warmrl.agents import Agent
from warmrl.checks import check_positive
from warmrl.command_line import Delays, UserError, one_line_errors, parse
from warmrl.envs import MemoryTask
from warmrl.envs.arguments import delay_bounds
from warmrl.evaluation import (
    CannotCertify,
    Certificate,
    Replay,
    attractor_figure,
    certificate_sentence,
    certify,
    check_cues,
    check_delays,
    check_video,
    check_writable,
    find_task,
    has_cues,
    headline,
    portray,
    print_table,
    read_history,
    read_sections,
    read_trained_on,
    record,
    render_report,
    success_figure,
    sweep,
    write_evaluation,
    write_video,
)
from warmrl.evaluation.play import check_fits
from warmrl.evaluation.run_folder import REPORT_FILE
from warmrl.evaluation.sweep import MAX_SECONDS, check_env

DEFAULT_FACTORS = (1, 10, 100)
LINE_SECONDS = 10


@dataclass
class EvaluateConfig:
    """Evaluate a trained agent over a sweep of delays, most of which it never saw.

    - Writes evaluation.json and evaluation.png into the run folder, with --attractors
      also attractors.png, with --report also report.html. Examples:
      python evaluate.py runs/tmaze --delays 20 200 2000 --episodes 100
      python evaluate.py runs/tmaze --certify --attractors
    """

    run_dir: tyro.conf.Positional[Path]
    """Run folder, as train.py leaves it: config.json and policy.safetensors."""
    delays: Delays = None
    """Delays in steps, lengths of a maze's corridor (those of training times 1, 10 and 100).
    Environments without a delay take none."""
    episodes: int = 100
    """Episodes at every delay, with the greedy policy."""
    max_seconds: float = MAX_SECONDS
    """Environments without a delay: seconds after which what has not ended is cut off.
    After 100 000 steps it is in any case."""
    certify: tyro.conf.FlagCreatePairsOff[bool] = False
    """Also decide whether the agent is right for every delay, however long, from which one on.
    Needs a task in which nothing is random after the start of an episode."""
    certify_steps: int = 100_000
    """Corridor steps for each cue after which --certify gives up.
    A certificate that is undecided may be found with more."""
    attractors: tyro.conf.FlagCreatePairsOff[bool] = False
    """Also draw where the memory goes in a long corridor, for every cue, as attractors.png.
    Needs such a task, too."""
    report: tyro.conf.FlagCreatePairsOff[bool] = False
    """Also write report.html: all of this and the run's configuration on one page for a browser,
    with episodes to step through, the memory beside them. Best with --certify."""
    video: Path | None = None
    """Also write a film of two such episodes: FILE.gif or FILE.mp4. Needs the extra "video"."""
    seed: int = 0
    """Seed of the episodes: the same seed plays the same ones."""
    device: str = "auto"
    """Where the policy runs: auto, cpu, cuda, ..."""
    threads: int = 1
    """Threads of torch on the CPU; networks this small only lose by more."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the script.

    :param args: the command line; that of the process if absent
    """
    config = parse(EvaluateConfig, args, script="evaluate")
    with one_line_errors():
        trained_on = read_trained_on(config.run_dir)
        if config.episodes < 1:
            raise UserError(f"episodes={config.episodes} must be at least 1")
        if config.certify_steps < 1:
            raise UserError(f"certify_steps={config.certify_steps} must be at least 1")
        if config.seed < 0:
            raise UserError(f"seed={config.seed} must be at least 0")
        check_positive("max_seconds", config.max_seconds)
        if config.threads < 1:
            raise UserError(f"threads={config.threads} must be at least 1")
        torch.set_num_threads(config.threads)
        check_device(config.device)
        agent = Agent.load(config.run_dir, device=config.device)
        task = find_task(trained_on.env, trained_on.env_kwargs)
        delays = config.delays
        if delays is None:
            delays = () if task is None else default_delays(task)
        check_delays(task, trained_on.env, delays)
        if task is None:
            check_env(agent, *trained_on)
        else:
            check_fits(agent, task)
        if config.attractors:
            check_cues(task, trained_on.env)
        if config.video is not None:
            check_video(config.video, task, trained_on.env)
        if config.attractors or config.report:
            history = read_history(config.run_dir)
        check_writable(config.run_dir)
    console = Console(highlight=False, soft_wrap=True)
    skipped: dict[int, tuple[int, int]] = {}
    with progress_bar(len(delays)) as progress:
        results = sweep(
            agent,
            *trained_on,
            delays,
            config.episodes,
            seed=config.seed,
            progress=progress,
            remark=console.print,
            on_skip=lambda delay, *steps: skipped.update({delay: steps}),
            max_seconds=config.max_seconds,
        )
    delay_name = "delay" if task is None else task.delay_name
    print_table(results, delay_name, console)
    for delay, (taken, left_out) in skipped.items():
        console.print(
            f"at {delay_name} {delay} it repeats itself, bit by bit: after {taken} steps, "
            f"{left_out} more are known without being taken"
        )
    certificate = sentence = None
    if config.certify:
        certificate, sentence = try_to_certify(agent, task, config.certify_steps)
        console.print(sentence)
    figure = None if task is None else success_figure(results, task)
    portrait = attractors = report = None
    if task is not None and (config.attractors or (config.report and has_cues(task))):
        portrait = portray(agent, task)
    if config.attractors and portrait is not None:
        attractors = attractor_figure(portrait, history)
        console.print(headline(portrait))
    replays: list[Replay] = []
    if task is not None and (config.report or config.video is not None):
        replays = record(agent, task, config.seed)
    if config.report:
        report = render_report(
            agent,
            trained_on,
            task,
            results,
            history,
            certificate=sentence,
            portrait=portrait,
            replays=replays,
            sections=read_sections(config.run_dir),
        )
    write_evaluation(config.run_dir, results, certificate, figure, attractors, report)
    if config.report:
        console.print(f"to look at: {config.run_dir / REPORT_FILE}")
    if task is not None and config.video is not None:
        write_video(replays, task, config.video)
        console.print(f"to look at: {config.video}")


def try_to_certify(
    agent: Agent, task: MemoryTask | None, max_steps: int
) -> tuple[Certificate | None, str]:
    """A certificate, ``None`` if there cannot be one, and what came of it in one sentence."""
    if task is None:
        return None, "cannot certify: the environment has no delay"
    try:
        certificate = certify(agent, task, max_steps)
    except CannotCertify as error:
        return None, str(error)
    device = agent.policy.device.type
    return certificate, certificate_sentence(certificate, task.delay_name, device)


def check_device(device: str) -> None:
    """Check the name of a device.

    :raises UserError: if this machine has none such
    """
    try:
        if device != "auto":
            torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"device={device!r} must be auto, cpu or another that this machine has"
        ) from error


def default_delays(task: MemoryTask) -> tuple[int, ...]:
    """The longest delay of training, and far beyond."""
    return tuple(factor * delay_bounds(task.delay)[1] for factor in DEFAULT_FACTORS)


@contextmanager
def progress_bar(n_delays: int) -> Iterator[Callable[[float], None]]:
    """A progress bar on standard error; where that is no terminal, a line now and then."""
    total = max(n_delays, 1)
    if not sys.stderr.isatty():
        yield progress_lines(total)
        return
    columns = (TextColumn("evaluating"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


def progress_lines(total: int) -> Callable[[float], None]:
    """Says on standard error how far an evaluation is, every ten seconds.

    :param total: what it comes to
    """
    began = said = monotonic()

    def say(done: float) -> None:
        nonlocal said
        now = monotonic()
        if now - said >= LINE_SECONDS:
            said = now
            shown = f"evaluating: {done / total:.0%} after {now - began:.0f} s"
            print(shown, file=sys.stderr, flush=True)

    return say


if __name__ == "__main__":
    main()
