"""The state of delayed recall, and what its time means."""

from __future__ import annotations

from typing import NamedTuple

from array_api_compat import array_namespace, device

from .arrays import Array

SILENT, CUE, QUERY, DISTRACTED = range(4)
"""What a step shows: nothing, a cue, a query, or a distractor symbol."""


class DelayedRecallState(NamedTuple):
    """N episodes of delayed recall."""

    symbols: Array
    """the cues in the order shown, `[N, n_cues]` int64"""
    delay: Array
    """steps between cues and queries, `[N]` int64"""
    time: Array
    """steps since the start, `[N]` int64"""
    correct: Array
    """right answers so far, `[N]` int64"""
    distraction: Array
    """this step's distractor: a normal number (float32) or a symbol (int64), `[N]`"""


def symbol_at(state: DelayedRecallState, position: Array) -> Array:
    """The cue at each episode's position modulo n_cues, `[N]` int64."""
    n_cues = state.symbols.shape[1]
    if n_cues == 1:
        return state.symbols[:, 0]
    xp = array_namespace(position)
    n = position.shape[0]
    rows = xp.arange(n, dtype=xp.int64, device=device(position))
    flat = xp.reshape(state.symbols, (-1,))  # (n, n_cues) -> (n * n_cues)
    return xp.take(flat, rows * n_cues + position % n_cues, axis=0)
