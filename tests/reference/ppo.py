"""The loss of PPO over whole sequences, and a step of gradient descent on it."""

from typing import NamedTuple

import torch
from torch import Tensor

from warmrl.tests.reference.network import Memory, Network


class Sequence(NamedTuple):
    """A stretch of one episode of one environment, each list [T]."""

    before: Memory
    """what was remembered when it was played"""
    observations: list[Tensor]
    actions: list[int]
    log_probs: list[float]
    advantages: list[float]
    returns: list[float]


class Coefficients(NamedTuple):
    """Settings of the loss, by SB3's names."""

    clip_range: float
    ent_coef: float
    vf_coef: float
    normalize_advantage: bool


def ppo_loss(network: Network, batch: list[Sequence], settings: Coefficients) -> Tensor:
    """Schulman et al. 2017, eq. 9, over all steps of the minibatch.

    Each sequence is run again from the memory with which it began; later ones are new.
    """
    advantages = torch.tensor([a for seq in batch for a in seq.advantages], dtype=torch.float64)
    if settings.normalize_advantage:
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    normalised = iter(advantages)
    terms = []
    for sequence in batch:
        memory = sequence.before
        for x, action, old, target in zip(*sequence[1:4], sequence.returns, strict=True):
            logits, value, memory = network.step(x, memory)
            log_probs = logits.log_softmax(0)
            ratio, advantage = (log_probs[action] - old).exp(), next(normalised)
            clipped = ratio.clamp(1 - settings.clip_range, 1 + settings.clip_range)
            surrogate = torch.minimum(ratio * advantage, clipped * advantage)
            entropy = -(log_probs.exp() * log_probs).sum()
            error = (value - target).square()
            terms.append(-surrogate - settings.ent_coef * entropy + settings.vf_coef * error)
    return torch.stack(terms).mean()


def descend(network: Network, loss: Tensor, learning_rate: float, max_grad_norm: float) -> None:
    """One step of plain gradient descent, its gradient shortened to ``max_grad_norm``."""
    weights = list(network.weights.values())
    gradients = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
    norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
    step = learning_rate * min(1.0, max_grad_norm / (float(norm) + 1e-6))
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            weight -= step * gradient
