"""The descent of a consolidation: it settles states to which waiting leads."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .anchor import Anchor, Begun
from .consolidation_config import ConsolidationConfig, ConsolidationResult
from .divergence import restored_on_error, restorer
from .longer_waits import LongerWaits
from .modes import training_mode
from .resting import Resting, held, led, rest_loss
from .rounds import Rounds
from .sequels import Played, Sequels
from .stretching import Stretching, doubled
from .waits import Waiting, at, ends_of_long_waits


class Settling:
    """What :class:`ConsolidationCallback` does when training has ended.

    :param policy: sb3-contrib's or one of ours
    :param config: settings
    :param waiting: the moments of a rollout in which nothing new was seen
    :param begun: what there was before the rollout
    :param played: the rollout
    :param batch_size: steps of a minibatch of it, about; ``None`` for all
    """

    def __init__(
        self,
        policy: Any,
        config: ConsolidationConfig,
        waiting: Waiting,
        begun: Begun,
        played: Played,
        batch_size: int | None,
    ) -> None:
        self._policy = policy
        self._config = config
        self._generator = torch.Generator().manual_seed(config.seed)
        waiting = self._ends(waiting)
        self._trunks = self._of(waiting)
        self._actor = self._trunks[0]
        with torch.no_grad():
            seen = held(self._actor.rnn, self._actor.x, self._actor.start, n_drift=0, n_hold=1)
        self._sequels = Sequels(policy, played, waiting, seen, config.n_followed)
        self._longer = LongerWaits(policy, played, waiting, config.n_followed)
        self._actor.lost = self._lost
        self._anchor = Anchor(policy, begun, played, batch_size, self._generator)
        self.n_waits = len(self._actor.x)
        """how many waits are looked at"""

    @torch.no_grad()
    def n_idle(self) -> int:
        """How many of the waits could be a step longer, and what is done then would not change."""
        actor = self._actor
        return self.n_waits - int(self._lost(led(actor.rnn, actor.x, actor.start, 2)).sum())

    def run(self, learning_rate: float) -> ConsolidationResult:
        """All rounds.

        :param learning_rate: step size of Adam at first
        :raises FloatingPointError: if loss or gradient become NaN or infinite; the parameters are
            then those from before
        """
        config = self._config
        parameters = [
            p for trunk in self._trunks for p in trunk.rnn.parameters() if p.requires_grad
        ]
        rounds = Rounds(
            "consolidation", parameters, learning_rate, config.n_steps, config.max_grad_norm
        )
        stretching = Stretching(self._longer, rounds, config, self._generator)
        with restored_on_error(parameters), self._trunks_in_training(), torch.enable_grad():
            before = self._share_lost(config.stretch_steps)
            stretched = before > config.max_lost and stretching.run(
                config.flow_steps, self._anchored
            )
            self._settle(rounds, stretching if stretched else None)
            after = self._share_lost_now()
            for _ in range(config.n_restarts):
                if after <= config.max_lost or not len(self._longer.which):
                    break
                put_back, former = restorer(parameters), after
                self._settle(rounds, stretching)
                after = self._share_lost_now()
                if after >= former:
                    put_back()
                    after = former
                    break
                stretched = True
        return ConsolidationResult(
            rounds.loss, self.n_waits, before, after, stretched, learning_rate
        )

    @contextmanager
    def _trunks_in_training(self) -> Iterator[None]:
        """Recurrent layers in train mode, without which cuDNN has no gradients."""
        with ExitStack() as stack:
            for trunk in self._trunks:
                stack.enter_context(training_mode(trunk.rnn, True))
            yield

    def _settle(self, rounds: Rounds, stretching: Stretching | None) -> None:
        """Rounds until all is at rest, perhaps with stretched episodes."""
        config = self._config

        def loss() -> Tensor:
            total = self._anchored() + self._rest()
            if stretching is not None:
                total = total + stretching.loss(config.stretch_steps)
            return total

        for number in range(config.n_rounds):
            if stretching is not None:
                anew = number == 0 or stretching.run(config.stretch_steps, self._anchored)
                self._start_again(self._trunks, forget=anew)
            n_flow = int(config.flow_steps * config.flow_growth**number)
            flows = [trunk.flow(n_flow, config.max_slip, config.noise) for trunk in self._trunks]
            if number and all(n == 0 and speed < config.rest_speed for n, speed in flows):
                break
            rounds.run(loss)

    def _anchored(self) -> Tensor:
        """How differently the actions of a minibatch are taken."""
        i = int(torch.randint(len(self._anchor), (), generator=self._generator))
        return self._config.anchor * self._anchor.change(i)

    def _lost(self, state: tuple[Tensor, Tensor]) -> Tensor:
        """Which waits are followed by other actions from these states [S]."""
        return self._sequels.changes(state) > self._config.max_change

    @torch.no_grad()
    def _share_lost(self, n_steps: int) -> float:
        """Share of the waits that other actions follow if they are longer, by up to so much."""
        rnn, x, state = self._actor.rnn, self._actor.x, self._actor.start
        lost = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        done = 0
        for steps in doubled(self._config.flow_steps, n_steps):
            before, state = state, led(rnn, x, state, steps - done)
            lost |= self._lost(state)
            if all(map(torch.equal, before, state)):
                break  # at rest, bit by bit
            done = steps
        return lost.float().mean().item()

    def _share_lost_now(self) -> float:
        """The same of all lengths looked at, from where the present weights lead."""
        if len(self._longer.which):
            self._start_again(self._trunks[:1])
        return self._share_lost(self._config.look_steps)

    @torch.no_grad()
    def _start_again(self, trunks: list[Resting], forget: bool = False) -> None:
        """Let states start where the present weights lead them, and perhaps forget their goals."""
        for i, trunk in enumerate(trunks):
            features = partial(_of_trunk, i, self._policy)
            now = self._longer.states(trunk.rnn, features)
            h, c = (part.clone() for part in trunk.start)
            h[:, self._longer.which], c[:, self._longer.which] = now
            trunk.start = h, c
            if forget:
                trunk.goal = None

    def _ends(self, waiting: Waiting) -> Waiting:
        """The moments in which some of the waits ended."""
        ends = ends_of_long_waits(waiting.wait)
        some = torch.randperm(len(ends), generator=self._generator)[: self._config.n_states]
        return at(waiting, ends[some.numpy()])

    def _of(self, waiting: Waiting) -> list[Resting]:
        """The states at those moments, of actor and critic."""
        policy = self._policy
        actor, critic = _features(policy, policy.obs_to_tensor(waiting.observations)[0])
        trunks = [Resting(policy.lstm_actor, actor, waiting.actor)]
        if getattr(policy, "lstm_critic", None) is not None:
            trunks.append(Resting(policy.lstm_critic, critic, waiting.critic))
        return trunks

    def _rest(self) -> Tensor:
        """How far noisy states end from their goals, and how differently the actor acts then."""
        config, generator = self._config, self._generator
        n, device = len(self._actor.x), self._actor.x.device
        drawn = torch.randint(n, (config.batch_size,), generator=generator).to(device)
        when = torch.rand(config.batch_size, generator=generator).to(device)
        u = float(torch.rand((), generator=generator))
        n_drift = int((config.max_drift_steps + 1) ** u) - 1
        n_hold = 1 + int(torch.randint(config.max_hold_steps, (), generator=generator))
        total = torch.zeros((), device=device)
        for trunk in self._trunks:
            layers, _, width = trunk.start[0].shape
            noise = torch.randn(layers, config.batch_size, width, generator=generator)
            off = config.noise * noise.to(device)
            ends, goals = trunk.held(drawn, when, off, n_drift, n_hold)
            total = total + rest_loss(ends, goals)
            if trunk is self._actor:
                total = total + config.rehearsal * self._sequels.changes(ends, drawn).mean()
        return total


def _of_trunk(number: int, policy: Any, observations: Any) -> Tensor:
    """What the actor reads [S, I], number 0, or the critic."""
    return _features(policy, observations)[number]


@torch.no_grad()
def _features(policy: Any, observations: Any) -> tuple[Tensor, Tensor]:
    """What actor and critic read [S, I] each."""
    features = policy.extract_features(observations)
    return features if isinstance(features, tuple) else (features, features)
