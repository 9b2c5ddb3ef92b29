"""Sequels: what followed a wait, and what was done then."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import Tensor

from .taken_actions import evaluate_taken
from .waits import Waiting


class Played(NamedTuple):
    """The steps of a rollout in N environments, one after the other."""

    observations: list[Any]
    """what was seen after each step [N, ...], or dicts of such"""
    actions: list[Any]
    """what was done in each step [N, ...]"""
    dones: list[NDArray[np.bool_]]
    """whether an episode ended with it [N]"""


class Sequels:
    """The L steps that followed each of S waits, as far as the episode and the rollout went.

    :param policy: sb3-contrib's or one of ours
    :param played: the rollout
    :param waiting: the moments of it in which the waits ended
    :param state: ``(h, c)`` of the actor when those have been seen, each [layers, S, H]
    :param length: L
    """

    def __init__(
        self,
        policy: Any,
        played: Played,
        waiting: Waiting,
        state: tuple[Tensor, Tensor],
        length: int,
    ) -> None:
        self._policy = policy
        env = waiting.wait % len(played.dones[0])
        steps = waiting.step[:, None] + np.arange(1, length + 1)  # (S, L)
        inside = np.minimum(steps, len(played.dones) - 1)
        ended = np.array(played.dones)[inside, env[:, None]]
        real = (steps + 1 < len(played.dones)) & ~np.logical_or.accumulate(ended, axis=1)
        acted = np.minimum(inside + 1, len(played.dones) - 1)
        self.real = torch.from_numpy(real).to(policy.device)
        """which of them there were [S, L]"""
        seen = each_part(stacked(played.observations), lambda part: part[inside, env[:, None]])
        self._observations = readable(policy, seen)
        taken = np.array(played.actions)[acted, env[:, None]]
        actions = torch.from_numpy(taken).to(policy.device)
        self._actions = actions.flatten(2) if actions.dim() > 2 else actions
        self._all = torch.arange(len(env), device=policy.device)
        with torch.no_grad():
            self._log_probs = self._of_actions(state, self._all)

    def changes(self, state: tuple[Tensor, Tensor], which: Tensor | None = None) -> Tensor:
        """How differently the policy acts after other waits [B].

        The square of how much the log-probability of each action changes, summed over the sequel.

        :param state: ``(h, c)`` of the actor after each of those waits, each [layers, B, H]
        :param which: of which sequels [B]; all if absent
        """
        if which is None:
            which = self._all
        changed = (self._of_actions(state, which) - self._log_probs[which]) * self.real[which]
        return changed.square().sum(1)

    def _of_actions(self, state: tuple[Tensor, Tensor], which: Tensor) -> Tensor:
        """Log-probabilities [B, L]."""
        n_steps = self.real.shape[1]
        observations = each_part(self._observations, lambda part: part[which].flatten(0, 1))
        actions = self._actions[which].flatten(0, 1)
        starts = torch.zeros(len(actions), device=self._policy.device)
        # Of the critic nothing is asked: any state of its shape will do.
        _, log_probs, _ = evaluate_taken(
            self._policy, observations, actions, RNNStates(state, state), starts
        )
        result: Tensor = log_probs.reshape(-1, n_steps)
        return result


def stacked(steps: list[Any]) -> Any:
    """What N environments showed in each of T steps as one array [T, N, ...], or a dict of such."""
    if isinstance(steps[0], dict):
        return {key: np.array([part[key] for part in steps]) for key in steps[0]}
    return np.array(steps)


def readable(policy: Any, observations: Any) -> Any:
    """Observations [S, L, ...] as the policy reads them."""
    shape = next(iter(observations.values())) if isinstance(observations, dict) else observations
    flat = each_part(observations, lambda part: part.reshape(-1, *part.shape[2:]))
    read, _ = policy.obs_to_tensor(flat)
    return each_part(read, lambda part: part.unflatten(0, shape.shape[:2]))


def each_part(parts: Any, change: Any) -> Any:
    """Change an array, or each of a dict of arrays."""
    if isinstance(parts, dict):
        return {key: change(part) for key, part in parts.items()}
    return change(parts)
