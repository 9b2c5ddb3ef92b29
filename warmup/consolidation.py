"""Consolidation: the states in which a trained policy waits become attractors."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from .consolidation_config import ConsolidationConfig, ConsolidationResult
from .divergence import with_smaller_steps
from .sequels import Played
from .settling import Settling
from .waits import Waiting, at, joined, same


class ConsolidationCallback(BaseCallback):
    """Make the states in which a recurrent policy waits attractors, when its training ends.

    A warm-up makes attractors before training; learning then shifts states and weights, and what
    was learned on short delays may drift away on long ones. It takes the states in which waits of
    the last rollout ended, those at least half as long as is usual there. In each round it holds
    their inputs to see where the states are led, for longer from round to round: that becomes the
    goal of each, unless it slips away or other actions follow it, and a descent on
    :func:`rest_loss` draws noisy states, of the goals and of the ends of the ways there, to their
    goals, until all are at rest. Behaviour is rehearsed: after these longer waits the actions that
    followed the real ones shall be as likely as before, in the mean square change of their
    log-probabilities. Where other actions follow if waits are but longer, and what is remembered
    thus is not held at all, episodes with longer and longer waits are rehearsed first, and between
    the rounds: in them, and after them, the agent shall act as it did; so it begins again if that
    is found in the end. An anchor holds the rest of it: the same of all actions of that rollout.
    Only the parameters of the recurrent layers change. It needs no further environment steps, and
    works with sb3-contrib's ``RecurrentPPO`` too. Logged, and in ``result`` when training has
    ended: how many waits are lost if they are longer, before it and after it.

    :param config: settings
    :param watch: which elements of an observation, flattened, tell whether anything new is seen;
        leave out previous actions and rewards
    :param when: whether to consolidate if training ended now, asked at every step; always, if
        absent
    :raises FloatingPointError: when training ends, if loss or gradient become NaN or infinite, also
        with a hundredth of the step size; the parameters are then those from before
    """

    def __init__(
        self,
        config: ConsolidationConfig | None = None,
        watch: slice = slice(None),
        when: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__()
        self.config = config or ConsolidationConfig()
        self.watch = watch
        self.when = when
        self.result: ConsolidationResult | None = None
        """what came of it, ``None`` as long as there has been none"""
        self._moments: list[Waiting] = []
        self._played = Played([], [], [])
        self._wait = np.zeros(0, np.int64)
        self._last: tuple[Waiting, Played, list[Any]] | None = None
        """what the last rollout left: its moments, its steps and its minibatches"""

    def _on_training_start(self) -> None:
        self.result = None
        self._wait = np.arange(self.training_env.num_envs)
        self._last = None

    def _on_rollout_start(self) -> None:
        self._moments = []
        self._played = Played([], [], [])

    def _on_step(self) -> bool:
        if self.when is not None and not self.when():
            self._wait = self._wait + len(self._wait)  # whatever it was, it is another one now
            self._on_rollout_start()  # what is kept has no gaps
            return True
        new, last = _arrays(self.locals["new_obs"]), _arrays(self.model._last_obs)
        dones = _arrays(self.locals["dones"])
        waits = ~dones & same(new, last, self.watch)
        self._wait = self._wait + ~waits * len(waits)
        step = np.full(len(waits), len(self._played.dones))
        taken = (new, _arrays(self.locals["actions"]), dones)
        for kept, value in zip(self._played, taken, strict=True):
            kept.append(deepcopy(value))  # environments may use the same arrays again
        if waits.any():
            states = self.locals["lstm_states"]
            all_envs = Waiting(new, states.pi, states.vf, self._wait, step)
            self._moments.append(at(all_envs, np.flatnonzero(waits)))
        return True

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        self._last = None
        if self._moments:
            batches = list(model.rollout_buffer.get(model.batch_size))
            self._last = (joined(self._moments), self._played, batches)

    def _on_training_end(self) -> None:
        if self._last is not None and (self.when is None or self.when()):
            descend = partial(self._descend, *self._last)
            self.result = with_smaller_steps(descend, self.config.learning_rate)
            self.logger.record("consolidation/loss", self.result.loss)
            self.logger.record("consolidation/lost_before", self.result.lost_before)
            self.logger.record("consolidation/lost_after", self.result.lost_after)
            self._last = None

    def _descend(
        self, waiting: Waiting, played: Played, batches: list[Any], learning_rate: float
    ) -> ConsolidationResult:
        settling = Settling(self.model.policy, self.config, waiting, played, batches)
        return settling.run(learning_rate)


def _arrays(values: Any) -> Any:
    """NumPy arrays of what may be tensors on a device."""
    return values.cpu().numpy() if isinstance(values, Tensor) else values
