"""What a policy does with the output of its trunk while experience is collected, compiled."""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import Tensor, nn

from ..policies import MlpRnnPolicy
from .gemm import put_affine
from .numba_math import can_run_compiled, compiled, exp


def linear_heads(policy: MlpRnnPolicy) -> bool:
    """Whether actions are discrete, and heads linear in the trunk's output, on a CPU."""
    between = policy.mlp_extractor
    return (
        isinstance(policy.action_space, spaces.Discrete)
        and type(between) is MlpExtractor
        and not any(map(len, (between.policy_net, between.value_net)))
        and all(
            type(head) is nn.Linear and head.bias is not None and can_run_compiled(head.weight)
            for head in (policy.action_net, policy.value_net)
        )
    )


class CompiledHeads:
    """Sampled actions, values and log-probabilities, of linear heads that do not change meanwhile.

    The actions are those that ``torch.multinomial`` would draw: the largest of the probabilities,
    each divided by exponential noise.

    :param policy: one that has :func:`linear_heads`
    """

    def __init__(self, policy: MlpRnnPolicy) -> None:
        actor, critic = policy.action_net, policy.value_net
        self._heads = [
            head.detach().numpy()
            for head in (actor.weight.t().contiguous(), actor.bias, critic.weight.t(), critic.bias)
        ]
        self._n_actions = actor.out_features

    def __call__(self, latent: Tensor, critic_latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Actions [N], values [N, 1] and log-probabilities [N].

        :param latent: what the actor's head sees [N, H]
        :param critic_latent: what the critic's does [N, H]
        """
        n = len(latent)
        noise = latent.new_empty(n, self._n_actions).exponential_()
        actions = torch.empty(n, dtype=torch.int64)
        values, log_probs = latent.new_empty(n, 1), latent.new_empty(n)
        arrays = (latent, critic_latent, noise, actions, values, log_probs)
        _act(*self._heads, *(a.numpy() for a in arrays))
        return actions, values, log_probs


@compiled
def _act(
    of_actor: Any,
    actor_bias: Any,
    of_critic: Any,
    critic_bias: Any,
    latent: Any,
    critic_latent: Any,
    noise: Any,
    actions: Any,
    values: Any,
    log_probs: Any,
) -> None:
    scores = np.empty(noise.shape, noise.dtype)
    put_affine(critic_latent, of_critic, critic_bias, values)
    put_affine(latent, of_actor, actor_bias, scores)
    for k in range(scores.shape[0]):
        highest = scores[k, 0]
        for a in range(1, scores.shape[1]):
            highest = max(highest, scores[k, a])
        total = noise.dtype.type(0)
        ahead = noise.dtype.type(-1)
        actions[k] = 0  # and so it stays if all is NaN
        for a in range(scores.shape[1]):
            chance = exp(scores[k, a] - highest)
            total += chance
            if chance > ahead * noise[k, a]:
                ahead, actions[k] = chance / noise[k, a], a
        log_probs[k] = scores[k, actions[k]] - highest - np.log(total)
