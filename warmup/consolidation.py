"""Consolidation: the states in which a trained policy waits become attractors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor, nn

from ..checks import check_integer, check_number, check_positive
from .divergence import check_descent, restored_on_error, with_smaller_steps
from .modes import training_mode


@dataclass(frozen=True)
class ConsolidationConfig:
    """Settings of :class:`ConsolidationCallback`.

    :raises ValueError: if a setting is out of its range; the message says what would be right
    :raises TypeError: if it is of another type
    """

    n_steps: int = 200
    """Gradient steps."""
    learning_rate: float = 1e-3
    """Step size of Adam, at first; it falls linearly to zero."""
    anchor: float = 1.0
    """Weight of the mean square change of the log-probabilities of the actions taken."""
    batch_size: int = 128
    """States per gradient step."""
    noise: float = 0.1
    """Standard deviation of the noise on h that must have died away: how wide attractors become."""
    max_hold_steps: int = 40
    """Longest time (steps) that an input is held and the gradient goes through."""
    max_drift_steps: int = 200
    """Longest time (steps) for which it has been held before, without a gradient."""
    max_grad_norm: float = 1.0
    """Largest norm of the gradient."""
    seed: int = 0
    """Seed of all that is drawn."""

    def __post_init__(self) -> None:
        for name in ("n_steps", "batch_size", "max_hold_steps"):
            check_integer(name, getattr(self, name), 1)
        check_integer("max_drift_steps", self.max_drift_steps, 0)
        for name in ("learning_rate", "max_grad_norm"):
            check_positive(name, getattr(self, name))
        for name in ("anchor", "noise"):
            check_number(name, getattr(self, name), 0)
        check_integer("seed", self.seed, 0)


class Waiting(NamedTuple):
    """S moments at which nothing new was observed."""

    observations: Any
    """what is observed, once more [S, ...], or a dict of such"""
    actor: tuple[Tensor, Tensor]
    """state ``(h, c)`` of the actor before that observation is read, each [layers, S, H]"""
    critic: tuple[Tensor, Tensor]
    """the same of the critic"""
    wait: NDArray[np.int64]
    """a number for every wait, a stretch of such moments in one environment [S]"""


def rest_loss(
    rnn: nn.Module,
    x: Tensor,
    state: tuple[Tensor, Tensor],
    goal: tuple[Tensor, Tensor],
    n_drift: int,
    n_hold: int,
) -> Tensor:
    """How far states end from where they should rest, when an input is held.

    The mean square of ``F^K(F^J(h)) - goal``, where F is one step under the input x, and that of
    ``tanh(c)``; no gradient goes through the first J steps. It is zero for all J and K only if the
    goal is an attractor of F in whose basin h is: then it is found after any delay.

    :param rnn: called like ``nn.LSTM``, time-major
    :param x: inputs [B, I]
    :param state: ``(h, c)`` from which to start, each [layers, B, H]
    :param goal: ``(h, c)`` to end in, each [layers, B, H]
    :param n_drift: J, for how long the input is held without a gradient
    :param n_hold: K, for how long it is then held with one
    """
    if n_drift:
        with torch.no_grad():
            _, state = rnn(x.expand(n_drift, *x.shape).contiguous(), state)
    _, (h, c) = rnn(x.expand(n_hold, *x.shape).contiguous(), state)
    off: Tensor = (h - goal[0]).square().mean() + (c.tanh() - goal[1].tanh()).square().mean()
    return off


class ConsolidationCallback(BaseCallback):
    """Make the states in which a recurrent policy waits attractors, when its training ends.

    A warm-up makes attractors before training; learning then shifts states and weights, and what
    was learned on short delays may drift away on long ones. This descends on :func:`rest_loss`,
    from noisy states of the last rollout at which nothing new had been observed for some time
    (waits at least half as long as is usual there) to the state at the end of each wait. An anchor
    holds the behaviour: the mean square change of the log-probabilities of all actions of that
    rollout. Only the parameters of the recurrent layers change. It needs no further environment
    steps, and works with sb3-contrib's ``RecurrentPPO`` too.

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
        self._moments: list[Waiting] = []
        self._wait = np.zeros(0, np.int64)
        self._last: tuple[Waiting, list[Any]] | None = None
        """what the last rollout left: its moments and its minibatches"""

    def _on_training_start(self) -> None:
        self._wait = np.arange(self.training_env.num_envs)
        self._last = None

    def _on_rollout_start(self) -> None:
        self._moments = []

    def _on_step(self) -> bool:
        if self.when is not None and not self.when():
            self._wait = self._wait + len(self._wait)  # whatever it was, it is another one now
            return True
        new, last = self.locals["new_obs"], self.model._last_obs
        same = ~self.locals["dones"] & _same(new, last, self.watch)
        self._wait = self._wait + ~same * len(same)
        if same.any():
            states = self.locals["lstm_states"]
            all_envs = Waiting(new, states.pi, states.vf, self._wait)
            self._moments.append(_at(all_envs, np.flatnonzero(same)))
        return True

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        self._last = None
        if self._moments:
            batches = list(model.rollout_buffer.get(model.batch_size))
            self._last = (_joined(self._moments), batches)

    def _on_training_end(self) -> None:
        if self._last is not None and (self.when is None or self.when()):
            descend = partial(self._descend, *self._last)
            last = with_smaller_steps(descend, self.config.learning_rate)
            self.logger.record("consolidation/loss", last)
            self._last = None

    def _descend(self, waiting: Waiting, batches: list[Any], learning_rate: float) -> float:
        """All gradient steps; the loss before the last."""
        policy: Any = self.model.policy
        config, device = self.config, policy.device
        generator = torch.Generator().manual_seed(config.seed)
        usable, goals = _long_waits(waiting.wait)
        actor, critic = _features(policy, waiting.observations)
        trunks = [(policy.lstm_actor, actor, waiting.actor)]
        if getattr(policy, "lstm_critic", None) is not None:
            trunks.append((policy.lstm_critic, critic, waiting.critic))
        parameters = [p for rnn, *_ in trunks for p in rnn.parameters() if p.requires_grad]
        optimiser = torch.optim.Adam(parameters, lr=learning_rate)
        with torch.no_grad():
            before = [_log_probs(policy, batch) for batch in batches]
        last = 0.0
        with restored_on_error(parameters):
            for step in range(config.n_steps):
                optimiser.param_groups[0]["lr"] = learning_rate * (1 - step / config.n_steps)
                drawn = torch.randint(len(usable), (config.batch_size,), generator=generator)
                start, goal = usable[drawn].to(device), goals[drawn].to(device)
                u = float(torch.rand((), generator=generator))
                n_drift = int((config.max_drift_steps + 1) ** u) - 1
                n_hold = 1 + int(torch.randint(config.max_hold_steps, (), generator=generator))
                number = int(torch.randint(len(batches), (), generator=generator))
                with training_mode(policy, True), torch.enable_grad():
                    changed = _log_probs(policy, batches[number]) - before[number]
                    loss = config.anchor * changed.square().mean()
                    for rnn, features, (h, c) in trunks:
                        noise = torch.randn(h[:, start].shape, generator=generator).to(device)
                        begin = (h[:, start] + config.noise * noise, c[:, start])
                        end = (h[:, goal], c[:, goal])
                        loss = loss + rest_loss(rnn, features[start], begin, end, n_drift, n_hold)
                    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.grad = gradient
                norm = nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)
                check_descent("consolidation", step, learning_rate, loss, norm)
                optimiser.step()
                last = loss.item()
        return last


