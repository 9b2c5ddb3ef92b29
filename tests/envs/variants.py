"""A task of every kind: each registered id with its default arguments, and then with others."""

from __future__ import annotations

from typing import Any

from warmrl.envs import TASKS, MemoryTask

_VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((env_id, {}) for env_id in TASKS),
    ("warmrl/TMaze-v0", {"length": (2, 6)}),
    ("warmrl/TMaze-v0", {"length": 5, "observe_previous": False}),
    ("warmrl/TMaze-v0", {"length": (3, 5), "stochasticity": 0.4}),
    ("warmrl/DelayedRecall-v0", {"delay": (1, 5), "n_cues": 3, "n_symbols": 3}),
    ("warmrl/DelayedRecall-v0", {"delay": 3, "n_cues": 2, "order": "reverse"}),
    ("warmrl/DelayedRecall-v0", {"delay": 4, "distractor": "noise", "n_cues": 2}),
    ("warmrl/DelayedRecall-v0", {"delay": (2, 4), "distractor": "symbol"}),
]


def make(variant: tuple[str, dict[str, Any]]) -> MemoryTask:
    env_id, arguments = variant
    return TASKS[env_id](**arguments)


VARIANTS = [make(variant) for variant in _VARIANTS]
DETERMINISTIC = [task for task in VARIANTS if task.deterministic]
