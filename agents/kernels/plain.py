"""Every kernel once more in plain torch: what runs where none is compiled, and what tests hold
the compiled ones to.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from ..cells import Cell, Weights, torch_weights
from ..time_steps import states_at_end

Result: TypeAlias = tuple[Tensor, Tensor, Tensor]


class Heads(NamedTuple):
    """Torch's weights of two linear heads."""

    actor: Tensor  # [A, L]
    actor_bias: Tensor  # [A]
    critic: Tensor  # [1, L]
    critic_bias: Tensor  # [1]


class Taken(NamedTuple):
    """What a rollout says of each step, each [S]."""

    actions: Tensor  # int64
    old_log_probs: Tensor
    advantages: Tensor
    returns: Tensor
    old_values: Tensor


class Coefficients(NamedTuple):
    """Of the loss, see :class:`~warmrl.agents.ppo_loss.PPOLoss`."""

    clip_range: float
    clip_range_vf: float  # infinite for any distance
    ent_coef: float
    vf_coef: float


def time_loop(
    cell: type[Cell], weights: Weights, x: Tensor, h: Tensor, c: Tensor, sizes: list[int]
) -> Result:
    """A cell's equations, step after step, in the layout of :mod:`~warmrl.agents.time_steps`.

    :param x: inputs [sum of sizes, I]
    :param h: hidden states before the first step [N, H]
    :param c: cell states before the first step [N, H]
    :param sizes: sequences running in each step [T]
    :return: hidden states [sum of sizes, H] and each sequence's last ``(h, c)`` [N, H]
    """
    hs, cs = [], []
    for projected in cell.project(weights, x).split_with_sizes(sizes):
        n = len(projected)
        h, c = cell.step(weights, projected, h[:n], c[:n])
        hs.append(h)
        cs.append(c)
    out = torch.cat(hs)
    return out, states_at_end(out, sizes), states_at_end(torch.cat(cs), sizes)


def sequence(
    cell: type[Cell], weights: Weights, x: Tensor | PackedSequence, h: Tensor, c: Tensor
) -> Result:
    """A cell over whole sequences, by torch's own kernel where it has one.

    :param x: inputs [T, N, I], or packed ones, longest sequence first
    :param h: hidden states before the first step [N, H]
    :param c: cell states before the first step [N, H]
    :return: hidden states [T, N, H], or [S, H] of packed inputs, and the last ``(h, c)`` [N, H]
    """
    fused = {"lstm": _lstm, "gru": _gru}.get(cell.kernel or "")
    if fused is not None:
        return fused(torch_weights(weights), x, h, c)
    if isinstance(x, PackedSequence):
        return time_loop(cell, weights, x.data, h, c, x.batch_sizes.tolist())
    out, h, c = time_loop(cell, weights, x.flatten(0, 1), h, c, [x.shape[1]] * len(x))
    return out.view(*x.shape[:2], h.shape[-1]), h, c


def _lstm(weights: list[Tensor], x: Tensor | PackedSequence, h: Tensor, c: Tensor) -> Result:
    state = (h[None], c[None])
    if isinstance(x, PackedSequence):
        out, h, c = torch.lstm(x.data, x.batch_sizes, state, weights, *_settings())
    else:
        out, h, c = torch.lstm(x, state, weights, *_settings(), False)
    return out, h[0], c[0]


def _gru(weights: list[Tensor], x: Tensor | PackedSequence, h: Tensor, c: Tensor) -> Result:
    if isinstance(x, PackedSequence):
        out, h = torch.gru(x.data, x.batch_sizes, h[None], weights, *_settings())
    else:
        out, h = torch.gru(x, h[None], weights, *_settings(), False)
    return out, h[0], c


def _settings() -> tuple[bool, int, float, bool, bool]:
    """Of torch's kernels: biases, one layer, no dropout, keep what a gradient needs, one way."""
    return True, 1, 0.0, torch.is_grad_enabled(), False


def heads(weights: Heads) -> Callable[[Tensor, Tensor], Result]:
    """Sampled actions [N], values [N, 1] and log-probabilities [N] from what two heads see.

    The actions are those that ``torch.multinomial`` would draw.
    """
    actor, actor_bias, critic, critic_bias = weights

    def act(latent: Tensor, critic_latent: Tensor) -> Result:
        log_probs = F.linear(latent, actor, actor_bias).log_softmax(-1)
        race = log_probs.exp() / torch.empty_like(log_probs).exponential_()
        actions = race.argmax(-1)
        taken = log_probs.gather(-1, actions[:, None]).squeeze(-1)
        return actions, F.linear(critic_latent, critic, critic_bias), taken

    return act


def loss(
    latent: Tensor, critic_latent: Tensor, taken: Taken, coefficients: Coefficients, weights: Heads
) -> tuple[Tensor, Tensor]:
    """The loss of PPO on discrete actions: its total, and its parts without a gradient [5].

    The parts are the losses of policy and value, minus the entropy, the share of clipped steps and
    the approximate KL.
    """
    clip_range, clip_range_vf, ent_coef, vf_coef = coefficients
    log_probs = F.linear(latent, weights.actor, weights.actor_bias).log_softmax(-1)
    values = F.linear(critic_latent, weights.critic, weights.critic_bias).squeeze(-1)
    entropy = -(log_probs.exp() * log_probs).sum(-1).mean()
    log_ratio = log_probs.gather(-1, taken.actions[:, None]).squeeze(-1) - taken.old_log_probs
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - clip_range, 1 + clip_range)
    surrogate = torch.minimum(taken.advantages * ratio, taken.advantages * clipped).mean()
    moved = (values - taken.old_values).clamp(-clip_range_vf, clip_range_vf)
    value_loss = (taken.returns - (taken.old_values + moved)).square().mean()
    total = vf_coef * value_loss - ent_coef * entropy - surrogate
    with torch.no_grad():
        outside = ((ratio - 1).abs() > clip_range).to(ratio.dtype).mean()
        approx_kl = (ratio - 1 - log_ratio).mean()
        parts = torch.stack((-surrogate, value_loss, -entropy, outside, approx_kl))
    return total, parts