def _log_probs(policy: Any, batch: Any) -> Tensor:
    """Of the actions taken, at the steps of a minibatch that are no padding."""
    actions = batch.actions
    if isinstance(policy.action_space, spaces.Discrete):
        actions = actions.long().flatten()
    _, log_probs, _ = policy.evaluate_actions(
        batch.observations, actions, batch.lstm_states, batch.episode_starts
    )
    real: Tensor = log_probs[batch.mask > 0]
    return real


def _long_waits(wait: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Moments of waits that last at least half as long as is usual, and the last of each wait.

    :param wait: number of the wait of each moment, in the order of time [S]
    :return: indices of moments [M], and for each the index of its wait's last moment [M]
    """
    _, first_reversed, of, lengths = np.unique(
        wait[::-1], return_index=True, return_inverse=True, return_counts=True
    )
    of = of[::-1]
    usual = np.quantile(lengths[of], 0.9)
    long = np.flatnonzero(lengths[of] >= usual / 2)
    last = (len(wait) - 1 - first_reversed)[of]
    return torch.from_numpy(long), torch.from_numpy(last[long])


@torch.no_grad()
def _features(policy: Any, observations: Any) -> tuple[Tensor, Tensor]:
    """What actor and critic read [S, I] each."""
    features = policy.extract_features(policy.obs_to_tensor(observations)[0])
    return features if isinstance(features, tuple) else (features, features)


def _same(new: Any, last: Any, watch: slice) -> NDArray[np.bool_]:
    """In which environments nothing new is observed [N]."""
    parts = [(new[key], last[key]) for key in new] if isinstance(new, dict) else [(new, last)]
    n = len(parts[0][0])
    same = np.ones(n, dtype=np.bool_)
    for now, then in parts:
        equal = np.asarray(now).reshape(n, -1) == np.asarray(then).reshape(n, -1)
        same &= equal[:, watch].all(axis=1)
    return same


def _at(waiting: Waiting, index: NDArray[np.int64]) -> Waiting:
    """Some of the moments."""
    observations = waiting.observations
    return Waiting(
        {key: part[index] for key, part in observations.items()}
        if isinstance(observations, dict)
        else observations[index],
        _states_at(waiting.actor, index),
        _states_at(waiting.critic, index),
        waiting.wait[index],
    )


def _states_at(state: tuple[Tensor, Tensor], index: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    h, c = (part[:, torch.from_numpy(index).to(part.device)] for part in state)
    return h, c


def _joined(moments: list[Waiting]) -> Waiting:
    first = moments[0].observations

    def states(pairs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        h, c = (torch.cat(parts, dim=1) for parts in zip(*pairs, strict=True))
        return h, c

    return Waiting(
        {key: np.concatenate([m.observations[key] for m in moments]) for key in first}
        if isinstance(first, dict)
        else np.concatenate([m.observations for m in moments]),
        states([m.actor for m in moments]),
        states([m.critic for m in moments]),
        np.concatenate([m.wait for m in moments]),
    )
