"""What a policy does with the output of its trunk while experience is collected, compiled."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .gemm import put_affine
from .numba_math import compiled, exp
from .plain import Heads


class CompiledHeads:
    """Sampled actions, values and log-probabilities, of linear heads that do not change meanwhile.

    The actions are those that ``torch.multinomial`` would draw: the largest of the probabilities,
    each divided by exponential noise.

    :param heads: their weights
    """

    def __init__(self, heads: Heads) -> None:
        actor, actor_bias, critic, critic_bias = (weight.detach() for weight in heads)
        tensors = (actor.t(), actor_bias, critic.t(), critic_bias)
        self._heads = [tensor.contiguous().numpy() for tensor in tensors]
        self._n_actions = len(actor)

    def __call__(self, latent: Tensor, critic_latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Actions [N], values [N, 1] and log-probabilities [N].

        :param latent: what the actor's head sees [N, H]
        :param critic_latent: what the critic's does [N, H]
        """
        n = len(latent)
        noise = latent.new_empty(n, self._n_actions).exponential_()
        actions = torch.empty(n, dtype=torch.int64)
        values, log_probs = latent.new_empty(n, 1), latent.new_empty(n)
        seen = (_array_like(latent), _array_like(critic_latent))
        _act(*self._heads, *(a.numpy() for a in (*seen, noise, actions, values, log_probs)))
        return actions, values, log_probs


def _array_like(values: Tensor) -> Tensor:
    """What becomes an array as it is; to detach where nothing is attached takes time, too."""
    return (values.detach() if values.requires_grad else values).contiguous()


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
