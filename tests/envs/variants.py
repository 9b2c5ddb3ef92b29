"""A task of every kind: each registered id with a short delay, and then with other arguments."""

from __future__ import annotations

from typing import Any

from warmrl.envs import TASKS, MemoryTask

_VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((env_id, {TASKS[env_id].delay_name: 5}) for env_id in TASKS),
    ("warmrl/TMaze-v0", {"length": (2, 6)}),
    ("warmrl/TMaze-v0", {"length": 5, "observe_previous": False}),
    ("warmrl/TMaze-v0", {"length": (3, 5), "stochasticity": 0.4}),
    ("warmrl/BakkerTMaze-v0", {"length": (3, 5), "stochasticity": 0.4, "noisy": True}),
    ("warmrl/PassiveTMaze-v0", {"length": (1, 6)}),
    ("warmrl/ActiveTMaze-v0", {"length": (1, 6), "observe_previous": False}),
    ("warmrl/MovingCorridor-v0", {"length": (1, 6)}),
    ("warmrl/MovingCorridor-v0", {"length": (1, 6), "noise": False}),
    ("warmrl/DelayedRecall-v0", {"delay": (1, 5), "n_cues": 3, "n_symbols": 3}),
    ("warmrl/DelayedRecall-v0", {"delay": 3, "n_cues": 2, "order": "reverse"}),
    ("warmrl/DelayedRecall-v0", {"delay": 4, "distractor": "noise", "n_cues": 2}),
    ("warmrl/DelayedRecall-v0", {"delay": (2, 4), "distractor": "symbol"}),
    ("warmrl/Denoising-v0", {"delay": 2, "n_cues": 2, "window": 4, "distractor": "noise"}),
    (
        "warmrl/Denoising-v0",
        {"delay": (1, 5), "n_cues": 2, "window": 4, "n_symbols": 3, "distractor": "none"},
    ),
    ("warmrl/RepeatPrevious-v0", {"delay": (1, 5), "n_symbols": 3, "n_answers": 4}),
]


def make(variant: tuple[str, dict[str, Any]]) -> MemoryTask:
    env_id, arguments = variant
    return TASKS[env_id](**arguments)


def has_cues(task: MemoryTask) -> bool:
    """Whether the task has corridors, and few enough cues to enumerate."""
    try:
        return len(task.cues()) > 0
    except ValueError:
        return False


VARIANTS = [make(variant) for variant in _VARIANTS]
DEFAULTS = [TASKS[env_id]() for env_id in TASKS]
WITH_CUES = [task for task in VARIANTS if has_cues(task)]
