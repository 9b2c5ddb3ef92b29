"""Longer waits: episodes of a rollout in which a wait is made longer, and what is done then."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from .sequels import Played, each_part, readable, stacked
from .taken_actions import evaluate_taken
from .waits import Waiting

State = tuple[Tensor, Tensor]


class LongerWaits:
    """Episodes from their first step on, through a wait, to the L steps that followed it.

    What :class:`~warmrl.warmup.sequels.Sequels` leave out: what the agent does while it waits for
    longer, and how it gets there with other weights than those of the rollout. Where it moves as it
    waits, an input that is held says nothing of the states that it meets if it moves otherwise.

    :param policy: sb3-contrib's or one of ours
    :param played: the rollout, of T steps
    :param waiting: the S moments of it in which waits ended
    :param length: L
    """

    def __init__(self, policy: Any, played: Played, waiting: Waiting, length: int) -> None:
        self._policy, self._length = policy, length
        self._seen, self._acted = stacked(played.observations), np.array(played.actions)
        self._dones = np.array(played.dones)  # (T, N)
        env = waiting.wait % self._dones.shape[1]
        before = np.arange(len(self._dones)) < waiting.step[:, None]
        ended = self._dones[:, env].T & before  # (S, T)
        known = np.flatnonzero(ended.any(axis=1))
        self.which = torch.from_numpy(known).to(policy.device)
        """which of the waits: the K of them whose episode began in the rollout"""
        self._env, self._end = env[known], waiting.step[known]
        self._begin = len(self._dones) - 1 - ended[known, ::-1].argmax(axis=1)
        if len(known):
            with torch.no_grad():
                self._log_probs = self._of_actions(np.arange(len(known)), 0)[0]

    def changes(self, n_more: int, which: Tensor | None = None) -> Tensor:
        """How differently the policy acts in longer waits and after them [B].

        The square of how much log-probabilities change, summed over the actions that followed the
        wait, and over those of the steps by which it is longer: the action of its last step but
        one shall be as likely in them as it was there.

        :param n_more: by how many steps waits are longer
        :param which: of which of the K waits [B]; all if absent
        """
        chosen = np.arange(len(self._env)) if which is None else which.cpu().numpy()
        log_probs, before, counted = self._of_actions(chosen, n_more)
        targets = self._log_probs[torch.from_numpy(chosen).to(before.device)].gather(1, before)
        return ((log_probs - targets) * counted).square().sum(1)

    def states(self, rnn: nn.Module, features: Callable[[Any], Tensor]) -> State:
        """The states ``(h, c)`` at the ends of the real waits, each [layers, K, H].

        :param rnn: called like ``nn.LSTM``, time-major
        :param features: its inputs [B, I] from observations [B, ...]
        """
        lengths = self._end - self._begin
        step = np.minimum(self._begin[:, None] + np.arange(lengths.max()), self._end[:, None])
        x = features(self._flat(step, self._env)).reshape(*step.shape, -1).transpose(0, 1)
        packed = pack_padded_sequence(x, torch.from_numpy(lengths), enforce_sorted=False)
        state: State = rnn(packed)[1]
        return state

    def _flat(self, step: Any, env: Any) -> Any:
        """Observations of these steps, sequence after sequence [B * J, ...]."""
        picked = each_part(self._seen, lambda part: part[step, env[:, None]])
        return each_part(readable(self._policy, picked), lambda part: part.flatten(0, 1))

    def _of_actions(self, chosen: Any, n_more: int) -> tuple[Tensor, Tensor, Tensor]:
        """Of J steps: log-probabilities, which steps without longer waits these are, what counts.

        Each [B, J]. The second is of those that are more the last step before the wait's last.
        """
        env, begin, end = self._env[chosen], self._begin[chosen, None], self._end[chosen, None]
        n_before = end - begin
        j = np.arange(n_before.max() + n_more + 1 + self._length)[None]
        is_before, is_more = j < n_before, (j >= n_before) & (j < n_before + n_more)
        seen = np.where(is_before, begin + j, np.where(is_more, end, end + j - n_before - n_more))
        acted = np.where(is_more, end, seen + 1)
        last = len(self._dones) - 1
        over = np.logical_or.accumulate(
            self._dones[np.minimum(seen, last), env[:, None]] & (seen > end), axis=1
        )
        followed = (seen > end) & (seen <= end + self._length)
        counted = is_more | (followed & (acted <= last) & ~over)
        real = np.where(is_before, j, np.where(is_more, n_before - 1, j - n_more))
        log_probs = self._evaluated(np.minimum(seen, last), np.minimum(acted, last), env)
        device = self._policy.device
        return log_probs, torch.from_numpy(real).to(device), torch.from_numpy(counted).to(device)

    def _evaluated(self, seen: Any, acted: Any, env: Any) -> Tensor:
        """Log-probabilities of these actions in episodes of these observations [B, J]."""
        policy = self._policy
        actions = torch.from_numpy(self._acted[acted, env[:, None]]).to(policy.device)
        layers, _, width = policy.lstm_hidden_state_shape
        zeros = torch.zeros(layers, len(seen), width, device=policy.device)
        starts = torch.zeros(seen.shape, device=policy.device)
        starts[:, 0] = 1
        _, log_probs, _ = evaluate_taken(
            policy,
            self._flat(seen, env),
            actions.reshape(seen.size, -1),
            RNNStates((zeros, zeros), (zeros, zeros)),
            starts.flatten(),
        )
        result: Tensor = log_probs.reshape(seen.shape)
        return result
