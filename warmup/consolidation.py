"""Consolidation: the states in which a trained policy waits become attractors."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from .consolidation_config import ConsolidationConfig
from .divergence import restored_on_error, with_smaller_steps
from .longer_waits import LongerWaits
from .modes import training_mode
from .resting import Resting, held, led, rest_loss
from .rounds import Rounds
from .sequels import Played, Sequels
from .stretching import Stretching
from .taken_actions import evaluate_taken
from .waits import Waiting, at, ends_of_long_waits, joined, same


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
    works with sb3-contrib's ``RecurrentPPO`` too.

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
        self._played = Played([], [], [])
        self._wait = np.zeros(0, np.int64)
        self._last: tuple[Waiting, Played, list[Any]] | None = None
        """what the last rollout left: its moments, its steps and its minibatches"""

    def _on_training_start(self) -> None:
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
            last = with_smaller_steps(descend, self.config.learning_rate)
            self.logger.record("consolidation/loss", last)
            self._last = None

    def _descend(
        self, waiting: Waiting, played: Played, batches: list[Any], learning_rate: float
    ) -> float:
        """All rounds; the loss of the last step."""
        policy: Any = self.model.policy
        config = self.config
        generator = torch.Generator().manual_seed(config.seed)
        waiting = self._ends(waiting, generator)
        trunks = self._trunks(waiting)
        parameters = [p for trunk in trunks for p in trunk.rnn.parameters() if p.requires_grad]
        with torch.no_grad():
            before = [_log_probs(policy, batch) for batch in batches]
            actor = trunks[0]
            seen = held(actor.rnn, actor.x, actor.start, n_drift=0, n_hold=1)
        sequels = Sequels(policy, played, waiting, seen, config.n_followed)
        actor.lost = lambda state: sequels.changes(state) > config.max_change
        rounds = Rounds(
            "consolidation", parameters, learning_rate, config.n_steps, config.max_grad_norm
        )
        longer = LongerWaits(policy, played, waiting, config.n_followed)
        stretching = Stretching(longer, rounds, config, generator)

        def anchor() -> Tensor:
            i = int(torch.randint(len(batches), (), generator=generator))
            changed = _log_probs(policy, batches[i]) - before[i]
            return config.anchor * changed.square().mean()

        def loss() -> Tensor:
            total = anchor() + self._rest(trunks, sequels, generator)
            return total + stretching.loss(config.stretch_steps) if stretched else total

        def settle() -> int:
            n_flow = 0
            for number in range(config.n_rounds):
                if stretched:
                    anew = number == 0 or stretching.run(config.stretch_steps, anchor)
                    self._start_again(trunks, longer, forget=anew)
                n_flow = int(config.flow_steps * config.flow_growth**number)
                flows = [trunk.flow(n_flow, config.max_slip, config.noise) for trunk in trunks]
                if number and all(n == 0 and speed < config.rest_speed for n, speed in flows):
                    break
                rounds.run(loss)
            return n_flow

        with restored_on_error(parameters), training_mode(policy, True), torch.enable_grad():
            drifts = self._loses(sequels, actor, config.flow_steps)
            stretched = drifts and stretching.run(config.flow_steps, anchor)
            n_flow = settle()
            if not stretched and len(longer.which):
                self._start_again(trunks[:1], longer)
                stretched = self._loses(sequels, actor, n_flow)
                if stretched:
                    settle()
        return rounds.loss

    @torch.no_grad()
    def _loses(self, sequels: Sequels, actor: Resting, n_steps: int) -> bool:
        """Whether too many waits are followed by other actions if they are longer."""
        end = led(actor.rnn, actor.x, actor.start, n_steps)
        lost = sequels.changes(end) > self.config.max_change
        return lost.float().mean().item() > self.config.max_lost

    @torch.no_grad()
    def _start_again(
        self, trunks: list[Resting], longer: LongerWaits, forget: bool = False
    ) -> None:
        """Let states start where the present weights lead them, and perhaps forget their goals."""
        for i, trunk in enumerate(trunks):
            features = partial(_of_trunk, i, self.model.policy)
            now = longer.states(trunk.rnn, features)
            h, c = (part.clone() for part in trunk.start)
            h[:, longer.which], c[:, longer.which] = now
            trunk.start = h, c
            if forget:
                trunk.goal = None

    def _ends(self, waiting: Waiting, generator: torch.Generator) -> Waiting:
        """The moments in which some of the waits ended."""
        ends = ends_of_long_waits(waiting.wait)
        some = torch.randperm(len(ends), generator=generator)[: self.config.n_states]
        return at(waiting, ends[some.numpy()])

    def _trunks(self, waiting: Waiting) -> list[Resting]:
        """The states at those moments, of actor and critic."""
        policy: Any = self.model.policy
        actor, critic = _features(policy, policy.obs_to_tensor(waiting.observations)[0])
        trunks = [Resting(policy.lstm_actor, actor, waiting.actor)]
        if getattr(policy, "lstm_critic", None) is not None:
            trunks.append(Resting(policy.lstm_critic, critic, waiting.critic))
        return trunks

    def _rest(self, trunks: list[Resting], sequels: Sequels, generator: torch.Generator) -> Tensor:
        """How far noisy states end from their goals, and how differently the actor acts then."""
        config = self.config
        n, device = len(trunks[0].x), trunks[0].x.device
        drawn = torch.randint(n, (config.batch_size,), generator=generator).to(device)
        when = torch.rand(config.batch_size, generator=generator).to(device)
        u = float(torch.rand((), generator=generator))
        n_drift = int((config.max_drift_steps + 1) ** u) - 1
        n_hold = 1 + int(torch.randint(config.max_hold_steps, (), generator=generator))
        total = torch.zeros((), device=device)
        for trunk in trunks:
            layers, _, width = trunk.start[0].shape
            noise = torch.randn(layers, config.batch_size, width, generator=generator)
            off = config.noise * noise.to(device)
            ends, goals = trunk.held(drawn, when, off, n_drift, n_hold)
            total = total + rest_loss(ends, goals)
            if trunk is trunks[0]:
                total = total + config.rehearsal * sequels.changes(ends, drawn).mean()
        return total


def _arrays(values: Any) -> Any:
    """NumPy arrays of what may be tensors on a device."""
    return values.cpu().numpy() if isinstance(values, Tensor) else values


def _log_probs(policy: Any, batch: Any) -> Tensor:
    """Of the actions taken, at the steps of a minibatch that are no padding."""
    _, log_probs, _ = evaluate_taken(
        policy, batch.observations, batch.actions, batch.lstm_states, batch.episode_starts
    )
    real: Tensor = log_probs[batch.mask > 0]
    return real


def _of_trunk(number: int, policy: Any, observations: Any) -> Tensor:
    """What the actor reads [S, I], number 0, or the critic."""
    return _features(policy, observations)[number]


@torch.no_grad()
def _features(policy: Any, observations: Any) -> tuple[Tensor, Tensor]:
    """What actor and critic read [S, I] each."""
    features = policy.extract_features(observations)
    return features if isinstance(features, tuple) else (features, features)
