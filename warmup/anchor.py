"""The anchor: what a policy did in a rollout stays as likely as it was."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import Tensor

from .sequels import Played, each_part, readable, stacked
from .taken_actions import evaluate_taken


class Begun(NamedTuple):
    """What there was before the first of the steps of a rollout in N environments."""

    observations: Any
    """what was seen [N, ...], or a dict of such"""
    starts: NDArray[np.bool_]
    """whether an episode starts with that step [N]"""
    states: RNNStates
    """``(h, c)`` of actor and critic, each [layers, N, H]"""


class Anchor:
    """The actions of a rollout, in minibatches of whole sequences.

    A sequence runs inside one environment and one episode. Which of them are together is drawn
    from a generator of its own: the rollout buffer, whose stream belongs to the training, is not
    asked.

    :param policy: sb3-contrib's or one of ours
    :param begun: what there was before the rollout
    :param played: the rollout, of T steps
    :param batch_size: steps in a minibatch, about; ``None`` for all
    :param generator: draws which sequences are together
    """

    def __init__(
        self,
        policy: Any,
        begun: Begun,
        played: Played,
        batch_size: int | None,
        generator: torch.Generator,
    ) -> None:
        self._policy, self._states = policy, begun.states
        self._seen = stacked([begun.observations, *played.observations[:-1]])
        self._acted = np.array(played.actions)
        starts = np.array([begun.starts, *played.dones[:-1]], dtype=bool).T  # (N, T)
        begins = starts.copy()
        begins[:, 0] = True
        self._env, self._start = np.nonzero(begins)
        self._length = np.diff(self._env * starts.shape[1] + self._start, append=starts.size)
        self._carried = ~starts[self._env, self._start]  # from before the first step
        shuffled = torch.randperm(len(self._env), generator=generator).numpy()
        n_batches = 1 if batch_size is None else round(starts.size / batch_size)
        self._batches = np.array_split(shuffled, min(max(n_batches, 1), len(shuffled)))
        with torch.no_grad():
            self._before = [self.log_probs(i) for i in range(len(self))]

    def __len__(self) -> int:
        return len(self._batches)

    def change(self, number: int) -> Tensor:
        """The mean square change of the log-probabilities of a minibatch's actions.

        :param number: which minibatch
        """
        return (self.log_probs(number) - self._before[number]).square().mean()

    def log_probs(self, number: int) -> Tensor:
        """Log-probabilities of the actions of a minibatch, sequence after sequence [S]."""
        chosen = self._batches[number]
        env, start, length = (part[chosen, None] for part in (self._env, self._start, self._length))
        j = np.arange(length.max())
        steps = start + np.minimum(j, length - 1)  # (n_seq, L)
        picked = each_part(self._seen, lambda part: part[steps, env])
        seen = each_part(readable(self._policy, picked), lambda part: part.flatten(0, 1))
        device = self._policy.device
        actions = torch.from_numpy(self._acted[steps, env]).to(device).reshape(steps.size, -1)
        states = RNNStates(*(self._states_before(chosen, pair) for pair in self._states))
        starts = torch.zeros(steps.size, device=device)
        _, log_probs, _ = evaluate_taken(self._policy, seen, actions, states, starts)
        real: Tensor = log_probs[torch.from_numpy((j < length).ravel()).to(device)]
        return real

    def _states_before(
        self, chosen: NDArray[np.int64], pair: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """States before sequences [layers, n_seq, H]: zeros where an episode starts."""
        device = pair[0].device
        env = torch.from_numpy(self._env[chosen]).to(device)
        keep = torch.from_numpy(self._carried[chosen]).to(device)[:, None]
        h, c = (part[:, env] * keep for part in pair)
        return h, c
