"""What was done after training, in words and for ``config.json``."""

from typing import Any

from ..envs import MemoryTask
from ..warmup import ConsolidationConfig, ConsolidationResult, Score
from .practice import PracticeResult


def consolidated_in_words(
    result: ConsolidationResult, settings: ConsolidationConfig, task: MemoryTask | None
) -> str:
    """What a consolidation came to.

    :param result: it
    :param settings: its settings
    :param task: what was trained on, if it is one of ours
    """
    n = result.n_waits
    before, after = (n - round(lost * n) for lost in (result.lost_before, result.lost_after))
    if not result.idle:
        return (
            f"consolidation: nothing to do, {n - before} of {n} checked memories change with one "
            "more step (nothing is idle)"
        )
    if result.taken_back and result.before is not None and result.after is not None:
        return f"consolidation: taken back, {_fell(result.before, result.after, task)}"
    return (
        f"consolidation: {after} of {n} checked memories survive {settings.look_steps:,} more "
        f"steps (before: {before} of {n} survive {settings.stretch_steps})"
    )


def practised_in_words(result: PracticeResult, task: MemoryTask | None) -> str:
    """What was taken back of practice.

    :param result: it
    :param task: what was trained on, if it is one of ours
    """
    fell = _fell(result.better, result.worse, task)
    if result.left == "updated":
        return f"practice: the last update is kept; without it {fell}"
    return f"practice: taken back, {fell}"


def summary_of(
    practice: PracticeResult | None, consolidation: ConsolidationResult | None
) -> dict[str, Any]:
    """What was done after training, as JSON.

    :param practice: what was taken back of it, if anything was
    :param consolidation: what came of it, if there was any
    """
    summary: dict[str, Any] = {}
    if practice is not None:
        better, worse = practice.better._asdict(), practice.worse._asdict()
        summary["practice"] = {"left": practice.left, "better": better, "worse": worse}
    if consolidation is not None:
        scores = {"before": consolidation.before, "after": consolidation.after}
        summary["consolidation"] = {
            "outcome": consolidation.outcome,
            **{when: score and score._asdict() for when, score in scores.items()},
        }
        if consolidation.kept:
            summary["waits_lost_before"] = consolidation.lost_before
            summary["waits_lost_after"] = consolidation.lost_after
    return summary


def _fell(before: Score, after: Score, task: MemoryTask | None) -> str:
    """What is worse, by how much, and where."""
    where = f" on {_delay(task)}" if task is not None else ""
    name, values = "success", (before.success, after.success)
    if before.success is None or after.success is None or before.success <= after.success:
        name, values = "mean return", (before.mean_return, after.mean_return)
    return f"{name} fell from {values[0]:.3g} to {values[1]:.3g}{where}"


def _delay(task: MemoryTask) -> str:
    delay = task.delay
    span = f"{delay[0]} to {delay[1]}" if isinstance(delay, tuple) else f"{delay}"
    return f"{task.delay_name} {span}"
