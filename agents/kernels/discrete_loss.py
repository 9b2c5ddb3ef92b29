"""The loss of PPO on discrete actions with a hand-written gradient, compiled for a CPU.

It says in one pass over the steps what :class:`~warmrl.agents.ppo_loss.PPOLoss` says in some sixty
operations of torch, of which small minibatches see little but the overhead.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .gemm import add_transposed_product, put_affine, put_product
from .numba_math import compiled, exp
from .plain import Coefficients, Taken


class DiscreteLoss(Function):
    """The loss of a categorical distribution and of values, both linear in what trunks give."""

    @staticmethod
    def forward(
        ctx: Any,
        latent: Tensor,
        critic_latent: Tensor,
        taken: Taken,
        coefficients: Coefficients,
        *heads: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Means over the steps.

        :param latent: what the actor's head sees [S, L]
        :param critic_latent: what the critic's does [S, L]
        :param heads: see :class:`~warmrl.agents.kernels.plain.Heads`
        :return: the total, and without a gradient the losses of policy and value, minus the
            entropy, the clip fraction and the approximate KL [5]
        """
        actor, actor_bias, critic, critic_bias = heads = tuple(w.contiguous() for w in heads)
        latent, critic_latent = latent.contiguous(), critic_latent.contiguous()
        of_scores = latent.new_empty(len(latent), len(actor))
        of_values = latent.new_empty(len(latent), 1)
        total, parts = latent.new_empty(()), latent.new_empty(5)
        of_heads = (actor.t().contiguous(), actor_bias, critic.t().contiguous(), critic_bias)
        results = (of_scores, of_values, total, parts)
        _evaluate(*coefficients, *_arrays(latent, critic_latent, *of_heads, *taken, *results))
        ctx.save_for_backward(latent, critic_latent, of_scores, of_values, *heads)
        ctx.mark_non_differentiable(parts)
        return total, parts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_total: Tensor, _: Tensor) -> tuple[Any, ...]:
        """Gradients of the total."""
        latent, critic_latent, of_scores, of_values, *heads = ctx.saved_tensors
        actor, _, critic, _ = heads
        needs = ctx.needs_input_grad
        of_latent = torch.empty_like(latent) if needs[0] else latent[:0]
        of_critic_latent = torch.empty_like(critic_latent) if needs[1] else latent[:0]
        of_heads = [torch.zeros_like(weight) for weight in heads]
        known = (latent, critic_latent, actor, critic, of_scores, of_values)
        _differentiate(of_total.item(), *_arrays(*known, of_latent, of_critic_latent, *of_heads))
        of_latents = of_latent if needs[0] else None, of_critic_latent if needs[1] else None
        return *of_latents, None, None, *of_heads


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().numpy() for tensor in tensors]


@compiled
def _evaluate(
    clip_range: Any,
    clip_range_vf: Any,
    ent_coef: Any,
    vf_coef: Any,
    latent: Any,
    critic_latent: Any,
    actor: Any,
    actor_bias: Any,
    critic: Any,
    critic_bias: Any,
    actions: Any,
    old_log_probs: Any,
    advantages: Any,
    returns: Any,
    old_values: Any,
    of_scores: Any,
    of_values: Any,
    total: Any,
    parts: Any,
) -> None:
    n, n_actions = of_scores.shape
    kind = latent.dtype.type
    lowest, highest = kind(1 - clip_range), kind(1 + clip_range)
    put_affine(latent, actor, actor_bias, of_scores)
    put_affine(critic_latent, critic, critic_bias, of_values)
    chances = np.empty(n_actions, latent.dtype)
    policy = value = entropies = n_clipped = kl = 0.0
    for k in range(n):
        log_probs, action = of_scores[k], actions[k]
        largest = log_probs[0]
        for a in range(1, n_actions):
            largest = max(largest, log_probs[a])
        weight = kind(0)
        for a in range(n_actions):
            chances[a] = exp(log_probs[a] - largest)
            weight += chances[a]
        normaliser = largest + np.log(weight)
        entropy = kind(0)
        for a in range(n_actions):
            chances[a] /= weight
            log_probs[a] -= normaliser
            entropy -= chances[a] * log_probs[a]

        log_ratio = log_probs[action] - old_log_probs[k]
        ratio = np.exp(log_ratio)
        surrogate = advantages[k] * ratio
        bounded = advantages[k] * min(max(ratio, lowest), highest)
        clipped = bounded < surrogate
        of_log_prob = 0.0 if clipped else -surrogate / n
        policy -= bounded if clipped else surrogate
        entropies += entropy
        n_clipped += abs(ratio - 1) > clip_range
        kl += ratio - 1 - log_ratio
        for a in range(n_actions):
            of_entropy = ent_coef / n * (log_probs[a] + entropy)
            of_scores[k, a] = chances[a] * (of_entropy - of_log_prob)
        of_scores[k, action] += of_log_prob

        moved = of_values[k, 0] - old_values[k]
        far = abs(moved) > clip_range_vf
        error = of_values[k, 0] - returns[k]
        if far:
            error = old_values[k] + np.copysign(clip_range_vf, moved) - returns[k]
        value += error * error
        of_values[k, 0] = 0.0 if far else 2 * vf_coef / n * error
    total[()] = (policy + vf_coef * value - ent_coef * entropies) / n
    parts[0], parts[1], parts[2] = policy / n, value / n, -entropies / n
    parts[3], parts[4] = n_clipped / n, kl / n


@compiled
def _differentiate(
    factor: Any,
    latent: Any,
    critic_latent: Any,
    actor: Any,
    critic: Any,
    of_scores: Any,
    of_values: Any,
    of_latent: Any,
    of_critic_latent: Any,
    of_actor: Any,
    of_actor_bias: Any,
    of_critic: Any,
    of_critic_bias: Any,
) -> None:
    scale = latent.dtype.type(factor)
    of_scores, of_values = scale * of_scores, scale * of_values
    for k in range(of_scores.shape[0]):
        of_critic_bias[0] += of_values[k, 0]
        for a in range(of_scores.shape[1]):
            of_actor_bias[a] += of_scores[k, a]
    add_transposed_product(of_scores, latent, of_actor)
    add_transposed_product(of_values, critic_latent, of_critic)
    if of_latent.shape[0] > 0:
        put_product(of_scores, actor, of_latent)
    if of_critic_latent.shape[0] > 0:
        put_product(of_values, critic, of_critic_latent)
