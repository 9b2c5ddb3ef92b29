"""The loss of proximal policy optimisation, on a minibatch of whole sequences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RecurrentRolloutBufferSamples
from torch import Tensor

from . import kernels
from .kernels import Coefficients, Heads, Taken
from .overrides import linear_heads
from .policies import MlpRnnPolicy
from .sequence_buffer import PackedStates

ROUNDING = 1e-6
"""deviation of advantages, as a share of their mean, up to which they are all alike: dividing by it
would blow up what float32 has rounded"""


class Losses(NamedTuple):
    """Of one minibatch, each a single number."""

    total: Tensor  # what is descended on; all others come without a gradient
    policy: Tensor
    value: Tensor
    entropy: Tensor  # minus the mean entropy
    clip_fraction: Tensor  # of steps whose probability ratio is clipped
    approx_kl: Tensor  # of the old policy from the new, by the estimator r - 1 - log r


@dataclass(frozen=True)
class PPOLoss:
    """The clipped surrogate objective (Schulman et al. 2017, equations 7 and 9).

    :param clip_range: epsilon of the probability ratio
    :param clip_range_vf: how far values may move from the old ones; ``None`` for any distance
    :param normalize_advantage: whether advantages have zero mean and unit deviation
    :param ent_coef: weight of the entropy
    :param vf_coef: weight of the squared error of the values
    """

    clip_range: float
    clip_range_vf: float | None
    normalize_advantage: bool
    ent_coef: float
    vf_coef: float

    def descend(
        self,
        policy: RecurrentActorCriticPolicy,
        minibatch: Sequence[RecurrentRolloutBufferSamples],
    ) -> Losses:
        """Add the gradients of the losses to those of a policy's parameters.

        :param policy: the policy
        :param minibatch: in pieces, of which only one at a time is in memory with its activations
        :return: the losses of the whole minibatch
        """
        pieces = [_real_steps(piece)(piece.advantages) for piece in minibatch]
        scaled = self._scaled(torch.cat(pieces))
        advantages = torch.split_with_sizes(scaled, [len(piece) for piece in pieces])
        total = len(scaled)
        weighted = []
        for piece, its_advantages in zip(minibatch, advantages, strict=True):
            losses, share = self(policy, piece, its_advantages), len(its_advantages) / total
            torch.autograd.backward(losses.total * share)
            weighted.append(share * torch.stack(losses).detach())
        return Losses(*torch.stack(weighted).sum(0))

    def _scaled(self, advantages: Tensor) -> Tensor:
        """Advantages of a minibatch [S], if asked for with zero mean and unit deviation."""
        if not self.normalize_advantage:
            return advantages
        mean, std = advantages.mean(), advantages.std()
        differ = std > ROUNDING * mean.abs()
        return differ * (advantages - mean) / (std + 1e-8)

    def __call__(
        self,
        policy: RecurrentActorCriticPolicy,
        batch: RecurrentRolloutBufferSamples,
        advantages: Tensor,
    ) -> Losses:
        """The losses of a policy, means over the steps that are no padding.

        :param policy: the policy
        :param batch: a minibatch, or a piece of one
        :param advantages: of its steps that are no padding [S]
        """
        if _compiled(policy, batch):
            return self._of_discrete(policy, batch, advantages)
        actions = batch.actions
        if isinstance(policy.action_space, spaces.Discrete):
            actions = actions.long().flatten()
        values, log_probs, entropy = policy.evaluate_actions(
            batch.observations, actions, batch.lstm_states, batch.episode_starts
        )
        real = _real_steps(batch)
        values, log_ratio = real(values.flatten()), real(log_probs - batch.old_log_prob)
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1 - self.clip_range, 1 + self.clip_range)
        surrogate = torch.minimum(advantages * ratio, advantages * clipped).mean()
        if self.clip_range_vf is not None:
            old = real(batch.old_values)
            values = old + (values - old).clamp(-self.clip_range_vf, self.clip_range_vf)
        value_loss = (real(batch.returns) - values).square().mean()
        # Without a closed form, -log p of the actions taken estimates it
        mean_entropy = (real(-log_probs) if entropy is None else real(entropy)).mean()
        total = self.vf_coef * value_loss - self.ent_coef * mean_entropy - surrogate
        with torch.no_grad():
            outside = ((ratio - 1).abs() > self.clip_range).float().mean()
            approx_kl = (ratio - 1 - log_ratio).mean()
            parts = (-surrogate, value_loss, -mean_entropy, outside, approx_kl)
        return Losses(total, *(part.detach() for part in parts))

    def _of_discrete(
        self, policy: MlpRnnPolicy, batch: RecurrentRolloutBufferSamples, advantages: Tensor
    ) -> Losses:
        """The same by :func:`~warmrl.agents.kernels.loss`."""
        latents = policy.latents(batch.observations, batch.lstm_states, batch.episode_starts)
        actor, critic = policy.action_net, policy.value_net
        heads = Heads(actor.weight, actor.bias, critic.weight, critic.bias)
        taken = Taken(
            batch.actions.long().flatten(),
            batch.old_log_prob,
            advantages,
            batch.returns,
            batch.old_values,
        )
        far = float("inf") if self.clip_range_vf is None else self.clip_range_vf
        coefficients = Coefficients(self.clip_range, far, self.ent_coef, self.vf_coef)
        total, parts = kernels.loss(*latents, taken, coefficients, heads)
        return Losses(total, *parts)


def _compiled(policy: RecurrentActorCriticPolicy, batch: RecurrentRolloutBufferSamples) -> bool:
    """Whether the compiled loss says the same."""
    # Sequences are packed only where the fast path of updates is open.
    return (
        isinstance(batch.lstm_states, PackedStates)
        and isinstance(policy, MlpRnnPolicy)
        and linear_heads(policy)
    )


def _real_steps(batch: RecurrentRolloutBufferSamples) -> Callable[[Tensor], Tensor]:
    """What leaves the padding out of a tensor [S]."""
    if isinstance(batch.lstm_states, PackedStates):
        return lambda values: values
    rows = batch.mask.bool()
    return lambda values: values[rows]
